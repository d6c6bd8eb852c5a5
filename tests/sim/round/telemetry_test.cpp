// A round's report is the sum of its workers'.
#include "sim/round/telemetry.hpp"

#include <gtest/gtest.h>

namespace mvsgd::sim {
namespace {

WorkerReport report_of(double unit) {
  return {.loss = 1 * unit,
          .steps = static_cast<std::uint64_t>(2 * unit),
          .images = static_cast<std::uint64_t>(3 * unit),
          .vote_overlap = 4 * unit,
          .overlaps = static_cast<std::uint32_t>(5 * unit),
          .phases = {.local_steps = 6 * unit, .vote = 7 * unit, .exchange = 8 * unit, .server = 0}};
}

void expect_units(const WorkerReport& report, double unit) {
  EXPECT_EQ(report.loss, unit);
  EXPECT_EQ(report.steps, 2 * unit);
  EXPECT_EQ(report.images, 3 * unit);
  EXPECT_EQ(report.vote_overlap, 4 * unit);
  EXPECT_EQ(report.overlaps, 5 * unit);
  EXPECT_EQ(report.phases.local_steps, 6 * unit);
  EXPECT_EQ(report.phases.vote, 7 * unit);
  EXPECT_EQ(report.phases.exchange, 8 * unit);
}

TEST(Telemetry, SumsUpTheReportsOfARoundAndForgetsThem) {
  Telemetry telemetry;
  telemetry.add(7, 2, report_of(100));
  telemetry.add(8, 0, report_of(1000));
  telemetry.add(7, 0, report_of(1));
  telemetry.add(7, 1, report_of(10));
  expect_units(telemetry.take(7), 111);
  expect_units(telemetry.take(7), 0);
  expect_units(telemetry.take(8), 1000);
}

TEST(Telemetry, SumsUpInTheOrderOfTheWorkersWhateverThatOfArrival) {
  // 2^53 + 1 + 1 is 2^53, 1 + 1 + 2^53 is more.
  Telemetry telemetry;
  telemetry.add(1, 2, {.loss = 0x1p53, .phases = {}});
  telemetry.add(1, 0, {.loss = 1, .phases = {}});
  telemetry.add(1, 1, {.loss = 1, .phases = {}});
  EXPECT_EQ(telemetry.take(1).loss, 0x1p53 + 2);
}

}  // namespace
}  // namespace mvsgd::sim
