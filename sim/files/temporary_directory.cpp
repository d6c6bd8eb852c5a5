#include "sim/files/temporary_directory.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

#include "sim/files/input_error.hpp"

namespace mvsgd::sim {

namespace fs = std::filesystem;

namespace {

fs::path place_of_system() {
  std::error_code error;
  fs::path place = fs::temp_directory_path(error);
  if (error) {
    throw InputError(
        fmt::format("no directory for temporary files: TMPDIR is none: {}", error.message()));
  }
  return place;
}

/// Makes a directory of a name that begins with `begin`.
fs::path made_new(const fs::path& begin) {
  std::string name = begin.string() + "-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    throw InputError(fmt::format("{}: {}", name, std::generic_category().message(errno)));
  }
  return name;
}

constexpr const char* kHidden = ".mvsgd";
constexpr std::chrono::minutes kYoung{1};  // so long its process may take to lock it

/// Removes what processes have left there that were killed: what nobody holds.
void remove_abandoned(const fs::path& place) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator at(place, error), end; at != end; at.increment(error)) {
    const fs::path path = at->path();
    if (!path.filename().string().starts_with(std::string(kHidden) + '-')) continue;
    std::error_code none;
    if (now - fs::last_write_time(path, none) < kYoung) continue;
    try {
      const DirectoryLock lock(path);
      fs::remove_all(path, none);
    } catch (const std::runtime_error&) {
      // It is somebody's.
    }
  }
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() : path_(made_new(place_of_system() / "mvsgd")) {}

TemporaryDirectory::TemporaryDirectory(const fs::path& place) {
  remove_abandoned(place);
  path_ = made_new(place / kHidden);
  try {
    lock_.emplace(path_);
  } catch (const std::runtime_error& e) {
    std::error_code ignored;
    fs::remove(path_, ignored);
    throw InputError(e.what());
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace mvsgd::sim
