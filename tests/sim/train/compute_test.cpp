#include "sim/train/compute.hpp"

#include <gtest/gtest.h>

#include "tests/sim/one_core.hpp"

namespace mvsgd::sim {
namespace {

TEST(SlotCount, LeftToTheMachineIsTheCoresThatTheProgramIsBoundTo) {
  const OneCore one;
  Settings settings;
  EXPECT_EQ(slot_count(settings), 1U);
  settings.slots = 3;
  EXPECT_EQ(slot_count(settings), 3U);
}

}  // namespace
}  // namespace mvsgd::sim
