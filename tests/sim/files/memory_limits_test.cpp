#include "sim/files/memory_limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/sanitizers.hpp"
#include "tests/sim/files/stated_machine.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

class MemoryLimits : public ::testing::Test {
 protected:
  MemoryLimits() {
    machine_.write(
        "proc/meminfo",
        "MemTotal:       1000 kB\nMemAvailable:    600 kB\nSwapTotal:  90 kB\nSwapFree: 40 kB\n");
    machine_.write("proc/self/status", "Name:\tmvsgd\nVmSize:\t  100 kB\nVmData:\t 50 kB\n");
  }

  /// What a limit leaves whose name ends so, in kB; -1 if there is none.
  [[nodiscard]] long left(const std::string& end) const {
    const std::vector<MemoryLimit> limits = memory_limits(machine_.root());
    const auto found = std::ranges::find_if(
        limits, [&](const MemoryLimit& limit) { return limit.name.ends_with(end); });
    return found == limits.end() ? -1 : static_cast<long>(found->left / 1024);
  }

  StatedMachine machine_;
};

TEST_F(MemoryLimits, OfTheMachineIsWhatIsAvailableAndItsSwap) {
  EXPECT_EQ(left("the machine's free memory"), 640);
}

TEST_F(MemoryLimits, OfGroupsOfVersion2AreItsOwnAndThoseAroundIt) {
  machine_.write("proc/self/cgroup", "0::/jobs/one\n");
  machine_.write("sys/fs/cgroup/jobs/one/memory.max", "max\n");
  machine_.write("sys/fs/cgroup/jobs/one/memory.current", "8192\n");
  machine_.write("sys/fs/cgroup/jobs/memory.max", "409600\n");
  machine_.write("sys/fs/cgroup/jobs/memory.current", "307200\n");
  machine_.write("sys/fs/cgroup/jobs/memory.stat",
                 "anon 1024\ninactive_file 102400\nactive_file 51200\n");
  EXPECT_EQ(left("one/memory.max"), -1);
  // 400 kB less 300, of which 150 are pages of files.
  EXPECT_EQ(left("jobs/memory.max"), 250);
  // A group's swap is no more than the machine's 40.
  machine_.write("sys/fs/cgroup/jobs/memory.swap.max", "max\n");
  machine_.write("sys/fs/cgroup/jobs/memory.swap.current", "0\n");
  EXPECT_EQ(left("jobs/memory.max"), 290);
  machine_.write("sys/fs/cgroup/jobs/memory.swap.max", "10240\n");
  EXPECT_EQ(left("jobs/memory.max"), 260);
}

TEST_F(MemoryLimits, OfVersion1IsThatOfTheControllerOfMemory) {
  machine_.write("proc/self/cgroup", "3:cpu,cpuacct:/x\n4:hugetlb,memory:/box\n0::/\n");
  machine_.write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "204800\n");
  machine_.write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "102400\n");
  machine_.write("sys/fs/cgroup/memory/box/memory.stat", "total_inactive_file 51200\n");
  // The number that stands for no limit.
  machine_.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine_.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
  EXPECT_EQ(left("box/memory.limit_in_bytes"), 150);
  EXPECT_EQ(left("memory/memory.limit_in_bytes"), -1);
}

TEST_F(MemoryLimits, OfTheShellAreLessWhatIsMapped) {
  const auto with = [](__rlimit_resource resource, auto test) {
    rlimit before{};
    getrlimit(resource, &before);
    constexpr rlim_t kMuch = rlim_t{1} << 45U;
    const rlim_t set = std::min(kMuch, before.rlim_max);
    const rlimit now{.rlim_cur = set, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(resource, &now), 0);
    test(static_cast<long>(set / 1024));
    setrlimit(resource, &before);
  };
  if (kSanitized) GTEST_SKIP() << "the sanitizer maps more than any limit";
  with(RLIMIT_AS, [&](long kibibytes) { EXPECT_EQ(left("ulimit -v"), kibibytes - 100); });
  with(RLIMIT_DATA, [&](long kibibytes) { EXPECT_EQ(left("ulimit -d"), kibibytes - 50); });
}

TEST_F(MemoryLimits, ThatCannotBeReadAreNone) {
  EXPECT_EQ(left("memory.max"), -1);
  fs::remove(machine_.root() / "proc/meminfo");
  EXPECT_EQ(left("the machine's free memory"), -1);
}

}  // namespace
}  // namespace mvsgd::sim
