// A machine with more processors than a cpu_set_t has bits. This executable has the system's two
// calls of its own, which behave as Linux's do there.

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <set>

#include "sim/files/cores.hpp"

namespace {

constexpr int kProcessors = 4096;

std::set<int>& bound() {
  static std::set<int> processors = {3, 1500, 4000};
  return processors;
}

cpu_set_t* set_of(cpu_set_t* sets, int processor) { return sets + processor / CPU_SETSIZE; }

}  // namespace

extern "C" int sched_getaffinity(pid_t /*process*/, std::size_t bytes, cpu_set_t* sets) noexcept {
  if (8 * bytes < kProcessors) {
    errno = EINVAL;
    return -1;
  }
  for (const int processor : bound()) CPU_SET(processor % CPU_SETSIZE, set_of(sets, processor));
  return 0;
}

extern "C" int sched_setaffinity(pid_t /*process*/, std::size_t bytes,
                                 const cpu_set_t* sets) noexcept {
  std::set<int> wanted;
  for (int processor = 0; processor < static_cast<int>(8 * bytes); ++processor) {
    if (CPU_ISSET(processor % CPU_SETSIZE, sets + processor / CPU_SETSIZE)) {
      wanted.insert(processor);
    }
  }
  bound() = wanted;
  return 0;
}

namespace mvsgd::sim {
namespace {

TEST(ManyProcessors, AreCountedAndBoundTo) {
  EXPECT_EQ(bound_cores(), 3U);
  bind_to(std::array{1, 1023, 1024, 2000, 4095});
  EXPECT_EQ(bound(), (std::set<int>{1, 1023, 1024, 2000, 4095}));
  EXPECT_EQ(bound_cores(), 5U);
  bind_to({});
  EXPECT_EQ(bound_cores(), 5U);
}

}  // namespace
}  // namespace mvsgd::sim
