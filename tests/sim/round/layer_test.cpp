// Runs whose coordinates are chosen in each layer by itself (selection = layer).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/group.hpp"
#include "tests/sim/round/broken_off.hpp"
#include "tests/sim/round/defined_run.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;
using testing::HasSubstr;

/// kD together: layers of one coordinate, of less than 1 / phi, within and across words of 64.
Layers odd_layers() { return Layers({1, 1, 20, 64, 90, 3'000, 7, 1'500, 300, 10, 10}); }

struct LayerCase {
  std::string name;
  GivenSettings given;
};

std::ostream& operator<<(std::ostream& out, const LayerCase& c) { return out << c.name; }

/// Every scheme, everything that is sent against an earlier round, and the ends of dense_below.
std::vector<LayerCase> cases() {
  std::vector<LayerCase> all{
      {"Mv", {{"scheme", "mv"}}},
      {"MvNoDense", {{"scheme", "mv"}, {"dense_below", "0"}}},
      {"MvAllDense", {{"scheme", "mv"}, {"dense_below", "1000000"}}},
      {"MvOneIsNotDense", {{"scheme", "mv"}, {"dense_below", "3000"}, {"mask_codec", "delta"}}},
      {"MvDelta", {{"scheme", "mv"}, {"vote_codec", "delta"}, {"mask_codec", "delta"}}},
      {"MvAllKept", {{"scheme", "mv"}, {"phi", "1"}}},
      {"MvHalf", {{"scheme", "mv"}, {"phi", "0.5"}, {"dense_below", "0"}, {"block_size", "5"}}},
      {"Rs", {{"scheme", "mv-rs"}, {"value_bits", "4"}, {"mask_codec", "delta"}}},
      {"Ad", {{"scheme", "mv-ad"}}},
      {"AdNoDense", {{"scheme", "mv-ad"}, {"dense_below", "0"}, {"check_votes", "true"}}},
      {"AdAllDense", {{"scheme", "mv-ad"}, {"dense_below", "1000000"}}},
      {"AdRank", {{"scheme", "mv-ad"}, {"add_codec", "rank"}, {"drop_codec", "rank"}}},
      {"AdAllDenseRank",
       {{"scheme", "mv-ad"},
        {"dense_below", "1000000"},
        {"add_codec", "rank"},
        {"drop_codec", "rank"}}},
      {"AdLeast",
       {{"scheme", "mv-ad"},
        {"value_bits", "4"},
        {"aggregate_bits", "4"},
        {"value_codec", "entropy"},
        {"position_codec", "rans"},
        {"mask_codec", "delta"},
        {"momentum", "0.875"},
        {"momentum_correction", "true"}}},
      {"AdSampled", {{"scheme", "mv-ad"}, {"participation", "2"}, {"mask_codec", "delta"}}},
      {"AdStairs", {{"scheme", "mv-ad"}, {"phi_warmup", "stairs"}, {"warmup_epochs", "5"}}},
      {"TopK", {{"scheme", "top-k"}}},
      {"TopKNoDense", {{"scheme", "top-k"}, {"dense_below", "0"}, {"vote_codec", "delta"}}},
      {"TopKAllDense", {{"scheme", "top-k"}, {"dense_below", "1000000"}}},
      {"TopKSampled", {{"scheme", "top-k"}, {"participation", "2"}}},
      {"TopKStairs", {{"scheme", "top-k"}, {"phi_warmup", "stairs"}, {"warmup_epochs", "5"}}},
      {"RandK", {{"scheme", "rand-k"}, {"mask_codec", "delta"}}},
      {"RandKSums", {{"scheme", "rand-k"}, {"aggregation", "sum"}, {"tie_break", "random"}}}};
  for (const auto& [name, scheme] : {std::pair{"Mv", "mv"}, {"Ad", "mv-ad"}, {"TopK", "top-k"}}) {
    for (const auto& [label, code] : {std::pair{"EliasFano", "elias-fano"},
                                      {"Rice", "rice"},
                                      {"Radix", "radix"},
                                      {"Entropy", "entropy"},
                                      {"Rans", "rans"}}) {
      all.push_back({std::string(name) + label, {{"scheme", scheme}, {"position_codec", code}}});
    }
  }
  return all;
}

Settings settings_of(const GivenSettings& given) {
  Settings settings;
  set(settings, {{"workers", "4"},
                 {"phi", "0.03"},
                 {"phi_ad", "0.004"},
                 {"epochs", "12"},
                 {"warmup_epochs", "1"},
                 {"selection", "layer"},
                 {"dense_below", "64"}});
  set(settings, given);
  validate(settings);
  return settings;
}

/// Some dense rounds or stairs, sparse ones, and two decays.
class GroupByLayer : public DefinedRun, public testing::TestWithParam<LayerCase> {
 protected:
  GroupByLayer() : DefinedRun(settings_of(GetParam().given), odd_layers()) {}

  [[nodiscard]] bool is_coded_by_content() const {
    return settings_.position_codec != "block" || settings_.mask_codec == MaskCoding::delta;
  }
};

INSTANTIATE_TEST_SUITE_P(Of, GroupByLayer, testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

TEST_P(GroupByLayer, EqualsTheDefinitionWithinTheLawOnAnyNumberOfSlots) {
  const Audit audit({}, settings_, *layers_, 0);
  on_closed_ = [&](const RoundRecord& record) {
    audit.check(record.round, record.ledger, record.sizes);
    const RoundSizes told = audit.sizes_in(record.round, record.ledger);
    EXPECT_EQ(told.coded_bits, record.sizes.coded_bits) << record.round.t;
    EXPECT_EQ(told.union_size, record.sizes.union_size) << record.round.t;
    if (!is_coded_by_content()) {
      EXPECT_EQ(told.changes, record.sizes.changes) << record.round.t;
    }
  };
  for (const std::size_t slots : {1U, 4U}) {
    expect_the_definitions(advance(begin(), update_, slots));
  }
}

/// Those of phi = 0.03 and dense_below = 64 in every sparse round.
class SharesByLayer : public GroupByLayer {};

std::vector<LayerCase> usual_cases() {
  std::vector<LayerCase> usual = cases();
  std::erase_if(usual, [](const LayerCase& c) {
    const Settings s = settings_of(c.given);
    return !(s.phi == Decimal(3, 2)) || s.dense_below != 64 || s.phi_warmup != PhiWarmup::dense;
  });
  return usual;
}

INSTANTIATE_TEST_SUITE_P(Of, SharesByLayer, testing::ValuesIn(usual_cases()),
                         [](const auto& c) { return c.param.name; });

TEST_P(SharesByLayer, AreThoseOfEachLayerByHandInEveryVoteAndMask) {
  // ceil(0.03 d_l), or d_l below 64, of the layers above.
  const std::vector<std::size_t> want{1, 1, 20, 2, 3, 90, 7, 45, 9, 10, 10};
  const auto numbers = [&](const std::vector<Index>& set) {
    std::vector<std::size_t> of;
    std::size_t begin = 0;
    for (const std::uint64_t size : layers_->sizes()) {
      of.push_back(static_cast<std::size_t>(
          std::ranges::count_if(set, [&](Index i) { return i >= begin && i < begin + size; })));
      begin += size;
    }
    return of;
  };
  std::size_t checked = 0;
  for (const DefinedRound& round : defined_) {
    for (const auto& vote : round.votes) {
      if (vote.empty()) continue;  // of an absent worker
      EXPECT_EQ(numbers(vote), want);
      ++checked;
    }
    if (!round.mask.empty() && has_masks_of_k(*settings_.scheme)) {
      EXPECT_EQ(numbers(round.mask), want);
      ++checked;
    }
  }
  EXPECT_GE(checked, 11U);
}

TEST_P(GroupByLayer, MayPauseAndGiveUpARound) {
  for (const std::uint32_t t : {1U, 2U, 6U}) {
    SCOPED_TRACE(t);
    GroupState state =
        advance(begin(), update_, 2, [&](const Round& round) { return round.t == t; });
    ASSERT_EQ(state.t, t);
    // A checkpoint has no hints of layers.
    for (WorkerState& worker : state.workers) worker.layer_thresholds.clear();
    expect_the_definitions(advance(std::move(state), update_, 3));
  }
  if (settings_.participation > 0) return;
  GivenUpUpdate update(update_, settings_.workers, 5, 1);
  GroupState state = advance(begin(), update, settings_.workers, {}, &update.give_up());
  ASSERT_EQ(state.t, 4U);
  expect_the_definitions(
      advance(std::move(state), update, settings_.workers, {}, &update.give_up()));
}

TEST_P(GroupByLayer, TheAuditFindsABitMoreOrLessInAnyRow) {
  const Audit audit({}, settings_, *layers_, 0);
  std::vector<RoundRecord> records;
  on_closed_ = [&](const RoundRecord& record) { records.push_back(record); };
  (void)advance(begin(), update_, 2);
  const RoundRecord& record = records.at(6);
  for (std::size_t i = 0; i < record.ledger.size(); ++i) {
    for (const std::uint64_t bits :
         {record.ledger[i].bits.count() + 1, record.ledger[i].bits.count() - 1}) {
      std::vector<comm::LedgerRow> rows = record.ledger;
      rows[i].bits = comm::Bits(bits);
      EXPECT_THROW(audit.check(record.round, rows, record.sizes), CheckFailed) << i;
    }
  }
}

TEST(LayerAudit, HasTheVotesBitsByHand) {
  const Audit audit({}, settings_of({{"scheme", "mv"}}), odd_layers(), 0);
  const Round round = plain_rounds(0, 1).front();
  std::map<comm::Field, std::uint64_t> vote;
  std::uint64_t values = 0;
  for (const comm::LedgerRow& row : audit.expected(round, 0)) {
    if (row.id.kind == comm::Kind::vote) vote[row.field] = row.bits.count();
    if (row.id.kind == comm::Kind::update && row.field == comm::Field::values) {
      values = row.bits.count();
    }
  }
  // B = round(1 / 0.03) = 33: 149 positions of 1 + 6 bits, and 2 + 3 + 91 + 46 + 10 blocks.
  EXPECT_EQ(vote[comm::Field::positions], 149 * 7 + 152U);
  EXPECT_EQ(values, 198 * 32U);  // 149 and all 49 of the dense layers
}

comm::Bits positions_in(const std::vector<comm::LedgerRow>& rows, comm::Kind kind) {
  for (const comm::LedgerRow& row : rows) {
    if (row.id.kind == kind && row.field == comm::Field::positions) return row.bits;
  }
  return {};
}

TEST(LayerAudit, HasTheBitsOfAUnionByHand) {
  const Audit audit({}, settings_of({{"scheme", "top-k"}}), odd_layers(), 0);
  RoundSizes sizes;
  sizes.union_size = 400;
  const auto rows = audit.expected(plain_rounds(0, 1).front(), 0, sizes);
  // At most 8, 12, 360, 180 and 36 in the layers that are sent; B = round(1 / 0.12) = 8: 351
  // positions of 1 + 3 bits, and 8 + 12 + 375 + 188 + 38 blocks.
  EXPECT_EQ(positions_in(rows, comm::Kind::mask),
            comm::Bits(4 + 4 + 9 + 8 + 6 + 351 * 4 + 8 + 12 + 375 + 188 + 38));
}

TEST(LayerAudit, HasTheBitsOfAChangeByHand) {
  const Audit audit({}, settings_of({{"scheme", "mv-ad"}}), odd_layers(), 0);
  const Round second = plain_rounds(0, 2).back();
  RoundSizes sizes;
  sizes.changes = {0, 10, 22, 0};
  const auto rows = audit.expected(second, 1, sizes);
  // At most 1, 1, 12, 6 and 2; B = 250: ten positions of 1 + 8 bits, and 1 + 1 + 12 + 6 + 2 blocks.
  for (const comm::Kind kind : {comm::Kind::add, comm::Kind::drop}) {
    EXPECT_EQ(positions_in(rows, kind), comm::Bits(1 + 1 + 4 + 3 + 2 + 10 * 9 + 22));
  }
  sizes.changes[2] = 23;
  EXPECT_THAT([&] { audit.check(second, {}, sizes); },
              testing::ThrowsMessage<CheckFailed>(HasSubstr("23 coordinates added, K_ad = 22")));
}

TEST(LayerAudit, RefusesARunOfOtherLayersOrOfAll) {
  const Settings settings = settings_of({{"scheme", "mv"}});
  const Round round = plain_rounds(0, 1).front();
  std::vector<comm::LedgerRow> rows;
  for (std::uint32_t n = 0; n < 4; ++n) {
    const auto of = Audit({}, settings, odd_layers(), 0).expected(round, n);
    rows.insert(rows.end(), of.begin(), of.end());
  }
  EXPECT_NO_THROW(Audit({}, settings, odd_layers(), 0).check(round, rows));
  const auto refuse = [&](const Settings& other, const Layers& layers) {
    EXPECT_THROW(Audit({}, other, layers, 0).check(round, rows), CheckFailed);
  };
  refuse(settings, Layers({1, 1, 20, 64, 90, 2'990, 17, 1'500, 300, 10, 10}));
  refuse(settings, DefinedRun::kD);
  Settings other = settings;
  other.dense_below = 65;
  refuse(other, odd_layers());
  other = settings;
  other.selection = Selection::global;
  other.dense_below = 0;
  refuse(other, odd_layers());
}

TEST(LayerProtocol, RefusesAListWithOtherNumbersInItsLayers) {
  const Settings settings = settings_of({{"scheme", "mv"}});
  const Protocol protocol = make_protocol(settings, Layers({10, 100, 200}));
  ASSERT_EQ(protocol.k, 10U + 3 + 6);
  std::vector<Index> vote{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 110, 111, 112, 113, 114, 115};
  EXPECT_NO_THROW((void)encode_positions(protocol, 0, {comm::Kind::vote, 1}, vote));
  vote[13] = 13;
  EXPECT_THAT(
      [&] {
        (void)encode_positions(protocol, 0, {comm::Kind::vote, 1}, vote);
      },
      testing::ThrowsMessage<std::invalid_argument>(HasSubstr("4 positions in layer 1, not 3")));
}

TEST(NetworkLayers, AreTheTensorsOfTheNetworkInTheOrderOfTheFlatArray) {
  Settings settings;
  settings.width = 64;
  const Layers layers = network_layers(settings);
  EXPECT_EQ(layers.d(), 11'173'962U);
  ASSERT_EQ(layers.sizes().size(), 62U);
  EXPECT_EQ(layers.sizes().front(), 1'728U);
  EXPECT_EQ(layers.sizes()[60], 5'120U);
  EXPECT_EQ(layers.sizes().back(), 10U);
  // Of the preset, at phi = 0.01: all batch norm and the bias, and the shares of 21 others.
  const Dimensions all = dimensions(preset("modern-mv-ad-l4-q-layer").settings, layers, 0);
  EXPECT_EQ(std::ranges::count_if(all.layers,
                                  [](const LayerDimensions& layer) { return layer.k == layer.d; }),
            41);
  EXPECT_EQ(all.layers.front().k, 18U);
}

}  // namespace
}  // namespace mvsgd::sim
