#include "sim/train/memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <string>

#include "nn/backend_error.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kMega = 1'000'000;

MemoryEstimate of_300_megabytes() {
  return {.workers = 3,
          .slots = 2,
          .threads = 1,
          .of_worker = 50 * kMega,
          .of_slot = 40 * kMega,
          .server = 20 * kMega,
          .messages = 15 * kMega,
          .data = 22 * kMega,
          .schedule = 3 * kMega,
          .program = 10 * kMega};
}

// What is left is beside the program, which is there: 290 MB are wanted.
TEST(CheckMemory, RefusesARunThatNeedsMoreThanALimitLeavesAndSaysWhatItIsMadeOf) {
  const std::array limits{MemoryLimit{.name = "one", .left = 1000 * kMega},
                          MemoryLimit{.name = "another", .left = 289 * kMega}};
  try {
    (void)check_memory(of_300_megabytes(), limits);
    FAIL() << "it is taken";
  } catch (const nn::UnavailableError& e) {
    EXPECT_STREQ(e.what(),
                 "not enough memory: another leaves 289 MB, and this run needs 300 MB: 3 workers "
                 "of 50.0 MB, 2 slots of 40.0 MB, server 20.0 MB, messages 15.0 MB, data 22.0 MB, "
                 "schedule 3.00 MB, program 10.0 MB; less with fewer workers or slots, a smaller "
                 "width or batch");
  }
}

TEST(CheckMemory, WarnsWhereALimitLeavesLessThanATenthMore) {
  const auto warning = [](std::uint64_t left) {
    const std::array limits{MemoryLimit{.name = "far", .left = 9000 * kMega},
                            MemoryLimit{.name = "near", .left = left}};
    return check_memory(of_300_megabytes(), limits);
  };
  EXPECT_THAT(warning(290 * kMega).value_or(""), HasSubstr("near leaves 290 MB"));
  EXPECT_THAT(warning(318 * kMega).value_or(""), HasSubstr("near leaves 318 MB"));
  EXPECT_EQ(warning(320 * kMega), std::nullopt);
  EXPECT_EQ(check_memory(of_300_megabytes(), {}), std::nullopt);
}

TEST(CheckMemory, CountsTheStacksOfThreadsWhereALimitIsOfWhatIsMapped) {
  const MemoryEstimate estimate = of_300_megabytes();
  rlimit stack{};
  ASSERT_EQ(getrlimit(RLIMIT_STACK, &stack), 0);
  const std::uint64_t of_one =
      stack.rlim_cur == RLIM_INFINITY ? std::uint64_t{2} << 20U : stack.rlim_cur;
  // Three workers, and two slots of one thread.
  EXPECT_EQ(estimate.reserved(Counted::data), 5 * of_one);
  EXPECT_EQ(estimate.reserved(Counted::address_space), 5 * of_one);
  EXPECT_EQ(estimate.reserved(Counted::resident), 0U);
  MemoryLimit limit{
      .name = "ulimit -v", .left = 290 * kMega + 5 * of_one - 1, .counted = Counted::address_space};
  EXPECT_THROW((void)check_memory(estimate, std::array{limit}), nn::UnavailableError);
  limit.counted = Counted::resident;
  EXPECT_NO_THROW((void)check_memory(estimate, std::array{limit}));
}

/// theta, e and what a worker keeps of e, of width 8.
constexpr std::uint64_t kArrays = std::uint64_t{3} * 4 * 176'402;

Settings narrow() {
  Settings settings;
  settings.width = 8;
  settings.workers = 4;
  settings.slots = 1;
  settings.batch = 16;
  settings.warmup_epochs = 0;
  return settings;
}

TEST(MemoryEstimateOfSettings, HasAWorkersArraysForEachWorker) {
  const MemoryEstimate four = memory_estimate(narrow());
  EXPECT_GT(four.of_worker, kArrays);
  EXPECT_LT(four.of_worker, 2 * kArrays);
  Settings more = narrow();
  more.workers = 40;
  // With fewer images each.
  EXPECT_LE(memory_estimate(more).of_worker, four.of_worker);
  EXPECT_GT(memory_estimate(more).total(), four.total() + 36 * kArrays);
}

TEST(MemoryEstimateOfSettings, HasVotesWhereTheServerKeepsThem) {
  Settings settings = narrow();
  settings.workers = 10;
  settings.phi = Decimal(1, 1);
  const std::uint64_t votes = std::uint64_t{10} * 4 * 17'641;
  const std::uint64_t of_whole_votes = memory_estimate(settings).server;
  settings.vote_codec = VoteCoding::delta;
  EXPECT_EQ(memory_estimate(settings).server, of_whole_votes + votes);

  settings.vote_codec = VoteCoding::positions;
  settings.scheme = &scheme_named("mv-ad");
  const std::uint64_t of_sums = memory_estimate(settings).server;
  settings.check_votes = true;
  EXPECT_EQ(memory_estimate(settings).server, of_sums + votes);
}

TEST(MemoryEstimateOfSettings, HasTopKsUnionItsDenseSumAndTheWorkersValues) {
  constexpr std::uint64_t kD = 176'402;
  constexpr std::uint64_t kK = 17'641;
  Settings settings = narrow();
  settings.workers = 10;
  settings.phi = Decimal(1, 1);
  const std::uint64_t of_votes = memory_estimate(settings).server;
  settings.scheme = &scheme_named("top-k");
  // N K is more than d, so that the union may be all of it.
  EXPECT_EQ(memory_estimate(settings).server, of_votes + 4 * (kD - kK) + 4 * kD + 10 * 4 * kK);
}

TEST(MemoryEstimateOfSettings, HasAVelocityOfEachWorkerWithWhatIsKeptOfItAndOneOfEachSlot) {
  constexpr std::uint64_t kWhole = std::uint64_t{4} * 176'402;
  Settings settings = narrow();
  const MemoryEstimate plain = memory_estimate(settings);
  settings.momentum = 0.9;
  const MemoryEstimate moving = memory_estimate(settings);
  EXPECT_EQ(moving.of_worker, plain.of_worker + 2 * kWhole);
  EXPECT_EQ(moving.of_slot, plain.of_slot + kWhole);

  settings.scheme = &scheme_named("sm");
  settings.workers = 1;
  const std::uint64_t alone = memory_estimate(settings).of_worker;
  settings.momentum = 0;
  EXPECT_EQ(memory_estimate(settings).of_worker, alone - kWhole);
}

TEST(MemoryEstimateOfSettings, HasTheServersErrorWhereItQuantizesAndFeedsItBack) {
  constexpr std::uint64_t kWhole = std::uint64_t{4} * 176'402;
  Settings settings = narrow();
  const std::uint64_t plain = memory_estimate(settings).server;
  settings.aggregate_bits = 4;
  EXPECT_EQ(memory_estimate(settings).server, plain + kWhole);
  settings.quantization_error = false;
  EXPECT_EQ(memory_estimate(settings).server, plain);
}

TEST(MemoryEstimateOfSettings, HasWhenEachCoordinateWasSentWithMaskMetrics) {
  Settings settings = narrow();
  const std::uint64_t plain = memory_estimate(settings).server;
  settings.mask_metrics = true;
  EXPECT_EQ(memory_estimate(settings).server, plain + std::uint64_t{4} * 176'402);
}

TEST(MemoryEstimateOfSettings, IsOfTheLargestShareOfAWarmUp) {
  Settings settings = narrow();
  settings.warmup_epochs = 1;
  const MemoryEstimate dense = memory_estimate(settings);
  settings.phi_warmup = PhiWarmup::stairs;
  const MemoryEstimate stairs = memory_estimate(settings);
  // K = 1,765 and ceil(d / 4); a vote and a mask, and what is kept of them.
  const std::uint64_t more = 44'101 - 1'765;
  EXPECT_EQ(stairs.of_worker, dense.of_worker + 4 * 4 * more);
  settings.phi = Decimal(25, 2);
  settings.phi_warmup = PhiWarmup::dense;
  EXPECT_EQ(memory_estimate(settings).of_worker, stairs.of_worker);
  EXPECT_EQ(memory_estimate(settings).server, stairs.server);
}

// At a pause the parts of workers elsewhere are with the server, and one of them also as it came.
TEST(MemoryEstimateOfSettings, OfTheServersProcessHasTheVelocitiesOfWorkersElsewhere) {
  constexpr std::uint64_t kWhole = std::uint64_t{4} * 176'402;
  Settings settings = narrow();
  const RanksHere server_alone{.workers = 0, .server = true};
  const std::uint64_t plain = memory_estimate(settings, server_alone).messages;
  EXPECT_GT(plain, 5 * kWhole);
  settings.momentum = 0.9;
  EXPECT_EQ(memory_estimate(settings, server_alone).messages, plain + 5 * kWhole);
}

TEST(MemoryEstimateOfSettings, HasNoServerWhereNothingIsSent) {
  Settings settings = narrow();
  settings.scheme = &scheme_named("sm");
  settings.workers = 1;
  const MemoryEstimate alone = memory_estimate(settings);
  EXPECT_EQ(alone.server, 0U);
  EXPECT_EQ(alone.messages, 0U);
}

// The process of the server has it twice, any other once.
TEST(MemoryEstimateOfSettings, HasTheRoundsOfTheLongestRunWithoutMakingThem) {
  Settings settings = narrow();
  settings.workers = 2;
  settings.batch = 2;
  settings.epochs = 10'000;
  settings.synthetic_train = 50'000;
  const std::uint64_t rounds = 10'000 * (50'000 / 4);
  EXPECT_EQ(memory_estimate(settings).schedule, 2 * rounds * sizeof(Round));
  EXPECT_EQ(memory_estimate(settings, RanksHere{.workers = 1, .server = false}).schedule,
            rounds * sizeof(Round));
  settings.rounds = 7;
  EXPECT_EQ(memory_estimate(settings).schedule, 2 * 7 * sizeof(Round));
}

TEST(MemoryEstimateOfSettings, HasMessagesOfTheRoundsThatThereAre) {
  constexpr std::uint64_t kWhole = std::uint64_t{4} * 176'402;
  Settings settings = narrow();
  const std::uint64_t sparse = memory_estimate(settings).messages;
  EXPECT_LT(sparse, kWhole);
  settings.warmup_epochs = 1;
  const std::uint64_t dense = memory_estimate(settings).messages;
  EXPECT_GT(dense, 4 * kWhole);
  // A run that ends within its warm-up has no vote, mask or tally.
  const std::uint64_t whole = memory_estimate(settings).server;
  settings.rounds = 3;
  EXPECT_EQ(memory_estimate(settings).messages, dense);
  EXPECT_LT(memory_estimate(settings).server, whole);
}

// A code is a byte, or two; one by entropy has a mark and a level beside it, and is written twice.
TEST(MemoryEstimateOfSettings, HasTheCodesOfQuantizedValues) {
  constexpr std::uint64_t kK = 1'765;
  Settings settings = narrow();
  const auto of = [&](std::uint32_t value_bits, const char* quantizer, ValueCoding coding) {
    settings.value_bits = value_bits;
    settings.quantizer = quantizer;
    settings.value_codec = coding;
    return memory_estimate(settings).messages;
  };
  const std::uint64_t whole = of(32, "fractional", ValueCoding::plain);
  const std::uint64_t plain = of(4, "fractional", ValueCoding::plain);
  EXPECT_EQ(plain, whole - settings.workers * (kK * 4 - kK / 2) + settings.workers * kK);
  EXPECT_EQ(of(4, "fractional", ValueCoding::entropy),
            plain + settings.workers * (2 * kK + kK / 2 + 1));
  EXPECT_EQ(of(16, "float16", ValueCoding::plain), whole);
}

// 125 million rounds.
TEST(CheckMemory, RefusesASchedulePastALimitAndSaysWhatMakesItShorter) {
  MemoryEstimate estimate = of_300_megabytes();
  estimate.schedule = 14'000 * kMega;
  const std::array limits{MemoryLimit{.name = "this machine", .left = 9000 * kMega}};
  EXPECT_THAT([&] { (void)check_memory(estimate, limits); },
              testing::ThrowsMessage<nn::UnavailableError>(
                  HasSubstr("schedule 14.0 GB, program 10.0 MB; less with fewer epochs, or more "
                            "local steps a round")));
}

TEST(MemoryEstimateOfSettings, HasOneCopyOfTheImages) {
  Settings settings = narrow();
  settings.synthetic_train = 1000;
  settings.synthetic_test = 200;
  EXPECT_EQ(memory_estimate(settings).data, std::uint64_t{1200} * (3 * 32 * 32 + 1));
}

}  // namespace
}  // namespace mvsgd::sim
