#include "sim/verify/condensed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/law/account.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/verify/hold.hpp"

namespace mvsgd::sim {
namespace {

RoundSizes sizes_in(const CondensedRecord& record, std::uint32_t t) {
  const auto after = record.sizes.upper_bound(t);
  return after == record.sizes.begin() ? RoundSizes() : std::prev(after)->second;
}

/// Successive rounds of one kind: what precedes the first, the warm-up, what comes after it.
std::vector<std::span<const Round>> parts_of(std::span<const Round> plan) {
  const auto sparse =
      std::find_if(plan.begin() + 1, plan.end(), [](const Round& round) { return !round.dense; });
  std::vector<std::span<const Round>> parts = {
      plan.first(1), {plan.begin() + 1, sparse}, {sparse, plan.end()}};
  std::erase_if(parts, [](std::span<const Round> part) { return part.empty(); });
  return parts;
}

std::vector<comm::LedgerRow> rows_of(const CondensedRecord& record, std::span<const Round> part) {
  std::vector<comm::LedgerRow> rows;
  std::ranges::copy_if(record.rows, std::back_inserter(rows),
                       [&](const comm::LedgerRow& row) { return row.id.round == part.back().t; });
  return rows;
}

void hold_digest(std::string_view where, std::string_view digest) {
  constexpr std::size_t kDigits = 64;
  const bool is_one = digest.size() == kDigits &&
                      digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!is_one) throw CheckFailed(fmt::format("{}: '{}' is no SHA-256", where, digest));
}

/// A line against the rounds for which it stands.
void hold_line(const RunHistory& run, const RoundHistory& line, const CondensedRecord& record,
               std::span<const Round> rounds) {
  const std::string where = fmt::format("the line of round {}", line.round);
  const Round& last = rounds.back();
  for (const Round& round : rounds) {
    if (round.dense == last.dense && (!round.evaluate || &round == &last)) continue;
    throw CheckFailed(fmt::format("{}: round {} has a line of its own", where, round.t));
  }
  std::uint64_t steps = 0;
  std::uint64_t of_workers = 0;  // summed over those that take part
  for (const Round& round : rounds) {
    steps += round.steps;
    of_workers += std::uint64_t{round.steps} * (run.settings.workers - round.absent);
  }
  constexpr std::string_view kBy = "the schedule has";
  hold(where, "epoch", line.epoch, last.epoch, kBy);
  hold(where, "local_steps", line.local_steps, steps, kBy);
  hold(where, "dense", line.dense, last.dense, kBy);
  hold(where, "learning_rate", line.learning_rate, last.learning_rate, kBy);
  hold(where, "images", line.images, run.settings.batch * of_workers, kBy);
  hold(where, "whether it was evaluated", line.test_accuracy.has_value(), last.evaluate, kBy);
  if (!line.theta_sha256.empty()) hold_digest(where, line.theta_sha256);
  const RoundSizes sizes = sizes_in(record, last.t);
  hold(where, "union_size", line.union_size, unless_zero(sizes.union_size), "sizes.csv has");
  hold_numbers(where, line);
  hold_layers(where, line, sizes.union_size > 0 ? sizes.union_size : record.k(last.t));
}

}  // namespace

void hold_totals(const CondensedRecord& record, const Audit& audit) {
  std::size_t held = 0;
  for (const std::span<const Round> part : parts_of(record.plan)) {
    const std::vector<comm::LedgerRow> rows = rows_of(record, part);
    audit.check_totals(
        part, [&](const Round& round) { return sizes_in(record, round.t); }, rows);
    held += rows.size();
  }
  if (held != record.rows.size()) throw CheckFailed("a row of a round that ends no sum");
}

void hold_condensed_metrics(const RunHistory& run, const CondensedRecord& record) {
  if (!run.end) throw CheckFailed("the last line, of the end, is missing");
  if (run.last_round() + std::size_t{1} != record.plan.size()) {
    throw CheckFailed(
        fmt::format("it ends after round {} of {}", run.last_round(), record.plan.size() - 1));
  }
  std::size_t next = 1;
  for (const RoundHistory& line : run.rounds) {
    hold_line(run, line, record, record.plan.subspan(next, line.round + std::size_t{1} - next));
    next = line.round + std::size_t{1};
  }
  Account account(record.d, run.settings.workers);
  for (const std::span<const Round> part : parts_of(record.plan)) {
    const std::vector<comm::LedgerRow> rows = rows_of(record, part);
    for (const Round& round : part.first(part.size() - 1)) account.add(round, {});
    account.add(part.back(), rows);
    if (part.front().t == 0) continue;
    comm::ByDirection<comm::Bits> told;
    for (const RoundHistory& line : run.rounds) {
      if (line.dense != part.back().dense) continue;
      told[comm::Direction::up] += line.bits_up;
      told[comm::Direction::down] += line.bits_down;
      told[comm::Direction::across] += comm::Bits(line.bits_across.value_or(0));
    }
    const auto sums = comm::sum_by_direction(rows);
    for (const comm::Direction way : comm::kAllDirections) {
      hold(fmt::format("the lines to round {}", part.back().t),
           fmt::format("the sum of bits {}", comm::name(way)), told[way].count(),
           sums[way].total().count(), "the ledger's sums have");
    }
  }
  hold_digest("the end", run.end->digest);
  hold_end(run, account.rates());
}

}  // namespace mvsgd::sim
