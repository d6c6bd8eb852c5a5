// A few text files in one compressed file.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace mvsgd::sim {

/// Names and contents, in order.
using TextFiles = std::vector<std::pair<std::string, std::string>>;

/// Writes a tar.xz of the files in a folder of this name, whole or not at all. Its bytes depend on
/// the arguments and on the libraries' versions alone. Throws std::runtime_error if it cannot be
/// written.
void write_bundle(const std::filesystem::path& path, const std::string& folder,
                  const TextFiles& files);

/// Reads such a file. Total: whatever the bytes, it takes no more memory than 64 MiB of contents.
/// Throws InputError naming the file, and the entry, if it is no tar.xz or is cut short; if it has
/// a link, a device, a file outside one folder, a file twice, more than 16 files, or more than 64
/// MiB.
[[nodiscard]] TextFiles read_bundle(const std::filesystem::path& path);

}  // namespace mvsgd::sim
