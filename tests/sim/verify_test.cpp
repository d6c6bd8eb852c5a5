// `mvsgd verify`: it holds, and it can fail. Each case runs rounds at the paper's size (about 10
// s).
#include "sim/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>
#include <string>

#include "sim/command_line.hpp"

namespace mvsgd::sim {
namespace {

TEST(Verify, EveryEquationAndEveryRowHolds) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_command({"verify"}, {.out = out, .err = err, .columns = 0}), Exit::good)
      << out.str() << err.str();
  for (const char* subject : {"eq 4", "eq 6", "eq 8", "eq 9", "eq 10", "eq 11", "eq 12", "eq 13",
                              "eq 14", "eq 15", "ssgd-mv-l8"}) {
    EXPECT_THAT(out.str(), testing::HasSubstr(std::string("ok    ") + subject + " "));
  }
  EXPECT_THAT(out.str(), testing::HasSubstr("wire 1,005,660 up, 1,005,660 down"));
  EXPECT_THAT(out.str(), testing::HasSubstr("wire 3,575,680 up, 3,575,680 down"));
}

class VerifyTest : public testing::TestWithParam<std::uint64_t LawConstants::*> {};

TEST_P(VerifyTest, FailsWhenAConstantOfTheLawIsAltered) {
  LawConstants law;
  law.*GetParam() += 1;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_command({"verify"}, {.out = out, .err = err, .columns = 0}, law),
            Exit::check_failed);
  EXPECT_THAT(out.str(), testing::HasSubstr("WRONG"));
}

std::string constant_name(const testing::TestParamInfo<std::uint64_t LawConstants::*>& constant) {
  constexpr std::array kNames{"FloatBits", "FlagBits", "BlockEndBits", "HeaderBits"};
  return kNames[constant.index];
}

INSTANTIATE_TEST_SUITE_P(Each, VerifyTest,
                         testing::Values(&LawConstants::float_bits, &LawConstants::flag_bits,
                                         &LawConstants::block_end_bits, &LawConstants::header_bits),
                         constant_name);

}  // namespace
}  // namespace mvsgd::sim
