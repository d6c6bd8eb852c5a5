// Opens files, and refuses what is no file to read from its beginning to its end, or no directory.
#pragma once

#include <filesystem>
#include <fstream>

namespace mvsgd::sim {

/// Throws InputError if something other than a plain file is there: a pipe that nobody writes would
/// be waited for, and a device may never end. A path at which nothing is passes.
void refuse_unless_plain(const std::filesystem::path& path);

/// Throws InputError unless a directory is there.
void refuse_unless_directory(const std::filesystem::path& path);

/// Opens a plain file, its bytes as they are. Throws InputError naming it, with the system's reason
/// if it cannot be opened.
[[nodiscard]] std::ifstream open_plain(const std::filesystem::path& path);

}  // namespace mvsgd::sim
