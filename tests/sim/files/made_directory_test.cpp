// Directories that were made and are empty do not stay, nor do the parents made for them.
#include "sim/files/made_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sim/files/input_error.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

class MadeDirectoryTest : public testing::Test {
 protected:
  TestDirectory directory_;
  fs::path path_ = directory_.path() / "a" / "b" / "c";
};

TEST_F(MadeDirectoryTest, ThatStaysEmptyGoesWithTheParentsThatWereMadeForIt) {
  {
    const MadeDirectory made(path_);
    EXPECT_TRUE(fs::is_directory(path_));
  }
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(MadeDirectoryTest, WithSomethingInItStays) {
  {
    const MadeDirectory made(path_);
    std::ofstream(path_ / "file") << "text";
  }
  EXPECT_TRUE(fs::exists(path_ / "file"));
}

TEST_F(MadeDirectoryTest, ThatWasThereStaysThoughEmpty) {
  fs::create_directories(path_.parent_path());
  { const MadeDirectory made(path_); }
  EXPECT_TRUE(fs::is_directory(path_.parent_path()));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(MadeDirectoryTest, IsNoFileNorInOne) {
  const fs::path file = directory_.path() / "file";
  std::ofstream(file) << "text";
  EXPECT_THAT([&] { const MadeDirectory made(file); },
              testing::ThrowsMessage<InputError>(testing::HasSubstr("no directory")));
  EXPECT_THAT([&] { const MadeDirectory made(file / "x"); },
              testing::ThrowsMessage<InputError>(testing::HasSubstr("Not a directory")));
  EXPECT_TRUE(fs::exists(file));
}

TEST_F(MadeDirectoryTest, ThatCannotBeMadeLeavesNoParents) {
  const fs::path long_name = directory_.path() / "a" / std::string(300, 'n');
  EXPECT_THAT([&] { const MadeDirectory made(long_name); },
              testing::ThrowsMessage<InputError>(testing::HasSubstr("File name too long")));
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

}  // namespace
}  // namespace mvsgd::sim
