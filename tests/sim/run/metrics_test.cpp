// A round's metrics are one table: what is written is also what is read and shown.
#include "sim/run/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "sim/report/seed_groups.hpp"
#include "sim/run/tensorboard.hpp"

namespace mvsgd::sim {
namespace {

/// A round that has every metric.
RoundMetrics full() {
  RoundMetrics metrics;
  metrics.round = 7;
  metrics.epoch = 0.5;
  metrics.local_steps = 4;
  metrics.learning_rate = 0.25;
  metrics.loss = 2.5;
  metrics.images = 640;
  metrics.bits_up = comm::Bits(1000);
  metrics.bits_down = comm::Bits(3000);
  metrics.union_size = 12;
  metrics.changes = {3, 0, 5};
  metrics.mask_overlap = 0.75;
  metrics.vote_overlap = 0.625;
  metrics.vote_agreement = 0.5;
  metrics.kept = {{.layer = "conv1", .coordinates = 27, .kept = 2},
                  {.layer = "linear", .coordinates = 10, .kept = 0}};
  metrics.mask_age = 2.5;
  metrics.in_masks = {{.layer = "conv1", .coordinates = 27, .kept = 20},
                      {.layer = "linear", .coordinates = 10, .kept = 1}};
  metrics.test_loss = 1.5;
  metrics.test_accuracy = 0.125;
  metrics.theta_sha256 = "abc";
  metrics.seconds = 9;
  metrics.phases = {.local_steps = 1, .vote = 2, .exchange = 3, .server = 4};
  return metrics;
}

std::vector<LayerShare> layers() {
  return {{.layer = "conv1", .coordinates = 27}, {.layer = "linear", .coordinates = 10}};
}

TEST(Metrics, OfARoundAreMeansOverItsReportAndSumsOfItsLedger) {
  RoundRecord record;
  record.round.t = 7;
  record.round.epoch = 0.5;
  record.round.steps = 4;
  record.round.learning_rate = 0.25;
  record.report.loss = 12;
  record.report.steps = 8;  // of two workers
  record.report.images = 512;
  record.report.vote_overlap = 1.5;
  record.report.overlaps = 2;
  record.report.phases = {.local_steps = 1, .vote = 2, .exchange = 3, .server = 4};
  record.sizes.changes = {3, 5};
  record.mask_overlap = 0.5;
  record.vote_agreement = 0.625;
  record.mask = {1, 30, 31};
  record.mask_age = 1.25;
  record.in_masks = {0, 1, 30, 31};
  record.evaluation = Evaluation{.loss = 2.25, .accuracy = 0.125, .digest = "abc"};
  for (const std::uint32_t worker : {0U, 1U}) {
    const auto row = [&](comm::Direction way, comm::Kind kind, comm::Field field, unsigned bits) {
      record.ledger.push_back({.id = {.round = 7, .worker = worker, .direction = way, .kind = kind},
                               .field = field,
                               .bits = comm::Bits(bits)});
    };
    row(comm::Direction::up, comm::Kind::update, comm::Field::values, 100);
    row(comm::Direction::up, comm::Kind::update, comm::Field::header, 10);
    row(comm::Direction::down, comm::Kind::mask, comm::Field::positions, 1);
  }
  nn::Layout layout;
  layout.append("conv1.weight", {30});
  layout.append("linear.weight", {10});

  const RoundMetrics metrics = metrics_of(record, layout, 9);
  EXPECT_EQ(metrics.round, 7U);
  EXPECT_EQ(metrics.epoch, 0.5);
  EXPECT_EQ(metrics.local_steps, 4U);
  EXPECT_EQ(metrics.learning_rate, 0.25);
  EXPECT_EQ(metrics.loss, 12.0 / 8);
  EXPECT_EQ(metrics.images, 512U);
  EXPECT_EQ(metrics.bits_up, comm::Bits(220));
  EXPECT_EQ(metrics.bits_down, comm::Bits(2));
  EXPECT_EQ(metrics.union_size, std::nullopt);
  EXPECT_THAT(metrics.changes, testing::ElementsAre(3, 5));
  EXPECT_EQ(metrics.mask_overlap, 0.5);
  EXPECT_EQ(metrics.vote_overlap, 1.5 / 2);
  EXPECT_EQ(metrics.vote_agreement, 0.625);
  ASSERT_EQ(metrics.kept.size(), 2U);
  EXPECT_EQ(metrics.kept[0].kept, 1U);
  EXPECT_EQ(metrics.kept[1].kept, 2U);
  EXPECT_EQ(metrics.mask_age, 1.25);
  ASSERT_EQ(metrics.in_masks.size(), 2U);
  EXPECT_EQ(metrics.in_masks[0].kept, 2U);
  EXPECT_EQ(metrics.in_masks[1].kept, 2U);
  EXPECT_EQ(metrics.test_loss, 2.25);
  EXPECT_EQ(metrics.test_accuracy, 0.125);
  EXPECT_EQ(metrics.theta_sha256, "abc");
  EXPECT_EQ(metrics.seconds, 9);
  EXPECT_EQ(metrics.phases.server, 4);
}

TEST(Metrics, ALineHasEveryMetricInTheOrderOfTheTable) {
  EXPECT_EQ(
      line_of(full()),
      R"({"round":7,"epoch":0.5,"local_steps":4,"dense":false,"learning_rate":0.25,)"
      R"("loss":2.5,"images":640,"bits_up":1000,"bits_down":3000,"union_size":12,)"
      R"("changes":[3,0,5],"mask_overlap":0.75,"vote_overlap":0.625,"vote_agreement":0.5,)"
      R"("kept_by_layer":{"conv1":2,"linear":0},"mask_age":2.5,)"
      R"("in_masks_by_layer":{"conv1":20,"linear":1},"test_loss":1.5,"test_accuracy":0.125,"theta_sha256":"abc",)"
      R"("seconds":9.0,"cpu_seconds":{"local_steps":1.0,"vote":2.0,"exchange":3.0,)"
      R"("server":4.0}})");
}

TEST(Metrics, ALineLeavesOutWhatTheRoundHasNot) {
  EXPECT_EQ(line_of(RoundMetrics()),
            R"({"round":0,"epoch":0.0,"local_steps":0,"dense":false,"learning_rate":0.0,)"
            R"("loss":0.0,"images":0,"bits_up":0,"bits_down":0,"seconds":0.0,)"
            R"("cpu_seconds":{"local_steps":0.0,"vote":0.0,"exchange":0.0,"server":0.0}})");
}

TEST(Metrics, ALineIsReadBackAsItWasWritten) {
  for (const RoundMetrics& metrics : {full(), RoundMetrics()}) {
    const std::string line = line_of(metrics);
    const auto read = std::get<RoundMetrics>(parse_line(line, layers()));
    EXPECT_EQ(line_of(read), line);
    EXPECT_EQ(read.kept.size(), metrics.kept.size());
    for (const LayerShare& share : read.kept) EXPECT_GT(share.coordinates, 0) << share.layer;
  }
}

TEST(Metrics, ASizeThatANulByteFollowsIsRefused) {
  RoundMetrics metrics;
  metrics.change_counts = {{11, 2}};
  std::string line = line_of(metrics);
  EXPECT_EQ(std::get<RoundMetrics>(parse_line(line, {})).change_counts, metrics.change_counts);
  const std::string size = "\"11";
  line.insert(line.find(size) + size.size(), "\\u0000 of 12");
  EXPECT_THROW((void)parse_line(line, {}), std::invalid_argument);
}

TEST(Metrics, TheEndOfARunIsReadBackAsItWasWritten) {
  RunEnd end{.digest = "abc",
             .test_loss = 2.25,
             .test_accuracy = 0.5,
             .rates = {.uplink = 78, .both_ways = {}, .run_uplink = 34, .run_both_ways = 33},
             .seconds = 10,
             .phases = {.local_steps = 1, .vote = 2, .exchange = 3, .server = 4},
             .files = {}};
  EXPECT_EQ(line_of(end),
            R"({"end":true,"theta_sha256":"abc","test_loss":2.25,"test_accuracy":0.5,)"
            R"("rate_uplink":78.0,"rate_run_uplink":34.0,"rate_run_both_ways":33.0,)"
            R"("seconds":10.0,"cpu_seconds":{"local_steps":1.0,"vote":2.0,"exchange":3.0,)"
            R"("server":4.0}})");
  EXPECT_EQ(line_of(std::get<RunEnd>(parse_line(line_of(end), {}))), line_of(end));
  end.files["ledger.csv"] = {.bytes = 5, .sha256 = "def"};
  EXPECT_THAT(line_of(end),
              testing::EndsWith(R"(},"files":{"ledger.csv":{"bytes":5,"sha256":"def"}}})"));
  EXPECT_EQ(std::get<RunEnd>(parse_line(line_of(end), {})).files, end.files);
  end.test_loss = std::nan("");
  EXPECT_THAT(line_of(end), testing::HasSubstr(R"("test_loss":null)"));
  EXPECT_EQ(std::get<RunEnd>(parse_line(line_of(end), {})).test_loss, std::nullopt);
}

TEST(Metrics, AReportDrawsThoseWithAPlaceAndEventsHaveThoseWithATag) {
  std::vector<std::string> quantity_names;
  for (const Metric& metric : quantities()) quantity_names.emplace_back(metric.name);
  EXPECT_EQ(quantity_names,
            (std::vector<std::string>{"test_accuracy", "loss", "vote_agreement", "mask_overlap",
                                      "vote_overlap", "test_loss", "learning_rate", "mask_age"}));
  std::set<std::string> tags;
  for (const Scalar& scalar : scalars_of(full())) tags.emplace(scalar.tag);
  EXPECT_EQ(tags,
            (std::set<std::string>{"train/loss", "train/learning_rate", "bits/up", "bits/down",
                                   "mask/overlap", "test/accuracy", "test/loss"}));
}

TEST(Metrics, WhatIsShownIsANumberAndHasATitleAndAPlaceOfItsOwn) {
  std::set<int> places;
  for (const Metric& metric : metrics()) {
    const bool is_shown = metric.place > 0 || !metric.tag.empty();
    EXPECT_TRUE(metric.of != nullptr || !is_shown) << metric.name;
    if (metric.place == 0) continue;
    EXPECT_FALSE(metric.title.empty()) << metric.name;
    EXPECT_TRUE(places.insert(metric.place).second) << metric.name;
  }
}

}  // namespace
}  // namespace mvsgd::sim
