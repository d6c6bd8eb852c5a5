// The nearest of known names.
#include "sim/text/nearest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mvsgd::sim {
namespace {

TEST(Nearest, IsWithinReachOrNone) {
  const std::vector<std::string> names{"ssgd-mv", "ssgd-mv-l4", "dense"};
  EXPECT_EQ(nearest("sgd-mv-l4", names), "ssgd-mv-l4");
  EXPECT_EQ(nearest("dnese", names), "dense");
  EXPECT_EQ(nearest("something-else", names), "");
}

TEST(Nearest, IsAsked) {
  const std::vector<std::string> names{"ssgd-mv", "dense"};
  EXPECT_EQ(did_you_mean("dens", names), ": did you mean 'dense'?");
  EXPECT_EQ(did_you_mean("something-else", names), "");
}

}  // namespace
}  // namespace mvsgd::sim
