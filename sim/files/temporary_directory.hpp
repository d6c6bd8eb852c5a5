// A place for files that nobody is to keep.
#pragma once

#include <filesystem>

namespace mvsgd::sim {

/// A new directory that no other process has, removed with everything in it.
class TemporaryDirectory {
 public:
  /// Where the system has temporary files. Throws InputError with path and reason if it cannot be
  /// made.
  TemporaryDirectory();
  /// In `place`, under a hidden name, so that what is made there can be renamed into `place`.
  /// Throws as the other.
  explicit TemporaryDirectory(const std::filesystem::path& place);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace mvsgd::sim
