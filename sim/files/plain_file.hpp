// Refuses what is no file to read from its beginning to its end.
#pragma once

#include <filesystem>

namespace mvsgd::sim {

/// Throws InputError if something other than a plain file is there: a pipe that nobody writes would
/// be waited for. A path at which nothing is passes.
void refuse_unless_plain(const std::filesystem::path& path);

}  // namespace mvsgd::sim
