// Checksums of files, by which data sets are known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace mvsgd::data {

enum class Hash : std::uint8_t { md5, sha256 };

/// The file's hash as hexadecimal digits. Throws FormatError naming the file if it cannot be read.
[[nodiscard]] std::string checksum(const std::filesystem::path& file, Hash hash);

}  // namespace mvsgd::data
