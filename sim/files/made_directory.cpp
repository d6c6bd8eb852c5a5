#include "sim/files/made_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "sim/files/input_error.hpp"

namespace mvsgd::sim {

namespace fs = std::filesystem;

MadeDirectory::MadeDirectory(const fs::path& path) {
  std::error_code error;
  std::vector<fs::path> lacking;
  for (fs::path at = path; !at.empty() && !fs::exists(at, error); at = at.parent_path()) {
    lacking.push_back(at);
    if (at == at.parent_path()) break;
  }
  std::ranges::reverse(lacking);  // the outermost first
  for (const fs::path& at : lacking) {
    if (fs::create_directory(at, error)) made_.push_back(at);
    if (!error) continue;
    remove_empty();
    throw InputError(fmt::format("{}: {}", path.string(), error.message()));
  }
  if (!fs::is_directory(path, error)) {
    throw InputError(fmt::format("{}: no directory", path.string()));
  }
}

MadeDirectory::~MadeDirectory() { remove_empty(); }

void MadeDirectory::remove_empty() const {
  std::error_code not_empty;
  for (auto at = made_.rbegin(); at != made_.rend(); ++at) fs::remove(*at, not_empty);
}

void need_writable(const fs::path& directory) {
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return;
  throw InputError(
      fmt::format("{}: {}", directory.string(), std::generic_category().message(errno)));
}

}  // namespace mvsgd::sim
