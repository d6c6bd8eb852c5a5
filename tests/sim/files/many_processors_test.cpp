// A machine with more processors than a cpu_set_t has bits. This executable has a system call
// of its own, which behaves as Linux's does there.

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "sim/files/cores.hpp"

namespace {

constexpr int kProcessors = 4096;

constexpr std::array kBound = {3, 1023, 1024, 1500, 4000};

cpu_set_t* set_of(cpu_set_t* sets, int processor) { return sets + processor / CPU_SETSIZE; }

}  // namespace

extern "C" int sched_getaffinity(pid_t /*process*/, std::size_t bytes, cpu_set_t* sets) noexcept {
  if (8 * bytes < kProcessors) {
    errno = EINVAL;
    return -1;
  }
  for (const int processor : kBound) CPU_SET(processor % CPU_SETSIZE, set_of(sets, processor));
  return 0;
}

namespace mvsgd::sim {
namespace {

TEST(ManyProcessors, AreCounted) { EXPECT_EQ(bound_cores(), kBound.size()); }

}  // namespace
}  // namespace mvsgd::sim
