// Temporary directories in a place of the user: what is left of them, also of killed processes.
#include "sim/files/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

class InAPlace : public testing::Test {
 protected:
  [[nodiscard]] const fs::path& place() const { return directory_.path(); }
  [[nodiscard]] auto count() const { return std::distance(fs::directory_iterator(place()), {}); }

 private:
  TestDirectory directory_;
};

TEST_F(InAPlace, IsRemovedWithWhatIsInIt) {
  fs::path path;
  {
    const TemporaryDirectory one(place());
    const TemporaryDirectory other(place());
    path = one.path();
    std::ofstream(path / "file") << "text";
    EXPECT_EQ(path.parent_path(), place());
    EXPECT_TRUE(path.filename().string().starts_with('.'));
    EXPECT_NE(path, other.path());
    EXPECT_EQ(count(), 2);
  }
  EXPECT_EQ(count(), 0);
}

/// As a process that was killed leaves it: its lock ends with it.
TEST_F(InAPlace, WhatAKilledProcessLeftIsRemovedByTheNext) {
  const auto old = fs::file_time_type::clock::now() - std::chrono::minutes(2);
  for (const char* const name : {".mvsgd-killed", ".mvsgd-held", ".mvsgd-young", "a run"}) {
    fs::create_directory(place() / name);
    std::ofstream(place() / name / "file") << "text";
    if (std::string_view(name) != ".mvsgd-young") fs::last_write_time(place() / name, old);
  }
  const DirectoryLock held(place() / ".mvsgd-held");
  const TemporaryDirectory next(place());
  EXPECT_TRUE(fs::is_empty(next.path()));
  EXPECT_FALSE(fs::exists(place() / ".mvsgd-killed"));
  for (const char* const name : {".mvsgd-held", ".mvsgd-young", "a run"}) {
    EXPECT_TRUE(fs::exists(place() / name / "file")) << name;
  }
}

TEST_F(InAPlace, ThatIsNotThereIsRefused) {
  EXPECT_THAT([&] { const TemporaryDirectory none(place() / "none"); },
              ThrowsMessage<InputError>(HasSubstr("No such file or directory")));
}

}  // namespace
}  // namespace mvsgd::sim
