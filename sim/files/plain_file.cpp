#include "sim/files/plain_file.hpp"

#include <fmt/format.h>

#include <system_error>

#include "sim/files/input_error.hpp"

namespace mvsgd::sim {

namespace fs = std::filesystem;

void refuse_unless_plain(const fs::path& path) {
  std::error_code none;
  if (fs::exists(path, none) && !fs::is_regular_file(path, none)) {
    throw InputError(fmt::format("{}: no plain file", path.string()));
  }
}

}  // namespace mvsgd::sim
