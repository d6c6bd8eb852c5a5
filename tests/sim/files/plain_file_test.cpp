// What is no plain file is refused by its name and never waited for.
#include "sim/files/plain_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "sim/files/input_error.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class PlainFile : public testing::Test {
 protected:
  [[nodiscard]] fs::path at(const char* name) const { return directory_.path() / name; }

  void refused(const char* name, const char* words) const {
    EXPECT_THAT([&] { (void)open_plain(at(name)); },
                ThrowsMessage<InputError>(AllOf(HasSubstr(at(name).string()), HasSubstr(words))));
  }

  TestDirectory directory_;
};

TEST_F(PlainFile, IsReadByteForByteAlsoThroughALink) {
  std::ofstream(at("file"), std::ios::binary) << "a\r\nb";
  fs::create_symlink("file", at("link"));
  std::ifstream file = open_plain(at("link"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "a\r\nb");
}

TEST_F(PlainFile, IsNoPipeThatNobodyWritesNorADeviceThatNeverEnds) {
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", at("zeros"));
  refused("pipe", "no plain file");
  refused("zeros", "no plain file");
}

TEST_F(PlainFile, ThatIsNotThereIsRefusedWithTheReason) {
  fs::create_directory(at("folder"));
  fs::create_symlink("nowhere", at("dangling"));
  fs::create_symlink("loop", at("loop"));
  refused("folder", "a directory");
  refused("none", "No such file or directory");
  refused("dangling", "No such file or directory");
  refused("loop", "Too many levels of symbolic links");
}

TEST_F(PlainFile, IsNoDirectoryNorIsWhatIsNotThere) {
  fs::create_directory(at("folder"));
  fs::create_symlink("folder", at("link"));
  refuse_unless_directory(at("folder"));
  refuse_unless_directory(at("link"));
  std::ofstream(at("file")) << "text";
  const std::pair<const char*, const char*> others[] = {
      {"file", "no directory, where one is wanted"}, {"none", "no such directory"}};
  for (const auto& [name, why] : others) {
    const fs::path path = at(name);
    EXPECT_THAT([&] { refuse_unless_directory(path); },
                testing::ThrowsMessage<InputError>(path.string() + ": " + why));
  }
}

}  // namespace
}  // namespace mvsgd::sim
