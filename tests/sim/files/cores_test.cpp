#include "sim/files/cores.hpp"

#include <gtest/gtest.h>

#include "tests/sim/files/stated_machine.hpp"
#include "tests/sim/one_core.hpp"

namespace mvsgd::sim {
namespace {

/// With this machine's cores.
class Cores : public ::testing::Test {
 protected:
  void SetUp() override {
    if (bound_cores() < 2) GTEST_SKIP() << "one core alone";
  }

  StatedMachine machine_;
  std::size_t all_ = bound_cores();
};

TEST_F(Cores, AreThoseThatTheProcessIsBoundTo) {
  EXPECT_EQ(usable_cores(machine_.root()), all_);
  EXPECT_GE(cores_of_machine(), all_);
  const OneCore one;
  EXPECT_EQ(bound_cores(), 1U);
  EXPECT_EQ(usable_cores(machine_.root()), 1U);
}

TEST_F(Cores, AreNoMoreThanAGroupOfVersion2GivesOrOneAroundIt) {
  machine_.write("proc/self/cgroup", "0::/jobs/one\n");
  machine_.write("sys/fs/cgroup/jobs/one/cpu.max", "max 100000\n");
  EXPECT_EQ(usable_cores(machine_.root()), all_);
  machine_.write("sys/fs/cgroup/jobs/cpu.max", "50000 100000\n");
  EXPECT_EQ(usable_cores(machine_.root()), 1U);
  machine_.write("sys/fs/cgroup/jobs/cpu.max", "100000 100000\n");
  EXPECT_EQ(usable_cores(machine_.root()), 1U);
  machine_.write("sys/fs/cgroup/jobs/cpu.max", "110000 100000\n");  // a part of a second core
  EXPECT_EQ(usable_cores(machine_.root()), 2U);
  machine_.write("sys/fs/cgroup/jobs/cpu.max", "99999900000 100000\n");
  EXPECT_EQ(usable_cores(machine_.root()), all_);
}

TEST_F(Cores, AreNoMoreThanAGroupOfVersion1GivesInAContainer) {
  // The container sees its own group as the outermost, under the name that it has outside.
  machine_.write("proc/self/cgroup", "4:memory:/docker/box\n3:cpu,cpuacct:/docker/box\n0::/\n");
  machine_.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  machine_.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(usable_cores(machine_.root()), all_);
  machine_.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "20000\n");
  EXPECT_EQ(usable_cores(machine_.root()), 1U);
}

}  // namespace
}  // namespace mvsgd::sim
