#include "sim/files/temporary_directory.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "sim/files/input_error.hpp"

namespace mvsgd::sim {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  std::error_code error;
  const fs::path place = fs::temp_directory_path(error);
  if (error) {
    throw InputError(
        fmt::format("no directory for temporary files: TMPDIR is none: {}", error.message()));
  }
  std::string name = (place / "mvsgd-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw InputError(fmt::format("{}: {}", name, std::generic_category().message(errno)));
  }
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace mvsgd::sim
