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

TEST(Nearest, IsOneInOtherCapitals) {
  const std::vector<std::string> names{"seed", "phi", "phi_ad"};
  EXPECT_EQ(nearest("PHI", names), "phi");
  EXPECT_EQ(nearest("Phi_AD", names), "phi_ad");
  EXPECT_EQ(nearest("phi", {std::vector<std::string>{"PHI"}}), "PHI");
}

TEST(Nearest, IsAsked) {
  const std::vector<std::string> names{"ssgd-mv", "dense"};
  EXPECT_EQ(did_you_mean("dens", names), ": did you mean 'dense'?");
  EXPECT_EQ(did_you_mean("something-else", names), "");
}

}  // namespace
}  // namespace mvsgd::sim
