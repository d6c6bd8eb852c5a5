// gnuplot as a child process.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mvsgd::sim {

/// A directory of its own under the system's one for temporary files, gone with the object.
class TemporaryDirectory {
 public:
  /// Throws InputError if none can be made.
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// `text` as a gnuplot string, in which nothing has a meaning: no quote ends it, no backtick starts
/// a command, a control character is a blank.
[[nodiscard]] std::string gnuplot_string(std::string_view text);

/// Runs gnuplot on `script`, with no shell and none of the user's start-up files. `directory` is
/// where it puts its script and its messages. Throws InputError, naming the package, if there is no
/// gnuplot, std::runtime_error with its words if it fails.
void run_gnuplot(std::string_view script, const std::filesystem::path& directory);

}  // namespace mvsgd::sim
