// Workers that sum without the server: the ring's sum is that of its fixed order, whatever the
// sizes; a run equals its definition, within the law of the ring.
#include "sim/round/ring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/group.hpp"
#include "tests/sim/round/broken_off.hpp"
#include "tests/sim/round/defined_run.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using comm::Field;
using comm::Kind;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Values whose sum depends on their order, nearly always.
float value_of(std::uint32_t worker, std::size_t i) {
  const auto x = static_cast<float>((worker + 1) * 7919 + i * 104'729 % 65'537);
  return (i + worker) % 3 == 0 ? -1.0F / x : x * 1e-3F;
}

/// `ring` sums `n` values, among `workers` and a server.
struct RingRun {
  RingRun(const std::vector<std::uint32_t>& ring, std::uint32_t workers, std::size_t n)
      : values(workers) {
    const Protocol protocol{
        .workers = workers, .d = 1000, .lists = {}, .update = {}, .aggregate = {}};
    comm::InprocGroup group(workers);
    group.run([&](comm::Transport& end) {
      const std::uint32_t rank = end.rank();
      if (rank == end.server()) {
        rows = end.close_round(7).rows;
        return;
      }
      for (std::size_t i = 0; i < n; ++i) values[rank].push_back(value_of(rank, i));
      if (std::ranges::binary_search(ring, rank)) {
        all_reduce(protocol, end, ring, 7, values[rank]);
      }
      end.report_round(7, {});
    });
  }
  [[nodiscard]] comm::Bits bits(std::uint32_t worker, Kind kind, Field field) const {
    for (const comm::LedgerRow& row : rows) {
      if (row.id.worker == worker && row.id.kind == kind && row.field == field) return row.bits;
    }
    return {};
  }

  std::vector<std::vector<float>> values;
  std::vector<comm::LedgerRow> rows;
};

/// Where block b of P begins.
std::size_t begin_of(std::size_t b, std::size_t workers, std::size_t n) { return b * n / workers; }

TEST(Ring, SumsInTheOrderOfItsBlocksAtAnySize) {
  std::size_t differs = 0;  // from the order of the workers
  for (const std::uint32_t workers : {1U, 2U, 3U, 5U, 11U}) {
    std::vector<std::uint32_t> ring(workers);
    for (std::uint32_t n = 0; n < workers; ++n) ring[n] = n;
    for (const std::size_t n : {1U, 2U, 3U, 7U, 10U, 11U, 12U, 100U, 997U}) {
      SCOPED_TRACE(testing::Message() << workers << " workers, " << n << " values");
      const RingRun run(ring, workers, n);
      std::vector<float> want(n);
      for (std::size_t b = 0; b < workers; ++b) {
        for (std::size_t i = begin_of(b, workers, n); i < begin_of(b + 1, workers, n); ++i) {
          want[i] = value_of(static_cast<std::uint32_t>(b), i);
          float in_order = value_of(0, i);
          for (std::uint32_t s = 1; s < workers; ++s) {
            want[i] += value_of((static_cast<std::uint32_t>(b) + s) % workers, i);
            in_order += value_of(s, i);
          }
          differs += want[i] == in_order ? 0 : 1;
        }
      }
      for (const auto& values : run.values) EXPECT_TRUE(same_bits(values, want));
    }
  }
  EXPECT_GT(differs, 500U);  // so another order would have been seen
}

TEST(Ring, EachWorkerSendsWhatTheLawSays) {
  for (const std::uint32_t workers : {1U, 2U, 3U, 5U, 11U}) {
    std::vector<std::uint32_t> ring(workers);
    for (std::uint32_t n = 0; n < workers; ++n) ring[n] = n;
    for (const std::size_t n : {1U, 2U, 7U, 12U, 110U}) {
      SCOPED_TRACE(testing::Message() << workers << " workers, " << n << " values");
      const RingRun run(ring, workers, n);
      std::uint64_t all = 0;
      for (std::uint32_t p = 0; p < workers; ++p) {
        for (const auto& [kind, pass] : {std::pair(Kind::reduce, RingPass::reduce),
                                         std::pair(Kind::gather, RingPass::gather)}) {
          const std::uint64_t values = ring_law(n, workers, p, pass);
          all += values;
          EXPECT_EQ(run.bits(p, kind, Field::values), comm::Bits(32 * values)) << p;
          EXPECT_EQ(run.bits(p, kind, Field::header), comm::Bits(192 * (workers - 1))) << p;
          EXPECT_EQ(run.bits(p, kind, Field::padding), comm::Bits(0)) << p;
        }
      }
      EXPECT_EQ(all, 2 * (workers - 1) * n);
      for (const comm::LedgerRow& row : run.rows) {
        EXPECT_EQ(row.id.direction, Direction::across);
      }
    }
  }
}

TEST(Ring, IsOfItsWorkersAlone) {
  const std::vector<std::uint32_t> ring{1, 3, 4};
  const RingRun run(ring, 6, 4);  // blocks of 1, 1 and 2 values
  for (const std::uint32_t n : {0U, 2U, 5U}) {
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(run.values[n][i], value_of(n, i));
  }
  const auto in_order = [](std::size_t i, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    return value_of(a, i) + value_of(b, i) + value_of(c, i);
  };
  for (const std::uint32_t n : ring) {
    EXPECT_EQ(run.values[n], (std::vector<float>{in_order(0, 1, 3, 4), in_order(1, 3, 4, 1),
                                                 in_order(2, 4, 1, 3), in_order(3, 4, 1, 3)}));
  }
  EXPECT_EQ(run.bits(1, Kind::reduce, Field::values), comm::Bits(3 * 32));  // all but block 1
  EXPECT_EQ(run.bits(1, Kind::gather, Field::values), comm::Bits(2 * 32));  // all but block 2
  EXPECT_EQ(run.bits(0, Kind::reduce, Field::header), comm::Bits(0));
}

struct ReducedCase {
  std::string name;
  GivenSettings given;
};

std::ostream& operator<<(std::ostream& out, const ReducedCase& c) { return out << c.name; }

const std::vector<ReducedCase>& cases() {
  static const std::vector<ReducedCase> all{
      {"Dense", {{"scheme", "dense"}, {"local_steps", "2"}}},
      {"DenseSampled", {{"scheme", "dense"}, {"participation", "3"}}},
      {"Mv", {{"scheme", "mv"}}},
      {"MvAlone", {{"scheme", "mv"}, {"workers", "1"}}},
      {"MvOfTwo", {{"scheme", "mv"}, {"workers", "2"}}},
      {"MvOfEleven", {{"scheme", "mv"}, {"workers", "11"}, {"aggregation", "sum"}}},
      {"MvOneTakesPart", {{"scheme", "mv"}, {"participation", "1"}}},
      {"MvFewValues", {{"scheme", "mv"}, {"phi", "0.0005"}}},  // K = 3 < P
      {"MvOneValue", {{"scheme", "mv"}, {"phi", "0.0001"}, {"workers", "2"}}},
      {"MvDelta",
       {{"scheme", "mv"},
        {"vote_codec", "delta"},
        {"mask_codec", "delta"},
        {"value_bits", "4"},
        {"participation", "2"}}},
      {"MvQ4Lost", {{"scheme", "mv"}, {"value_bits", "4"}, {"quantization_error", "false"}}},
      {"RsSign", {{"scheme", "mv-rs"}, {"value_bits", "1"}, {"quantizer", "scaled-sign"}}},
      {"Rs16", {{"scheme", "mv-rs"}, {"value_bits", "16"}, {"quantizer", "float16"}}},
      {"AdSampled", {{"scheme", "mv-ad"}, {"check_votes", "true"}, {"participation", "3"}}},
      {"AdRankQ4",
       {{"scheme", "mv-ad"},
        {"add_codec", "rank"},
        {"drop_codec", "rank"},
        {"value_bits", "4"},
        {"position_codec", "rans"}}},
      {"AdCorrected",
       {{"scheme", "mv-ad"},
        {"momentum", "0.875"},
        {"nesterov", "true"},
        {"momentum_correction", "true"},
        {"participation", "2"}}},
      {"AdStairs", {{"scheme", "mv-ad"}, {"phi_warmup", "stairs"}, {"participation", "3"}}},
      {"RandK", {{"scheme", "rand-k"}, {"mask_codec", "delta"}, {"participation", "4"}}}};
  return all;
}

Settings settings_of(const GivenSettings& given) {
  Settings settings;
  set(settings, {{"workers", "5"},
                 {"phi", "0.03"},
                 {"phi_ad", "0.004"},
                 {"epochs", "12"},
                 {"warmup_epochs", "4"},
                 {"aggregate", "reduce"}});
  set(settings, given);
  validate(settings);
  return settings;
}

/// Workers that sum without the server, and their server, beside the definition.
class Reduced : public DefinedRun, public testing::TestWithParam<ReducedCase> {
 protected:
  Reduced() : DefinedRun(settings_of(GetParam().given)) {}
};

INSTANTIATE_TEST_SUITE_P(Of, Reduced, testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

using SumKey = std::tuple<Direction, Kind, Field>;

TEST_P(Reduced, EqualsTheDefinitionWithinTheLawWhateverTheSlots) {
  const Audit audit({}, settings_, kD, 0);
  Settings summed = settings_;
  summed.ledger_rows = LedgerRows::round;
  const Audit audit_of_sums({}, summed, kD, 0);
  std::map<std::uint32_t, RoundSizes> sizes;
  std::vector<comm::LedgerRow> totals;
  on_closed_ = [&](const RoundRecord& record) {
    const Round& round = record.round;
    audit.check(round, record.ledger, record.sizes);
    sizes[round.t] = record.sizes;
    std::map<SumKey, comm::Bits> by_kind;
    for (const comm::LedgerRow& row : record.ledger) {
      if (round.t > 0) totals.push_back(row);
      by_kind[{row.id.direction, row.id.kind, row.field}] += row.bits;
      EXPECT_NE(row.id.kind, Kind::update);
      EXPECT_NE(row.id.kind, Kind::dense);
      const bool absent = round.t > 0 && !takes_part(settings_, round, row.id.worker);
      const bool sends = row.id.direction != Direction::down;
      EXPECT_FALSE(sends && absent) << row.id.worker;
      EXPECT_FALSE(row.id.kind == Kind::aggregate && !absent) << row.id.worker;
    }
    std::vector<comm::LedgerRow> sums;
    for (const auto& [key, bits] : by_kind) {
      const auto& [way, kind, field] = key;
      sums.push_back({.id = {.round = round.t, .worker = 0, .direction = way, .kind = kind},
                      .field = field,
                      .bits = bits});
    }
    EXPECT_NO_THROW(audit_of_sums.check_sums(round, sums, record.sizes)) << round.t;
    if (round.t == 0) return;
    const std::uint64_t taking = settings_.workers - round.absent;
    const std::uint64_t n = round.dense ? kD : defined_[round.t - 1].mask.size();
    EXPECT_EQ((by_kind[{Direction::across, Kind::reduce, Field::values}] +
               by_kind[{Direction::across, Kind::gather, Field::values}]),
              comm::Bits(2 * (taking - 1) * n * 32));
  };
  expect_the_definitions(advance(begin(), update_, 1));
  EXPECT_EQ(sizes.size(), plan_.size() + 1);
  EXPECT_NO_THROW(audit.check_totals(
      plan_, [&](const Round& round) { return sizes[round.t]; }, totals));
  on_closed_ = {};
  expect_the_definitions(advance(begin(), update_, 4));
}

TEST_P(Reduced, MayPauseAfterAnyRound) { expect_that_it_may_pause_after_any_round(); }

TEST_P(Reduced, MayGiveUpAnyRound) {
  for (std::uint32_t t = 1; t <= plan_.size(); ++t) {
    SCOPED_TRACE(t);
    const auto& taking = defined_[t - 1].participants;
    const auto count = static_cast<std::uint32_t>(taking.size());
    GivenUpUpdate update(update_, count, t, taking[t % count], settings_.workers);
    GroupState state = advance(begin(), update, settings_.workers, {}, &update.give_up());
    ASSERT_EQ(state.t, t - 1);
    expect_the_definitions(
        advance(std::move(state), update, settings_.workers, {}, &update.give_up()));
  }
}

// The server gives the round up when sums go around already, as a stopped run may: by then no
// worker has moved.
TEST_P(Reduced, MayGiveUpARoundWhoseSumsGoAround) {
  std::size_t given_up = 0;
  for (std::uint32_t t = 1; t <= plan_.size(); ++t) {
    SCOPED_TRACE(t);
    if (expect_that_it_may_be_given_up_after(Kind::gather, t)) ++given_up;  // else one takes part
  }
  EXPECT_EQ(given_up > 0, settings_.workers > 1);
}

// Each bit of a row counts, and so does the row: of one worker, and of the sums.
TEST_P(Reduced, TheAuditFindsAnAlteredBitAcross) {
  const Audit audit({}, settings_, kD, 0);
  std::size_t altered = 0;
  on_closed_ = [&](const RoundRecord& record) {
    for (std::size_t i = 0; i < record.ledger.size(); ++i) {
      if (record.ledger[i].id.direction != Direction::across) continue;
      std::vector<comm::LedgerRow> rows = record.ledger;
      rows[i].bits = comm::Bits(rows[i].bits.count() ^ (std::uint64_t{1} << (altered % 12)));
      const auto check = [&] { audit.check(record.round, rows, record.sizes); };
      EXPECT_THAT(check,
                  ThrowsMessage<CheckFailed>(HasSubstr("by the law of the ring, the ledger says")));
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_THAT(check, ThrowsMessage<CheckFailed>(HasSubstr("by the law of the ring")));
      ++altered;
    }
  };
  (void)advance(begin(), update_, 2);
  EXPECT_EQ(altered > 0, settings_.workers > 1);
}

// The server's share: 8 bits for each letter of the name and one byte, the round, and the values.
TEST(Reduce, WhatTheServerIsToldIsControlTraffic) {
  GivenSettings given{{"scheme", "dense"}, {"workers", "3"}};
  const auto control_up = [&](const char* aggregate) {
    given.emplace_back("aggregate", aggregate);
    const Settings settings = settings_of(given);
    const std::vector<Round> rounds = plain_rounds(2, 0);
    constexpr std::size_t kSmall = 100;
    DrawnUpdate update(kSmall, 3, 5, settings);
    Slots slots(2);
    comm::InprocGroup group(3);
    (void)run_group(
        {.group = group, .settings = settings, .rounds = rounds, .update = update, .slots = slots},
        initial_state(3, std::vector<float>(kSmall, 1.0F), {}));
    comm::Bits from_workers;
    for (std::uint32_t n = 0; n < 3; ++n) {
      from_workers += group.end(n).control_bits()[Direction::up];
    }
    EXPECT_EQ(group.end(3).control_bits()[Direction::up], from_workers);
    return from_workers.count();
  };
  // A report has, of each name, a byte each for direction, kind and what is counted, and 8 bytes
  // for each count: 7 fields sent, 7 decoded, 1 moved; across 4 more for the worker.
  const std::uint64_t in_reports_then = 2 * 3 * (3 + 7 * 8 + 3 + 8 * 8);  // dense, aggregate
  const std::uint64_t in_reports_now = 2 * 3 * 2 * (7 + 7 * 8 + 7 + 8 * 8);
  const std::uint64_t sum = 1 + std::string_view("sum of a round").size() + 4 + 4 * 100;
  EXPECT_EQ(control_up("reduce") - control_up("server"),
            8 * (2 * sum + in_reports_now - in_reports_then));
}

}  // namespace
}  // namespace mvsgd::sim
