// Files that outlive a crash: what is reported as written is on the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "data/checksum.hpp"

namespace mvsgd::sim {

/// A file's size and its SHA-256.
struct FileDigest {
  std::uint64_t bytes = 0;
  std::string sha256;

  friend bool operator==(const FileDigest&, const FileDigest&) = default;
};

/// A file written from its start to its end. Each function throws std::runtime_error with the path
/// and the system's reason if it fails. Many bytes at once go past the system's cache where they
/// can: they are not read again, and need no memory there.
class DurableFile {
 public:
  /// Makes the file, or empties one that is there.
  explicit DurableFile(std::filesystem::path path);
  /// Closes the file. Without finish(), its contents on the disk are not guaranteed.
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// On return, everything written is on the disk. The file takes no more.
  [[nodiscard]] FileDigest finish();

 private:
  struct Free {
    void operator()(std::byte* buffer) const;
  };
  /// Writes whole blocks at a block's begin.
  void write_blocks(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<std::byte, Free> buffer_;
  data::Checksum checksum_{data::Hash::sha256};
};

/// Another process holds the directory's lock.
class LockedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A directory that one process at a time holds. A second process's constructor throws LockedError
/// with the path. The system releases the lock when the process ends, however it ends.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::filesystem::path& path);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_;
};

/// A file's new contents, whole on the disk under a temporary name beside it until they take its
/// place. Several at once for one file, in several processes too, have a name each, and the last
/// one to take its place stays.
class Replacement {
 public:
  /// Throws what `write` throws. Throws std::runtime_error with path and reason if the file cannot
  /// be written, or if `path` is a directory or a device. Nothing is then left behind.
  Replacement(std::filesystem::path path, const std::function<void(DurableFile&)>& write);
  /// Removes contents that have not taken the file's place.
  ~Replacement();
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  /// On return, the new contents are on the disk under the file's name. Throws as the constructor.
  void take_place();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

/// Replaces `path` by a file that `write` fills, whole or not at all: the file is written under a
/// temporary name beside `path` and then renamed. Throws what `write` throws. Throws
/// std::runtime_error with path and reason if the file cannot be written, or if `path` is a
/// directory or a device. A failed call leaves nothing behind.
void replace_file(const std::filesystem::path& path,
                  const std::function<void(DurableFile&)>& write);

/// The same for a file with this text.
void replace_file(const std::filesystem::path& path, std::string_view text);

/// Removes the files that replacements have left in a directory whose processes were killed. Nobody
/// may be replacing a file there.
void remove_unfinished_replacements(const std::filesystem::path& directory);

/// Renames a file. On return, the new name is on the disk.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// Flushes an existing file, or the names in an existing directory, to the disk. Where the file
/// system has no way to do that, nothing is flushed. Throws std::runtime_error with path and
/// reason.
void sync_path(const std::filesystem::path& path);

/// The digest of a file that has this text.
[[nodiscard]] FileDigest digest_of_text(std::string_view text);

/// The digest of a file or of its first `bytes` bytes. None if the file cannot be read or is
/// shorter.
[[nodiscard]] std::optional<FileDigest> digest_of(const std::filesystem::path& path,
                                                  std::optional<std::uint64_t> bytes = {});

}  // namespace mvsgd::sim
