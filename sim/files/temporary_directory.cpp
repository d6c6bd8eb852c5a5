#include "sim/files/temporary_directory.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "sim/files/input_error.hpp"

namespace mvsgd::sim {

namespace fs = std::filesystem;

namespace {

fs::path place_of_system() {
  std::error_code error;
  const fs::path place = fs::temp_directory_path(error);
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

}  // namespace

TemporaryDirectory::TemporaryDirectory() : path_(made_new(place_of_system() / "mvsgd")) {}

TemporaryDirectory::TemporaryDirectory(const fs::path& place) : path_(made_new(place / ".mvsgd")) {}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace mvsgd::sim
