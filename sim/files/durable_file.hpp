// Files that outlive a crash: what is said to be written is on the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "data/checksum.hpp"

namespace mvsgd::sim {

/// How many bytes a file has, and the SHA-256 of them.
struct FileDigest {
  std::uint64_t bytes = 0;
  std::string sha256;

  friend bool operator==(const FileDigest&, const FileDigest&) = default;
};

/// A file that is written from its start to its end. Everything throws std::runtime_error with the
/// path and the system's reason.
class DurableFile {
 public:
  /// Makes the file, or empties one that is there.
  explicit DurableFile(std::filesystem::path path);
  /// Closes it. Without finish() the file's contents on the disk are not promised.
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Everything written is on the disk when it returns. The file takes no more.
  [[nodiscard]] FileDigest finish();

 private:
  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t bytes_ = 0;
  data::Checksum checksum_{data::Hash::sha256};
};

/// Another process has the directory.
class LockedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A directory that one process at a time has: the other's constructor throws LockedError with the
/// path. The system ends it with the process, however that ends.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::filesystem::path& path);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_;
};

/// Replaces `path` by a file of what `write` writes, whole or not at all: the file is written under
/// a temporary name beside it and then renamed. Throws what `write` throws, and std::runtime_error
/// with path and reason if the file cannot be written or a directory or device is there; nothing is
/// left then.
void replace_file(const std::filesystem::path& path,
                  const std::function<void(DurableFile&)>& write);

/// The same of a file with this text.
void replace_file(const std::filesystem::path& path, std::string_view text);

/// Renames, and the new name is on the disk when it returns.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// What is in a file or directory already is on the disk when it returns: of a directory, its
/// names.
void sync_path(const std::filesystem::path& path);

/// The digest of a file, or of its first `bytes`; none if it cannot be read or has fewer.
[[nodiscard]] std::optional<FileDigest> digest_of(const std::filesystem::path& path,
                                                  std::optional<std::uint64_t> bytes = {});

}  // namespace mvsgd::sim
