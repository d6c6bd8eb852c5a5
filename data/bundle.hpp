// A few text files in one compressed file.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace mvsgd::data {

/// Names and contents, in order.
using TextFiles = std::vector<std::pair<std::string, std::string>>;

/// The bytes of a tar.xz of the files in a folder of this name. They depend on the arguments and on
/// the libraries' versions alone. Throws std::runtime_error if the library fails.
[[nodiscard]] std::string bundle(const std::string& folder, const TextFiles& files);

/// Reads such a file. Total: whatever the bytes, it takes no more memory than 64 MiB of contents.
/// Throws FormatError naming the file, and the entry, if it is no tar.xz or is cut short; if it has
/// a link, a device, a file outside one folder, an entry twice, more than 16 files, or more than 64
/// MiB; or if something follows its end, unless it is another such archive, whose files count too.
[[nodiscard]] TextFiles read_bundle(const std::filesystem::path& file);

}  // namespace mvsgd::data
