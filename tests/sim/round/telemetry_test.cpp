// A round's report is the sum of its workers' reports.
#include "sim/round/telemetry.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "comm/inproc/inproc.hpp"

namespace mvsgd::sim {
namespace {

WorkerReport report_of(double unit) {
  return {.loss = 1 * unit,
          .steps = static_cast<std::uint64_t>(2 * unit),
          .images = static_cast<std::uint64_t>(3 * unit),
          .vote_overlap = 4 * unit,
          .overlaps = static_cast<std::uint32_t>(5 * unit),
          .vote_agreement = 9 * unit,
          .votes = static_cast<std::uint32_t>(11 * unit),
          .error_square = 12 * unit,
          .phases = {.local_steps = 6 * unit, .vote = 7 * unit, .exchange = 8 * unit, .server = 0}};
}

void expect_units(const WorkerReport& report, double unit) {
  EXPECT_EQ(report.loss, unit);
  EXPECT_EQ(report.steps, 2 * unit);
  EXPECT_EQ(report.images, 3 * unit);
  EXPECT_EQ(report.vote_overlap, 4 * unit);
  EXPECT_EQ(report.overlaps, 5 * unit);
  EXPECT_EQ(report.vote_agreement, 9 * unit);
  EXPECT_EQ(report.votes, 11 * unit);
  EXPECT_EQ(report.error_square, 12 * unit);
  EXPECT_EQ(report.phases.local_steps, 6 * unit);
  EXPECT_EQ(report.phases.vote, 7 * unit);
  EXPECT_EQ(report.phases.exchange, 8 * unit);
}

TEST(Telemetry, SumsUpReportsAsTheyAreSent) {
  WorkerReport sum;
  for (const double unit : {1., 10., 100.}) sum += decode_report(encode_report(report_of(unit)));
  expect_units(sum, 111);
}

TEST(Telemetry, ReportsOfARoundAreInTheOrderOfTheWorkersWhateverThatOfArrival) {
  // The order matters: 2^53 + 1 + 1 is 2^53, while 1 + 1 + 2^53 is more.
  comm::InprocGroup group(3);
  const double losses[] = {1, 1, 0x1p53};
  for (const std::uint32_t worker : {2U, 0U, 1U}) {
    group.end(worker).report_round(1, encode_report({.loss = losses[worker], .phases = {}}));
  }
  WorkerReport sum;
  for (const auto& report : group.end(3).close_round(1).reports) sum += decode_report(report);
  EXPECT_EQ(sum.loss, 0x1p53 + 2);
}

}  // namespace
}  // namespace mvsgd::sim
