#include "sim/files/durable_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <future>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kReadableByAll = 0644;
constexpr std::size_t kLarge = std::size_t{1} << 20U;  // worth a thread, and the way past the cache
constexpr std::size_t kBlock = std::size_t{1} << 12U;  // a multiple of any disk's
constexpr std::size_t kBuffer = std::size_t{1} << 22U;  // bytes to the disk at once

[[noreturn]] void fail(const fs::path& path, int reason = errno) {
  throw std::runtime_error(
      fmt::format("{}: {}", path.string(), std::generic_category().message(reason)));
}

void write_all(int descriptor, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) fail(path);
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

/// While it lives, writes go past the system's cache, if the file's system can do that.
class PastTheCache {
 public:
  explicit PastTheCache(int descriptor)
      : descriptor_(descriptor),
        flags_(fcntl(descriptor, F_GETFL)),
        holds_(flags_ >= 0 && fcntl(descriptor, F_SETFL, flags_ | O_DIRECT) == 0) {}
  ~PastTheCache() { end(); }
  PastTheCache(const PastTheCache&) = delete;
  PastTheCache& operator=(const PastTheCache&) = delete;

  [[nodiscard]] bool holds() const { return holds_; }
  void end() {
    if (std::exchange(holds_, false)) fcntl(descriptor_, F_SETFL, flags_);
  }

 private:
  int descriptor_;
  int flags_;
  bool holds_;
};

constexpr std::string_view kTemporary = ".tmp";

/// Makes an empty file beside `path`, under a name that nobody has.
fs::path made_beside(const fs::path& path) {
  for (int number = 1;; ++number) {
    const std::string other = number == 1 ? "" : fmt::format(".{}", number);
    fs::path name = fmt::format("{}{}{}", path.string(), other, kTemporary);
    const int descriptor =
        open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kReadableByAll);
    if (descriptor >= 0) {
      close(descriptor);
      return name;
    }
    if (errno != EEXIST) fail(name);
  }
}

}  // namespace

void DurableFile::Free::operator()(std::byte* buffer) const {
  ::operator delete (buffer, std::align_val_t{kBlock});
}

DurableFile::DurableFile(fs::path path)
    : path_(std::move(path)),
      descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kReadableByAll)) {
  if (descriptor_ < 0) fail(path_);
}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void DurableFile::write(std::span<const std::byte> bytes) {
  // Hashing runs beside the writing, or after it if no thread can be started.
  const bool beside = bytes.size() >= kLarge;
  const auto policy = beside ? std::launch::async | std::launch::deferred : std::launch::deferred;
  std::future<void> hashed = std::async(policy, [this, bytes] { checksum_.add(bytes); });
  const std::size_t before = bytes.size() < kLarge ? bytes.size() : (0 - bytes_) % kBlock;
  const std::size_t blocks = (bytes.size() - before) / kBlock * kBlock;
  write_all(descriptor_, bytes.first(before), path_);
  write_blocks(bytes.subspan(before, blocks));
  write_all(descriptor_, bytes.subspan(before + blocks), path_);
  bytes_ += bytes.size();
  hashed.get();
}

// In the cache the bytes would take as much memory again. Where a machine has to find that first,
// it takes longer than the disk: on a busy virtual one, 4 s for 540 MB in place of 0.5 s.
void DurableFile::write_blocks(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (!buffer_) {
    buffer_.reset(static_cast<std::byte*>(::operator new (kBuffer, std::align_val_t{kBlock})));
  }
  PastTheCache direct(descriptor_);
  while (!bytes.empty() && direct.holds()) {
    const std::size_t size = std::min(bytes.size(), kBuffer);
    std::ranges::copy(bytes.first(size), buffer_.get());
    const ssize_t count = ::write(descriptor_, buffer_.get(), size);
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
    // Some systems refuse only here; and what is left of a block goes through the cache.
    const bool whole = count >= 0 && static_cast<std::size_t>(count) % kBlock == 0;
    if (whole || (count < 0 && errno == EINTR)) continue;
    if (count < 0 && errno != EINVAL) fail(path_);
    direct.end();
  }
  write_all(descriptor_, bytes, path_);
}

FileDigest DurableFile::finish() {
  if (fsync(descriptor_) != 0) fail(path_);
  if (close(std::exchange(descriptor_, -1)) != 0) fail(path_);
  return {.bytes = bytes_, .sha256 = checksum_.hex()};
}

DirectoryLock::DirectoryLock(const fs::path& path)
    : descriptor_(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) fail(path);
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    close(descriptor_);
    if (reason == EWOULDBLOCK) {
      throw LockedError(fmt::format("{}: another process is at work there", path.string()));
    }
    fail(path, reason);
  }
}

DirectoryLock::~DirectoryLock() { close(descriptor_); }

Replacement::Replacement(fs::path path, const std::function<void(DurableFile&)>& write)
    : path_(std::move(path)) {
  std::error_code none;
  if (fs::exists(path_, none) && !fs::is_regular_file(path_, none)) {
    throw std::runtime_error(fmt::format("{}: is there and is no ordinary file", path_.string()));
  }
  temporary_ = made_beside(path_);
  try {
    DurableFile file(temporary_);
    write(file);
    (void)file.finish();
  } catch (...) {
    fs::remove(temporary_, none);
    throw;
  }
}

Replacement::~Replacement() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove(temporary_, ignored);
}

void Replacement::take_place() {
  rename_durably(temporary_, path_);
  temporary_.clear();
}

void replace_file(const fs::path& path, const std::function<void(DurableFile&)>& write) {
  Replacement(path, write).take_place();
}

void replace_file(const fs::path& path, std::string_view text) {
  replace_file(path, [text](DurableFile& file) { file.write(text); });
}

void remove_unfinished_replacements(const fs::path& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() != kTemporary || !entry.is_regular_file(ignored)) continue;
    fs::remove(entry.path(), ignored);
  }
}

void rename_durably(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) fail(to);
  sync_path(to.has_parent_path() ? to.parent_path() : fs::path("."));
}

void sync_path(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path);
  // EINVAL says that its file system cannot flush such a file, as some cannot flush directories.
  const bool done = fsync(descriptor) == 0 || errno == EINVAL;
  const int reason = errno;
  close(descriptor);
  if (!done) fail(path, reason);
}

FileDigest digest_of_text(std::string_view text) {
  data::Checksum checksum(data::Hash::sha256);
  checksum.add(std::as_bytes(std::span(text)));
  return {.bytes = text.size(), .sha256 = checksum.hex()};
}

std::optional<FileDigest> digest_of(const fs::path& path, std::optional<std::uint64_t> bytes) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  if (error || size < bytes.value_or(size)) return std::nullopt;
  FileDigest digest{.bytes = bytes.value_or(size), .sha256 = {}};
  std::ifstream file(path, std::ios::binary);
  data::Checksum checksum(data::Hash::sha256);
  std::array<char, 1 << 16> part{};
  for (std::uint64_t left = digest.bytes; left > 0;) {
    const std::uint64_t wanted = std::min<std::uint64_t>(left, part.size());
    if (!file.read(part.data(), static_cast<std::streamsize>(wanted))) return std::nullopt;
    checksum.add(std::as_bytes(std::span(part).first(wanted)));
    left -= wanted;
  }
  digest.sha256 = checksum.hex();
  return digest;
}

}  // namespace mvsgd::sim
