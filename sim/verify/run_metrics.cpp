#include "sim/verify/run_metrics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string_view>

#include "sim/law/account.hpp"
#include "sim/law/check_failed.hpp"

namespace mvsgd::sim {
namespace {

std::string text_of(const auto& value) { return fmt::format("{}", value); }
std::string text_of(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "none";
}

template <typename Value>
void hold(const std::string& where, std::string_view name, const Value& told, const Value& want,
          std::string_view by) {
  if (told == want) return;
  throw CheckFailed(
      fmt::format("{}: {} is {}, {} {}", where, name, text_of(told), by, text_of(want)));
}

void hold_schedule(const std::string& where, const Settings& settings, const RoundHistory& told,
                   const Round& plan) {
  constexpr std::string_view kBy = "the schedule has";
  hold(where, "epoch", told.epoch, plan.epoch, kBy);
  hold(where, "local_steps", told.local_steps, std::uint64_t{plan.steps}, kBy);
  hold(where, "dense", told.dense, plan.dense, kBy);
  hold(where, "learning_rate", told.learning_rate, plan.learning_rate, kBy);
  const std::uint64_t workers = settings.workers - plan.absent;
  const std::uint64_t images = workers * settings.batch * plan.steps;
  hold(where, "images", told.images, images, kBy);
  hold(where, "whether it was evaluated", told.test_accuracy.has_value(), plan.evaluate, kBy);
}

void hold_changes(const std::string& where, const RoundHistory& told, const RoundSizes& sizes) {
  constexpr std::string_view kBy = "the ledger's rows have";
  // If the length of a code depends on the set, the bits do not tell how many positions there are.
  const bool coded = std::ranges::any_of(
      sizes.coded_bits, [](const auto& of) { return of.first.first == comm::Kind::add; });
  if (!coded) {
    hold(where, "changes", told.changes, sizes.changes, kBy);
  } else {
    hold(where, "the count of changes", told.changes.size(), sizes.changes.size(), kBy);
  }
}

/// If the ledger has sums over the workers, only the metrics tell the changes. The audit checks the
/// sums against them.
void hold_sizes(const std::string& where, bool by_worker, const RoundHistory& told,
                const RunRecord& record) {
  constexpr std::string_view kBy = "the ledger's rows have";
  const auto rows = record.rows(told.round);
  const auto sums = comm::sum_by_direction(rows);
  hold(where, "bits_up", told.bits_up.count(), sums[comm::Direction::up].total().count(), kBy);
  hold(where, "bits_down", told.bits_down.count(), sums[comm::Direction::down].total().count(),
       kBy);
  const RoundSizes sizes = record.sizes(told.round);
  hold(where, "union_size", told.union_size.value_or(0), sizes.union_size, kBy);
  if (by_worker) hold_changes(where, told, sizes);
  if (told.kept.empty()) return;
  const std::uint64_t kept =
      std::accumulate(told.kept.begin(), told.kept.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const LayerShare& share) { return sum + share.kept; });
  const std::uint64_t mask = sizes.union_size > 0 ? sizes.union_size : record.k(told.round);
  hold(where, "the sum of kept_by_layer", kept, mask, "the mask has");
}

void hold_end(const RunHistory& run, const RunRecord& record) {
  const std::string where = "the end";
  constexpr std::string_view kBy = "the last round has";
  const RunEnd& end = *run.end;
  if (run.rounds.size() != run.planned_rounds) {
    throw CheckFailed(
        fmt::format("it ends after {} of {} rounds", run.rounds.size(), run.planned_rounds));
  }
  if (!run.rounds.empty()) {
    const RoundHistory& last = run.rounds.back();
    hold(where, "test_accuracy", std::optional(end.test_accuracy), last.test_accuracy, kBy);
    hold(where, "test_loss", end.test_loss, last.test_loss, kBy);
    // An older program wrote no digest in a round's line.
    if (!last.theta_sha256.empty()) {
      hold(where, "theta_sha256", end.digest, last.theta_sha256, kBy);
    }
  }
  Account account(record.d, run.settings.workers);
  for (std::size_t t = 0; t <= run.rounds.size(); ++t) {
    account.add(record.plan[t], record.rows(t));
  }
  const Rates rates = account.rates();
  for (const auto& [name, rate] : kRates) {
    hold(where, name, end.rates.*rate, rates.*rate, "the ledger's rows give");
  }
}

}  // namespace

void hold_metrics(const RunHistory& run, const RunRecord& record) {
  for (const RoundHistory& round : run.rounds) {
    const std::string where = fmt::format("round {}", round.round);
    if (round.round >= record.plan.size()) throw CheckFailed(where + " is none of the schedule's");
    hold_schedule(where, run.settings, round, record.plan[round.round]);
    hold_sizes(where, run.settings.ledger_rows == LedgerRows::worker, round, record);
  }
  if (run.end) hold_end(run, record);
}

}  // namespace mvsgd::sim
