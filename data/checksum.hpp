// Checksums, which identify files and runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace mvsgd::data {

enum class Hash : std::uint8_t { md5, sha256 };

/// The hash of bytes that are given in parts. Throws std::runtime_error if the library refuses.
class Checksum {
 public:
  explicit Checksum(Hash hash);
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void add(std::span<const std::byte> bytes);

  /// The hash as hexadecimal digits; ends the sum.
  [[nodiscard]] std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The file's hash as hexadecimal digits. Throws FormatError naming the file if it cannot be read.
[[nodiscard]] std::string checksum(const std::filesystem::path& file, Hash hash);

}  // namespace mvsgd::data
