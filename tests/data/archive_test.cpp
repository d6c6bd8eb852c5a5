// Archives: files come out whole, and hostile archives write nothing anywhere.
#include "data/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "data/dataset.hpp"
#include "tests/data/small_archive.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::data {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
namespace fs = std::filesystem;

class Unpack : public testing::Test {
 protected:
  Unpack() { fs::create_directory(dir_ / "into"); }

  void expect_refused(const std::vector<Entry>& entries, const std::string& words) {
    const Archive archive = write_archive(file_, entries);
    EXPECT_THAT([&] { unpack(archive, file_, dir_ / "into"); },
                ThrowsMessage<FormatError>(HasSubstr(words)));
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 2) << words;  // target and archive
  }

  TestDirectory directory_;
  fs::path dir_ = directory_.path();
  fs::path file_ = dir_ / "a.tar.gz";
};

TEST_F(Unpack, GivesTheFilesAndPassesOthersOver) {
  unpack(write_archive(file_, good_entries()), file_, dir_ / "into");
  EXPECT_EQ(content(dir_ / "into" / "one.bin"), kOne);
  EXPECT_EQ(content(dir_ / "into" / "two.bin"), kTwo);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "into"), {}), 2);
}

TEST_F(Unpack, SaysWhyAFileCannotBeWritten) {
  const Archive archive = write_archive(file_, good_entries());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit less = before;
  less.rlim_cur = kOne.size() - 1;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &less), 0);
  EXPECT_THAT(
      [&] { unpack(archive, file_, dir_ / "into"); },
      ThrowsMessage<std::runtime_error>(HasSubstr("one.bin: cannot be written: File too large")));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
}

TEST_F(Unpack, RefusesWhatLeadsElsewhere) {
  const auto with = [](const Entry& entry) {
    std::vector<Entry> entries = good_entries();
    entries.insert(entries.begin(), entry);
    return entries;
  };
  expect_refused(with({.name = "folder/../../out", .content = "x"}), "leaves the directory");
  expect_refused(with({.name = dir_ / "out", .content = "x"}), "leaves the directory");
  expect_refused(with({.name = "folder/link", .link_to = "/etc/passwd"}), "no plain file");
  expect_refused(with({.name = "folder/one.bin", .link_to = "../../a.tar.gz"}), "no plain file");
  expect_refused(with({.name = "folder/pipe", .type = AE_IFIFO}), "no plain file");
}

TEST_F(Unpack, RefusesWhatIsNotTheDataSet) {
  std::vector<Entry> entries = good_entries();
  entries.pop_back();
  expect_refused(entries, "two.bin is not in it");
  entries = good_entries();
  entries.push_back(entries.back());
  expect_refused(entries, "twice");
  entries = good_entries();
  entries.back().content += 'x';
  expect_refused(entries, "has 7 bytes, not 6");
  entries = good_entries();
  entries.insert(entries.begin(), {.name = "folder/huge", .content = std::string(5000, 'x')});
  expect_refused(entries, "has 5000 bytes");
  entries.assign(100, {.name = "folder/many", .content = "x"});
  expect_refused(entries, "not the archive");
  expect_refused({{.name = "folder/\x1b[2J", .link_to = "x"}}, "'folder/?[2J'");
}

TEST_F(Unpack, RefusesEveryTruncationAndWhatIsNoArchive) {
  const Archive archive = write_archive(file_, good_entries());
  const std::string whole = content(file_);
  for (std::size_t size = 0; size + 8 < whole.size(); ++size) {  // gzip's sums follow
    std::ofstream(file_, std::ios::binary) << whole.substr(0, size);
    EXPECT_THROW(unpack(archive, file_, dir_ / "into"), FormatError) << size;
  }
  std::ofstream(file_) << std::string(3000, '?');
  EXPECT_THROW(unpack(archive, file_, dir_ / "into"), FormatError);
}

}  // namespace
}  // namespace mvsgd::data
