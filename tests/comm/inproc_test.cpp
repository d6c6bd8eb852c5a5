// What only the in-process transport does; tests/comm/group_test.cpp tests what every transport
// does.
#include "comm/inproc/inproc.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>

namespace mvsgd::comm {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;

constexpr auto kDeadline = 60000ms;

TEST(Inproc, HasEveryRankHere) {
  const InprocGroup group(2, kDeadline);
  EXPECT_EQ(std::vector(group.here().begin(), group.here().end()),
            (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_TRUE(group.is_here(2));
  EXPECT_FALSE(group.is_here(3));
}

TEST(Inproc, SharesTheBytesOfABroadcast) {
  InprocGroup group(3, kDeadline);
  const Message mask = MessageWriter({.kind = Kind::mask, .sender = 3}).finish();
  for (std::uint32_t n = 0; n < 3; ++n) group.end(3).send(n, mask);
  EXPECT_EQ(mask.bytes.use_count(), 4);
}

TEST(Inproc, RefusesAGroupThatCannotBe) {
  EXPECT_THROW(InprocGroup(0, kDeadline), std::invalid_argument);
  EXPECT_THROW(InprocGroup(2, 0ms), std::invalid_argument);
  EXPECT_THROW(InprocGroup(2, -1ms), std::invalid_argument);
  EXPECT_THROW(InprocGroup(2, 24h * 366), std::invalid_argument);
  InprocGroup group(2, kDeadline);
  EXPECT_THROW((void)group.end(3), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::comm
