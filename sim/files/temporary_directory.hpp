// A place for files that nobody is to keep.
#pragma once

#include <filesystem>

namespace mvsgd::sim {

/// A new directory where the system has temporary files, removed with everything in it.
class TemporaryDirectory {
 public:
  /// Throws InputError with path and reason if it cannot be made.
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace mvsgd::sim
