#include "sim/files/cores.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/sim/one_core.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// A machine as its /proc and /sys say it is, with this one's cores.
class Cores : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    if (bound_cores() < 2) GTEST_SKIP() << "one core alone";
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  fs::path root_;
  std::size_t all_ = bound_cores();
};

TEST_F(Cores, AreThoseThatTheProcessIsBoundTo) {
  EXPECT_EQ(usable_cores(root_), all_);
  EXPECT_GE(cores_of_machine(), all_);
  const OneCore one;
  EXPECT_EQ(bound_cores(), 1U);
  EXPECT_EQ(usable_cores(root_), 1U);
}

TEST_F(Cores, AreNoMoreThanAGroupOfVersion2GivesOrOneAroundIt) {
  write("proc/self/cgroup", "0::/jobs/one\n");
  write("sys/fs/cgroup/jobs/one/cpu.max", "max 100000\n");
  EXPECT_EQ(usable_cores(root_), all_);
  write("sys/fs/cgroup/jobs/cpu.max", "50000 100000\n");
  EXPECT_EQ(usable_cores(root_), 1U);
  write("sys/fs/cgroup/jobs/cpu.max", "100000 100000\n");
  EXPECT_EQ(usable_cores(root_), 1U);
  write("sys/fs/cgroup/jobs/cpu.max", "110000 100000\n");  // a part of a second core
  EXPECT_EQ(usable_cores(root_), 2U);
  write("sys/fs/cgroup/jobs/cpu.max", "99999900000 100000\n");
  EXPECT_EQ(usable_cores(root_), all_);
}

TEST_F(Cores, AreNoMoreThanAGroupOfVersion1GivesInAContainer) {
  // The container sees its own group as the outermost, under the name that it has outside.
  write("proc/self/cgroup", "4:memory:/docker/box\n3:cpu,cpuacct:/docker/box\n0::/\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(usable_cores(root_), all_);
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "20000\n");
  EXPECT_EQ(usable_cores(root_), 1U);
}

}  // namespace
}  // namespace mvsgd::sim
