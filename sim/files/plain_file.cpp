#include "sim/files/plain_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "sim/files/input_error.hpp"

namespace mvsgd::sim {

namespace fs = std::filesystem;

void refuse_unless_plain(const fs::path& path) {
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  if (!fs::exists(status) || fs::is_regular_file(status)) return;
  throw InputError(fmt::format(
      "{}: {}", path.string(),
      fs::is_directory(status) ? "a directory, where a file is wanted" : "no plain file"));
}

std::ifstream open_plain(const fs::path& path) {
  refuse_unless_plain(path);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (file) return file;
  const int reason = errno;
  throw InputError(fmt::format("{}: cannot be read{}{}", path.string(), reason == 0 ? "" : ": ",
                               reason == 0 ? "" : std::generic_category().message(reason)));
}

}  // namespace mvsgd::sim
