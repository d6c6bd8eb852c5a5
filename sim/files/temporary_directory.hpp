// A place for files that nobody is to keep.
#pragma once

#include <filesystem>
#include <optional>

#include "sim/files/durable_file.hpp"

namespace mvsgd::sim {

/// A new directory that no other process has, removed with everything in it.
class TemporaryDirectory {
 public:
  /// Where the system has temporary files. Throws InputError with path and reason if it cannot be
  /// made.
  TemporaryDirectory();
  /// In `place`, under a hidden name, so that what is made there can be renamed into `place`; those
  /// of processes that were killed are removed. Throws as the other.
  explicit TemporaryDirectory(const std::filesystem::path& place);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::optional<DirectoryLock> lock_;  ///< in a place of users, where others may look
};

}  // namespace mvsgd::sim
