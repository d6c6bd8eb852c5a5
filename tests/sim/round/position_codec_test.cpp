// Position codecs in whole runs change bits on the wire and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "data/synthetic.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

Settings short_run(const std::string& preset_name) {
  Settings settings = preset(preset_name).settings;
  settings.backend = "reference";
  settings.width = 2;
  settings.workers = 3;
  settings.local_steps = 2;
  settings.batch = 8;
  settings.warmup_epochs = 0;
  settings.rounds = 4;
  settings.slots = 1;
  return settings;
}

struct Outcome {
  std::string digest;
  comm::Bits up;
  comm::Bits down;
};

/// run_trial() compares every message of every round with its law. The ledger alone must be enough
/// for that, too.
Outcome run(const Settings& settings) {
  static const data::TrainTest images = data::synthesize({.train = 96, .test = 16});
  TrialSinks sinks;
  const Audit audit({}, settings, 11'420, 300);
  sinks.on_round = [&](const RoundRecord& record) {
    if (record.round.t == 0 || record.round.evaluate) return;
    audit.check(record.round, record.ledger, audit.sizes_in(record.round, record.ledger));
    EXPECT_EQ(audit.sizes_in(record.round, record.ledger).union_size, record.sizes.union_size);
  };
  const TrialResult result = run_trial(settings, images, sinks);
  return {result.digest, result.account.total(comm::Direction::up),
          result.account.total(comm::Direction::down)};
}

class PositionCodecOfARun : public testing::TestWithParam<std::tuple<std::string, Values>> {};

TEST_P(PositionCodecOfARun, ChangesBitsAndNoDigest) {
  const auto& [preset_name, values] = GetParam();
  Settings settings = short_run(preset_name);
  const Outcome papers = run(settings);
  set(settings, values);
  validate(settings);
  const Outcome coded = run(settings);
  EXPECT_EQ(coded.digest, papers.digest);
  EXPECT_NE(std::pair(coded.up, coded.down), std::pair(papers.up, papers.down));
}

std::string test_name(const testing::TestParamInfo<PositionCodecOfARun::ParamType>& info) {
  std::string name = std::get<0>(info.param);
  for (const auto& [key, value] : std::get<1>(info.param)) name += "_" + value;
  std::erase(name, '-');
  return name;
}

const Values kElsewhere[] = {{{"block_size", "64"}},          {{"position_codec", "elias-fano"}},
                             {{"position_codec", "rice"}},    {{"position_codec", "radix"}},
                             {{"position_codec", "entropy"}}, {{"position_codec", "rans"}}};

INSTANTIATE_TEST_SUITE_P(Codecs, PositionCodecOfARun,
                         testing::Combine(testing::Values("ssgd-mv", "ssgd-mv-ad-l4-q", "top-k"),
                                          testing::ValuesIn(kElsewhere)),
                         test_name);

const Values kOfTheLast[] = {
    {{"drop_codec", "rank"}},
    {{"position_codec", "radix"}, {"add_codec", "rank"}},
    {{"position_codec", "rans"}, {"add_codec", "rank"}, {"drop_codec", "rank"}},
    {{"mask_codec", "delta"}},
    {{"position_codec", "rice"}, {"drop_codec", "rank"}, {"mask_codec", "delta"}}};

INSTANTIATE_TEST_SUITE_P(AgainstTheLast, PositionCodecOfARun,
                         testing::Combine(testing::Values("ssgd-mv-ad-l2"),
                                          testing::ValuesIn(kOfTheLast)),
                         test_name);

const Values kVotes[] = {{{"vote_codec", "delta"}},
                         {{"vote_codec", "delta"}, {"position_codec", "entropy"}}};

INSTANTIATE_TEST_SUITE_P(Votes, PositionCodecOfARun,
                         testing::Combine(testing::Values("ssgd-mv", "ssgd-mv-rs-l4", "top-k"),
                                          testing::ValuesIn(kVotes)),
                         test_name);

const Values kOfValues[] = {{{"value_codec", "entropy"}}};

INSTANTIATE_TEST_SUITE_P(Values, PositionCodecOfARun,
                         testing::Combine(testing::Values("ssgd-mv-l8-q", "ssgd-mv-ad-l8-q"),
                                          testing::ValuesIn(kOfValues)),
                         test_name);

TEST(CodesOfARun, ChangeBitsAndNoDigestWhateverTheBitsOfAValue) {
  for (const char* const name : {"ssgd-mv-rs-l4", "top-k", "rand-k-l4"}) {
    for (const char* const q : {"2", "8"}) {
      Settings settings = short_run(name);
      set(settings, "value_bits", q);
      const Outcome plain = run(settings);
      set(settings, "value_codec", "entropy");
      const Outcome coded = run(settings);
      EXPECT_EQ(coded.digest, plain.digest) << name;
      EXPECT_NE(coded.up, plain.up) << name;
    }
  }
}

TEST(CodesOfARun, LeaveOneBitAValueAsItIs) {
  Settings settings = short_run("ssgd-mv");
  set(settings, {{"value_bits", "1"}, {"quantizer", "scaled-sign"}});
  const Outcome plain = run(settings);
  set(settings, "value_codec", "entropy");
  validate(settings);
  const Outcome coded = run(settings);
  EXPECT_EQ(coded.digest, plain.digest);
  EXPECT_EQ(coded.up, plain.up);
}

TEST(PresetsInFewerBits, HaveTheDigestsOfThePapers) {
  for (const std::string name : {"ssgd-mv-l8-q", "ssgd-mv-ad-l8-q"}) {
    const Outcome papers = run(short_run(name));
    const Outcome least = run(short_run(name + "-min"));
    EXPECT_EQ(least.digest, papers.digest) << name;
    EXPECT_LT(least.up, papers.up) << name;
    EXPECT_LT(least.down, papers.down) << name;
  }
}

TEST(PositionCodecOfSettings, IsRefusedWhereItHasNoMeaning) {
  const std::pair<const char*, Values> bad[] = {
      {"ssgd-mv", {{"position_codec", "rice"}, {"block_size", "64"}}},
      {"ssgd-mv", {{"drop_codec", "rank"}}},
      {"top-k", {{"mask_codec", "delta"}}},
      {"dense", {{"mask_codec", "delta"}}},
      {"ssgd-mv-ad", {{"vote_codec", "delta"}}},
      {"rand-k-l4", {{"vote_codec", "delta"}}},
      {"ssgd-mv", {{"value_codec", "entropy"}}}};
  for (const auto& [name, values] : bad) {
    Settings settings = preset(name).settings;
    set(settings, values);
    EXPECT_THROW(validate(settings), UsageError) << name;
  }
}

TEST(PositionCodecOfALedger, OneBitMoreInAnExactCodeIsFound) {
  Settings settings = preset("ssgd-mv").settings;
  settings.workers = 1;
  settings.position_codec = "radix";
  const Audit audit({}, settings, 10'000, 0);
  Round round;
  round.t = 1;
  round.first_sparse = true;
  auto rows = audit.expected(round, 0);
  EXPECT_NO_THROW(audit.check(round, rows));
  // K = B = 100: 100 flags and 100 ends, 33 groups of three offsets in 20 bits, one offset in 7.
  EXPECT_EQ(rows[0].bits, comm::Bits(200 + 33 * 20 + 7));
  rows[0].bits += comm::Bits(1);
  EXPECT_THROW(audit.check(round, rows), CheckFailed);
}

TEST(PositionCodecOfALedger, OneBitMoreThanWhatWasDecodedCostsIsFound) {
  Settings settings = preset("ssgd-mv-l8-q-min").settings;
  settings.workers = 1;
  const Audit audit({}, settings, 10'000, 0);
  Round round;
  round.t = 2;
  RoundSizes sizes;
  sizes.coded_bits = {{{comm::Kind::vote, 0}, comm::Bits(300)},
                      {{comm::Kind::mask, 0}, comm::Bits(700)},
                      {{comm::Kind::update, 0}, comm::Bits(290)}};
  const auto rows = audit.expected(round, 0, sizes);
  EXPECT_NO_THROW(audit.check(round, rows, sizes));
  for (const comm::Kind kind : {comm::Kind::vote, comm::Kind::update}) {
    auto altered = rows;
    const auto row = std::ranges::find(altered, kind, [](const auto& r) { return r.id.kind; });
    row->bits += comm::Bits(1);
    EXPECT_THROW(audit.check(round, altered, sizes), CheckFailed);
    // The ledger alone shows only that the padding does not fit the list.
    EXPECT_THROW(audit.check(round, altered, audit.sizes_in(round, altered)), CheckFailed);
    RoundSizes unknown = sizes;
    unknown.coded_bits.erase({kind, 0});
    EXPECT_THROW(audit.check(round, rows, unknown), CheckFailed);
  }
}

TEST(PositionCodecOfALedger, MoreBitsThanThePlainFormAreFoundByTheLedgerAlone) {
  Settings settings = preset("ssgd-mv-l8-q-min").settings;
  settings.position_codec = "block";
  settings.workers = 1;
  const Audit audit({}, settings, 10'000, 0);
  Round round;
  round.t = 2;
  // K = B = 100. The plain forms: 100 codes of 4 bits after 2, and eq 14's 900 after 1.
  const auto rows_of = [&](std::uint64_t vote, std::uint64_t update) {
    RoundSizes sizes;
    sizes.coded_bits = {{{comm::Kind::vote, 0}, comm::Bits(vote)},
                        {{comm::Kind::update, 0}, comm::Bits(update)}};
    auto rows = audit.expected(round, 0, sizes);
    audit.check(round, rows, audit.sizes_in(round, rows));
    audit.check_sums(round, rows, audit.sizes_in_sums(round, rows, {}));
    return rows;
  };
  auto rows = rows_of(901, 402);
  EXPECT_THROW((void)rows_of(902, 402), CheckFailed);
  EXPECT_THROW((void)rows_of(901, 403), CheckFailed);
  for (const auto& [kind, field] : {std::pair{comm::Kind::vote, comm::Field::positions},
                                    std::pair{comm::Kind::update, comm::Field::values}}) {
    auto altered = rows;
    std::ranges::find_if(altered, [message = kind, part = field](const auto& r) {
      return r.id.kind == message && r.field == part;
    })->bits += comm::Bits(8);  // which fits the padding
    EXPECT_THROW(audit.check(round, altered, audit.sizes_in(round, altered)), CheckFailed);
    EXPECT_THROW(audit.check_sums(round, altered, audit.sizes_in_sums(round, altered, {})),
                 CheckFailed);
  }
}

}  // namespace
}  // namespace mvsgd::sim
