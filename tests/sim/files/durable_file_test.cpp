// Files that outlive a crash: their digests, and the error on a full disk.
#include "sim/files/durable_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// The digest of "abc", from FIPS 180-2.
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class DurableFileTest : public testing::Test {
 protected:
  static std::string text(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path();
};

TEST_F(DurableFileTest, FinishSaysWhatTheFileHas) {
  DurableFile file(path_ / "abc");
  file.write("a");
  file.write("bc");
  EXPECT_EQ(file.finish(), (FileDigest{.bytes = 3, .sha256 = kAbc}));
  EXPECT_EQ(text(path_ / "abc"), "abc");
}

TEST_F(DurableFileTest, WhatIsHashedOnAThreadOfItsOwnIsTheSame) {
  std::string large(3 << 20, 'x');
  large.back() = 'y';
  DurableFile file(path_ / "file");
  file.write("a");
  file.write(large);
  file.write("b");
  EXPECT_EQ(file.finish(), digest_of(path_ / "file"));  // digest_of() reads small parts
  EXPECT_EQ(text(path_ / "file"), "a" + large + "b");
  EXPECT_THROW(DurableFile("/dev/full").write(large), std::runtime_error);
}

/// How many of a file's pages the system has in its cache.
std::size_t cached_pages(const fs::path& path) {
  const std::size_t bytes = fs::file_size(path);
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  std::vector<unsigned char> cached((bytes + page - 1) / page);
  EXPECT_EQ(mincore(mapped, bytes, cached.data()), 0);
  munmap(mapped, bytes);
  return static_cast<std::size_t>(std::ranges::count_if(cached, [](auto of) { return of & 1U; }));
}

// What a save writes is not read again. In the cache it would take as much memory again, and the
// time to find it.
TEST_F(DurableFileTest, ManyBytesAtOnceTakeNoMemoryOfTheSystems) {
  const int probe = open((path_ / "probe").c_str(), O_WRONLY | O_CREAT | O_DIRECT, 0644);
  if (probe < 0) GTEST_SKIP() << path_ << ": its file system writes through the cache alone";
  close(probe);
  std::string large((std::size_t{9} << 20U) + 5, 'x');
  large[large.size() / 2] = 'y';
  DurableFile file(path_ / "file");
  std::string all;
  for (const std::string& part : {std::string("ab"), large, std::string("c"), large, large}) {
    file.write(part);
    all += part;
  }
  const FileDigest digest = file.finish();
  EXPECT_LE(cached_pages(path_ / "file"), 8U);  // the blocks in which two parts meet
  EXPECT_EQ(digest.bytes, all.size());
  EXPECT_EQ(digest, digest_of(path_ / "file"));
  EXPECT_TRUE(text(path_ / "file") == all);
}

TEST_F(DurableFileTest, DigestOfAFileOrItsBeginning) {
  std::ofstream(path_ / "file") << "abcdef";
  EXPECT_EQ(digest_of(path_ / "file", 3), (FileDigest{.bytes = 3, .sha256 = kAbc}));
  EXPECT_NE(digest_of(path_ / "file")->sha256, kAbc);
  EXPECT_FALSE(digest_of(path_ / "file", 7));
  EXPECT_FALSE(digest_of(path_ / "none"));
}

TEST_F(DurableFileTest, ReplacesAFileWholeAndLeavesNoOther) {
  std::ofstream(path_ / "file") << "what was there";
  replace_file(path_ / "file", "abc");
  EXPECT_EQ(text(path_ / "file"), "abc");
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), {}), 1);
}

TEST_F(DurableFileTest, ReplacementsAtOnceAreNotInEachOthersWay) {
  const auto with = [](std::string_view text) {
    return [text](DurableFile& file) { file.write(text); };
  };
  Replacement first(path_ / "file", with("first"));
  Replacement second(path_ / "file", with("second"));
  second.take_place();
  EXPECT_EQ(text(path_ / "file"), "second");
  first.take_place();
  EXPECT_EQ(text(path_ / "file"), "first");
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), {}), 1);
}

TEST_F(DurableFileTest, NothingIsLeftBesideWhatCannotBeReplaced) {
  fs::create_directory(path_ / "directory");
  EXPECT_THROW(replace_file(path_ / "directory", "abc"), std::runtime_error);
  EXPECT_TRUE(fs::is_directory(path_ / "directory"));
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), {}), 1);
}

TEST_F(DurableFileTest, ADirectoryIsLockedOnce) {
  {
    const DirectoryLock lock(path_);
    EXPECT_THROW(const DirectoryLock second(path_), std::runtime_error);
  }
  EXPECT_NO_THROW(const DirectoryLock again(path_));
}

TEST_F(DurableFileTest, ADirectoryWhoseSystemCannotFlushItIsNoFailure) {
  EXPECT_NO_THROW(sync_path(path_));
  EXPECT_NO_THROW(sync_path("/proc"));
  EXPECT_THROW(sync_path(path_ / "no"), std::runtime_error);
}

TEST_F(DurableFileTest, AFullDiskIsSaidWithThePath) {
  DurableFile full("/dev/full");
  try {
    full.write("abc");
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "/dev/full: No space left on device");
  }
  EXPECT_THROW(DurableFile(path_ / "no" / "file"), std::runtime_error);
  EXPECT_THROW(replace_file(path_ / "no" / "file", ""), std::runtime_error);
}

}  // namespace
}  // namespace mvsgd::sim
