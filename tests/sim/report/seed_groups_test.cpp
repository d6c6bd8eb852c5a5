// A report's numbers: where masks lie, runs that are read back, groups, curves and the CSV.
#include "sim/report/seed_groups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(KeptByLayer, CountsWhatLayoutAtSaysOfEachCoordinate) {
  const nn::Layout layout = nn::resnet18_parameters({.width = 2});
  std::vector<compress::Index> mask;
  for (compress::Index i = 0; i < layout.size(); i += 1 + i % 7) mask.push_back(i);
  std::map<std::string, std::uint64_t> want;
  for (const compress::Index i : mask) {
    const std::string& name = layout.at(i).name;
    ++want[name.substr(0, name.rfind('.'))];
  }
  std::int64_t coordinates = 0;
  const std::vector<LayerShare> shares = kept_by_layer(layout, mask);
  EXPECT_EQ(shares.size(), 41U);  // 20 convolutions, as many batch norms, the linear layer
  for (const LayerShare& share : shares) {
    EXPECT_EQ(share.kept, want[share.layer]) << share.layer;
    coordinates += share.coordinates;
  }
  EXPECT_EQ(coordinates, layout.size());
  for (const LayerShare& share : kept_by_layer(layout, {})) EXPECT_EQ(share.kept, 0U);
}

TEST(Statistics, SampleDeviationIsOfNMinusOne) {
  const std::vector<double> values{1, 2, 3, 6};
  const Sample four = sample(values);
  EXPECT_DOUBLE_EQ(four.mean, 3);
  EXPECT_DOUBLE_EQ(four.deviation.value(), std::sqrt(14.0 / 3));
  EXPECT_FALSE(sample(std::span(values).first(1)).deviation.has_value());
  EXPECT_THROW((void)sample({}), std::invalid_argument);
}

class Report : public testing::Test {
 protected:
  /// Trains a run of that preset and seed, unless it exists, and returns its path.
  fs::path run(const char* preset_name, std::uint64_t seed = 1) {
    fs::path directory = path_ / (std::string(preset_name) + "-" + std::to_string(seed));
    if (!fs::exists(directory)) {
      Settings settings = small_settings(preset_name);
      settings.seed = seed;
      train_into(directory, settings);
    }
    return directory;
  }
  static void replace(const fs::path& file, const std::string& from, const std::string& to) {
    std::string text = text_of(file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    std::ofstream(file) << text.replace(at, from.size(), to);
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path();
};

TEST_F(Report, ReadsWhatTheRunHasWritten) {
  const RunHistory history = read_run_history(run("ssgd-mv"));
  ASSERT_EQ(history.rounds.size(), history.planned_rounds);
  ASSERT_TRUE(history.end.has_value());
  EXPECT_EQ(history.end->digest.size(), 64U);
  EXPECT_EQ(history.end->test_accuracy, history.rounds.back().test_accuracy);
  EXPECT_GT(history.end->rates.run_both_ways, 1);
  const comm::Bits all =
      history.bits[comm::Direction::up].total() + history.bits[comm::Direction::down].total();
  EXPECT_EQ(history.rounds.back().bits, all);  // metrics.jsonl and ledger.csv agree
  EXPECT_GT(history.bits[comm::Direction::down][comm::Field::initial_model], comm::Bits(0));

  const std::vector<LayerShare>& kept = history.rounds.back().kept;
  ASSERT_EQ(kept.size(), 41U);
  std::int64_t d = 0;
  std::uint64_t k = 0;
  for (const LayerShare& share : kept) {
    d += share.coordinates;
    k += share.kept;
  }
  EXPECT_EQ(k, history.settings.phi.ceil_times(static_cast<std::uint64_t>(d)));
  EXPECT_TRUE(history.rounds.front().kept.empty());  // a dense round
}

TEST_F(Report, ARunningRunIsReadToItsLastWholeLines) {
  const fs::path directory = run("ssgd-mv");
  const RunHistory whole = read_run_history(directory);
  for (const char* name : {"metrics.jsonl", "ledger.csv"}) {
    const std::string text = text_of(directory / name);
    // Cuts within the last line but one, so that the files are as a killed program leaves them.
    const std::size_t end = text.rfind('\n', text.rfind('\n', text.size() - 2) - 1);
    fs::resize_file(directory / name, end + 12);
  }
  const RunHistory cut = read_run_history(directory);
  EXPECT_FALSE(cut.end.has_value());
  EXPECT_EQ(cut.rounds.size(), whole.rounds.size() - 1);
  EXPECT_EQ(cut.rounds.back().bits,
            cut.bits[comm::Direction::up].total() + cut.bits[comm::Direction::down].total());

  fs::resize_file(directory / "metrics.jsonl", 0);
  EXPECT_TRUE(read_run_history(directory).rounds.empty());
}

TEST_F(Report, WhatIsNoRunIsRefusedWithFileAndLine) {
  EXPECT_THAT([&] { (void)read_run_history(path_ / "none"); },
              ThrowsMessage<InputError>(HasSubstr("none: no such directory")));
  const fs::path directory = run("ssgd-mv");
  replace(directory / "metrics.jsonl", "\"loss\":", "\"lost\":");
  EXPECT_THAT([&] { (void)read_run_history(directory); },
              ThrowsMessage<InputError>(HasSubstr("metrics.jsonl:1: ")));
  replace(directory / "metrics.jsonl", "\"lost\":", "\"loss\":");
  std::string round = "1";
  for (const std::string no_number : {"1.5", "-1", "1e300", "4294967297"}) {
    replace(directory / "metrics.jsonl", "\"round\":" + round + ",",
            "\"round\":" + no_number + ",");
    round = no_number;
    EXPECT_THAT([&] { (void)read_run_history(directory); },
                ThrowsMessage<InputError>(HasSubstr("metrics.jsonl:1: ")))
        << round;
  }
  fs::remove(directory / "metrics.jsonl");
  EXPECT_THAT([&] { (void)read_run_history(directory); },
              ThrowsMessage<InputError>(HasSubstr("metrics.jsonl: cannot be read")));
}

TEST_F(Report, GroupsAreOfOneSettingAndManySeeds) {
  Settings narrow = small_settings("ssgd-mv");
  narrow.phi = Decimal::parse("0.5");
  train_into(path_ / "other", narrow);
  const auto groups =
      seed_groups({read_run_history(run("ssgd-mv", 2)), read_run_history(path_ / "other"),
                   read_run_history(run("ssgd-mv", 1)), read_run_history(run("sm"))});
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].label, "ssgd-mv, phi = 0.01");
  EXPECT_EQ(groups[1].label, "ssgd-mv, phi = 0.5");
  EXPECT_EQ(groups[2].label, "sm");
  ASSERT_EQ(groups[0].runs.size(), 2U);
  EXPECT_EQ(groups[0].runs[0].settings.seed, 1U);
  EXPECT_THROW((void)seed_groups({read_run_history(run("sm")), read_run_history(run("sm"))}),
               UsageError);
}

TEST_F(Report, ACurveIsMeanAndDeviationOfTheRunsThatHaveCome) {
  auto groups =
      seed_groups({read_run_history(run("ssgd-mv", 1)), read_run_history(run("ssgd-mv", 2))});
  SeedGroup& group = groups.at(0);
  group.runs[1].rounds.pop_back();
  const auto points = curve(group, quantity("loss"));
  ASSERT_EQ(points.size(), group.runs[0].rounds.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(points[i].value.n, i + 1 < points.size() ? 2U : 1U);
  }
  const RoundHistory& a = group.runs[0].rounds[1];
  const RoundHistory& b = group.runs[1].rounds[1];
  EXPECT_DOUBLE_EQ(points[1].value.mean, (a.loss + b.loss) / 2);
  EXPECT_NEAR(points[1].value.deviation.value(), std::abs(a.loss - b.loss) / std::sqrt(2), 1e-12);
  EXPECT_DOUBLE_EQ(points[1].seconds, 2);
  EXPECT_EQ(curve(group, quantity("test_accuracy")).size(), 2U);
  EXPECT_EQ(curve(group, quantity("mask_overlap")).front().round,
            3);  // first comes one dense, one sparse
}

TEST_F(Report, ALongCurveIsThinnedToMeansOfNeighbours) {
  SeedGroup group{.label = "", .runs = {RunHistory()}};
  for (std::uint32_t t = 1; t <= 1099; ++t) {  // five or six to a point
    RoundHistory metrics;
    metrics.round = t;
    metrics.epoch = 0.5 * t;
    metrics.loss = 2.0 * t;
    group.runs[0].rounds.push_back(metrics);
  }
  const auto points = curve(group, quantity("loss"));
  ASSERT_EQ(points.size(), 200U);
  EXPECT_DOUBLE_EQ(points[0].round, 3);
  EXPECT_EQ(points[0].value.n, 1U);  // a run, however many its rounds
  EXPECT_DOUBLE_EQ(points[199].epoch, 0.5 * 1096.5);
  EXPECT_DOUBLE_EQ(points[199].value.mean, 2.0 * 1096.5);
}

TEST_F(Report, KeptSharesAreOfTheLastMaskOfEveryRun) {
  auto groups =
      seed_groups({read_run_history(run("ssgd-mv", 1)), read_run_history(run("ssgd-mv", 2))});
  const auto shares = kept_shares(groups.at(0));
  ASSERT_EQ(shares.size(), 41U);
  const LayerShare& a = groups[0].runs[0].rounds.back().kept[3];
  const LayerShare& b = groups[0].runs[1].rounds.back().kept[3];
  EXPECT_EQ(shares[3].layer, a.layer);
  EXPECT_NEAR(shares[3].share,
              static_cast<double>(a.kept + b.kept) / (2.0 * static_cast<double>(a.coordinates)),
              1e-12);
  EXPECT_TRUE(kept_shares(seed_groups({read_run_history(run("sm"))}).at(0)).empty());
}

TEST(SharesInMasks, AreOfTheLastEvaluationOfEveryRunThatHasThem) {
  SeedGroup group{.label = "", .runs = std::vector<RunHistory>(3)};
  EXPECT_TRUE(in_masks_shares(group).empty());
  for (RunHistory& run : group.runs) run.rounds.resize(3);
  const auto in_masks = [&](std::size_t run, std::size_t round, std::uint64_t a, std::uint64_t b) {
    RoundHistory& line = group.runs[run].rounds[round];
    line.kept = {{.layer = "a", .coordinates = 10, .kept = 9}};
    line.in_masks = {{.layer = "a", .coordinates = 10, .kept = a},
                     {.layer = "b", .coordinates = 80, .kept = b}};
  };
  in_masks(0, 0, 1, 5);
  in_masks(0, 1, 4, 10);
  in_masks(1, 1, 6, 30);
  const std::vector<KeptShare> shares = in_masks_shares(group);
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(shares[0].layer, "a");
  EXPECT_DOUBLE_EQ(shares[0].share, 0.5);
  EXPECT_EQ(shares[1].layer, "b");
  EXPECT_DOUBLE_EQ(shares[1].share, 0.25);
}

/// Two runs of three rounds, of which the second and third have a share chosen among equal votes.
SeedGroup with_ties() {
  SeedGroup group{.label = "g", .runs = std::vector<RunHistory>(2)};
  for (std::size_t r = 0; r < group.runs.size(); ++r) {
    RunHistory& run = group.runs[r];
    run.settings.seed = r + 1;
    for (std::uint32_t t = 1; t <= 3; ++t) {
      RoundHistory& line = run.rounds.emplace_back();
      line.round = t;
      line.epoch = 0.5 * t;
      line.seconds = 4.0 * t + static_cast<double>(r);
      line.bits = comm::Bits(100 * t);
      WorkerMetrics& workers = run.by_worker.emplace_back();
      workers.round = t;
      workers.epoch = line.epoch;
      if (t > 1) workers.tied = t == 2 ? 0.25 : 0.5 + 0.125 * static_cast<double>(r);
    }
  }
  return group;
}

TEST(Ties, AreACurveOfTheRunsWithTheirDeviation) {
  SeedGroup group = with_ties();
  group.runs[1].rounds.pop_back();  // the line of the third round is still to come
  std::vector<CurvePoint> points = curve_of_ties(group);
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].round, 2);
  EXPECT_EQ(points[0].epoch, 1);
  EXPECT_EQ(points[0].seconds, 8.5);
  EXPECT_EQ(points[0].bits, 200);
  EXPECT_EQ(points[0].value.mean, 0.25);
  EXPECT_EQ(points[0].value.deviation, 0);
  EXPECT_FALSE(points[0].ends.has_value());
  EXPECT_EQ(points[1].value.mean, 0.5);
  EXPECT_EQ(points[1].value.n, 1U);
  points = curve_of_ties(with_ties());
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[1].value.mean, 0.5625);
  EXPECT_DOUBLE_EQ(points[1].value.deviation.value(), 0.125 / std::sqrt(2));
  group.runs[0].by_worker.clear();
  group.runs[1].by_worker.clear();
  EXPECT_TRUE(curve_of_ties(group).empty());
}

TEST(Ties, AreANumberARoundInTheCsv) {
  std::ostringstream out;
  const SeedGroup group = with_ties();
  write_csv(out, std::span(&group, 1));
  EXPECT_THAT(out.str(), HasSubstr("\ng,1,2,1,200,8,tied,0.25\n"));
  EXPECT_THAT(out.str(), HasSubstr("\ng,2,3,1.5,300,13,tied,0.625\n"));
  EXPECT_THAT(out.str(), testing::Not(HasSubstr("g,1,1,0.5,100,4,tied")));
}

TEST_F(Report, CsvHasEveryNumber) {
  const auto groups = seed_groups({read_run_history(run("ssgd-mv"))});
  std::ostringstream out;
  write_csv(out, groups);
  const RoundHistory& last = groups[0].runs[0].rounds.back();
  const std::string start = "\nssgd-mv,1," + std::to_string(last.round) + ",2," +
                            std::to_string(last.bits.count()) + "," + std::to_string(last.round) +
                            ",";
  EXPECT_THAT(out.str(), HasSubstr("group,seed,round,epoch,bits,seconds,quantity,value\n"));
  EXPECT_THAT(out.str(), HasSubstr(start + "kept_by_layer/conv1,"));
  EXPECT_THAT(out.str(), HasSubstr(start + "test_accuracy,"));
  EXPECT_THAT(out.str(), HasSubstr(start + "rate_run_both_ways,"));
  EXPECT_THAT(
      out.str(),
      HasSubstr(
          start + "bits_down/initial_model," +
          std::to_string(
              groups[0].runs[0].bits[comm::Direction::down][comm::Field::initial_model].count()) +
          "\n"));
}

}  // namespace
}  // namespace mvsgd::sim
