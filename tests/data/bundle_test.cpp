// Text files in one tar.xz: what is read is one folder of plain files, in xz, and nothing else.
#include "data/bundle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "tests/data/small_archive.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::data {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class Bundle : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path() const { return directory_.path() / "a.tar.xz"; }

  void refused(const std::vector<Entry>& entries, const std::string& reason,
               int filter = ARCHIVE_FILTER_XZ) const {
    (void)write_archive(path(), entries, filter);
    EXPECT_THAT([&] { (void)read_bundle(path()); },
                ThrowsMessage<FormatError>(HasSubstr(path().string() + ": " + reason)));
  }

 private:
  TestDirectory directory_;
};

TEST_F(Bundle, IsReadAsItWasMade) {
  const TextFiles files{{"one", "1\n"}, {"two", std::string(100'000, 'x')}, {"empty", ""}};
  std::ofstream(path(), std::ios::binary) << bundle("run", files);
  EXPECT_EQ(read_bundle(path()), files);
}

TEST_F(Bundle, IsCompressedByXz) {
  const std::vector<Entry> entries{{.name = "run/one", .content = "1"}};
  refused(entries, "it is not compressed by xz", ARCHIVE_FILTER_NONE);
  refused({}, "it is not compressed by xz", ARCHIVE_FILTER_NONE);
  refused(entries, "no tar.xz, or not all of one (", ARCHIVE_FILTER_GZIP);
  (void)write_archive(path(), entries, ARCHIVE_FILTER_XZ);
  EXPECT_EQ(read_bundle(path()), (TextFiles{{"one", "1"}}));
}

TEST_F(Bundle, EndsWhereItsFileEnds) {
  const std::string whole = bundle("run", {{"one", "1"}});
  for (const std::string& behind : {std::string(512, 'x'), std::string("x")}) {
    std::ofstream(path(), std::ios::binary) << whole << behind;
    EXPECT_THROW((void)read_bundle(path()), FormatError);
  }
  for (const std::size_t kept : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
    std::ofstream(path(), std::ios::binary) << whole.substr(0, kept);
    EXPECT_THAT([&] { (void)read_bundle(path()); },
                ThrowsMessage<FormatError>(HasSubstr("no tar.xz, or not all of one (")));
  }
}

TEST_F(Bundle, HasTheFilesOfArchivesThatFollow) {
  const std::string first = bundle("run", {{"one", "1"}});
  std::ofstream(path(), std::ios::binary) << first << bundle("run", {{"two", "2"}});
  EXPECT_EQ(read_bundle(path()), (TextFiles{{"one", "1"}, {"two", "2"}}));
  std::ofstream(path(), std::ios::binary) << first << first;
  EXPECT_THROW((void)read_bundle(path()), FormatError);
}

TEST_F(Bundle, IsOneFolderOfPlainFiles) {
  refused({{.name = "run/one"}, {.name = "other/two"}}, "other is a second folder");
  refused({{.name = "one"}}, "one is not in a folder");
  refused({{.name = "../one"}}, "../one is not in a folder");
  refused({{.name = "run/in/one"}}, "run/in/one is not in a folder");
  refused({{.name = "run/one"}, {.name = "run/one"}}, "one is there twice");
  refused({{.name = "run/one", .link_to = "two"}}, "run/one is no plain file");
  refused({{.name = "run/in/", .type = AE_IFDIR}}, "run/in/ is not in a folder");
  refused({{.name = "run/one"}, {.name = "other/", .type = AE_IFDIR}}, "other is a second folder");
  std::vector<Entry> many;
  for (char name = 'a'; name <= 'q'; ++name) many.push_back({.name = std::string("run/") + name});
  refused(many, "it has more than 16 files");
  refused({{.name = "run/one", .content = std::string((std::size_t{64} << 20U) + 1, '\0')}},
          "it has more than 64 MiB");
}

TEST_F(Bundle, MayNameItsFolderAsTarDoes) {
  const Entry folder{.name = "run/", .type = AE_IFDIR};
  const Entry file{.name = "run/one", .content = "1"};
  const TextFiles files{{"one", "1"}};
  for (const std::vector<Entry>& entries : {std::vector<Entry>{folder, file},
                                            {file, folder},
                                            {{.name = "./run/one", .content = "1"}}}) {
    (void)write_archive(path(), entries, ARCHIVE_FILTER_XZ);
    EXPECT_EQ(read_bundle(path()), files);
  }
  refused({folder, file, folder}, "run is there twice");
}

}  // namespace
}  // namespace mvsgd::data
