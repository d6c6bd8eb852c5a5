#include "sim/files/plain_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <string>
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

void refuse_unless_directory(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return;
  const std::string why = error == std::errc::no_such_file_or_directory ? "no such directory"
                          : error                                       ? error.message()
                                  : "no directory, where one is wanted";
  throw InputError(fmt::format("{}: {}", path.string(), why));
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
