// What a user is told at the end of a run.
#include "sim/cli/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "sim/plan/presets.hpp"
#include "sim/train/images.hpp"
#include "tests/sim/small_run.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

TEST(NameOfLaw, IsTheEquationsWhereEveryCodeIsThePapers) {
  Settings settings = preset("ssgd-mv-l4").settings;
  EXPECT_EQ(name_of_law(settings), "eqs 13-15");
  settings.aggregate_bits = 4;
  EXPECT_EQ(name_of_law(settings), "eqs 13-15");
  settings.value_codec = ValueCoding::entropy;  // of the server's values alone
  EXPECT_EQ(name_of_law(settings), "the law of its codec");
  EXPECT_EQ(name_of_law(preset("ssgd-mv-l8-q-min").settings), "the law of its codec");
}

TEST(NameOfLaw, HasTheLayersAndTheRing) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.selection = Selection::layer;
  EXPECT_EQ(name_of_law(settings), "eqs 13-15, layer by layer,");
  settings.selection = Selection::global;
  settings.aggregate = AggregatedBy::reduce;
  EXPECT_EQ(name_of_law(settings), "eqs 13-15 and to that of the ring");
}

/// What the end of a run of these settings says beside a baseline.
std::string summary_of(const Settings& settings) {
  std::ostringstream out;
  print_summary(out, settings, run_trial(settings, load_images(settings), {}), 1, 1,
                FinishedRun{.settings = settings, .accuracy = 0.5});
  return out.str();
}

TEST(Summary, SaysHowOftenACoordinateIsUpdated) {
  Settings settings = small_settings("ssgd-mv-l2");
  settings.warmup_epochs = 0;
  settings.rounds = 3;
  settings.phi = Decimal{1, 2};
  EXPECT_THAT(summary_of(settings),
              HasSubstr("about K / d * rounds = 0.0 times in this run, 119 "));
  settings.selection = Selection::layer;
  settings.dense_below = 1'000'000'000;  // every layer whole
  EXPECT_THAT(summary_of(settings),
              HasSubstr("about K / d * rounds = 3.0 times in this run, 11850 times"));
}

TEST(Summary, SaysWhoseBitsASparseRoundHasWhereWorkersSendOthers) {
  Settings settings = small_settings("ssgd-mv-l2");
  settings.warmup_epochs = 0;
  settings.rounds = 2;
  EXPECT_THAT(summary_of(settings), HasSubstr("each worker: positions up"));
  settings.mask_codec = MaskCoding::delta;  // the same mask for all
  EXPECT_THAT(summary_of(settings), HasSubstr("each worker: positions up"));
  settings.vote_codec = VoteCoding::delta;
  EXPECT_THAT(summary_of(settings), HasSubstr("worker 0 in the last one: positions up"));
  settings.participation = 1;
  EXPECT_THAT(summary_of(settings), HasSubstr("the first worker of the last one: positions up"));
}

}  // namespace
}  // namespace mvsgd::sim
