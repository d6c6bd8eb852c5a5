#include "sim/verify/run_metrics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "sim/law/account.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/verify/hold.hpp"

namespace mvsgd::sim {
namespace {

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
  hold_numbers(where, told);
  if (told.means.empty()) return;
  throw CheckFailed(
      fmt::format("{}: the mean of {}, of one round", where, told.means.begin()->first));
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
  hold(where, "bits_across", told.bits_across,
       unless_zero(sums[comm::Direction::across].total().count()), kBy);
  const RoundSizes sizes = record.sizes(told.round);
  hold(where, "union_size", told.union_size, unless_zero(sizes.union_size), kBy);
  if (by_worker) hold_changes(where, told, sizes);
  hold_layers(where, told, sizes.union_size > 0 ? sizes.union_size : record.k(told.round));
}

void hold_whole_end(const RunHistory& run, const RunRecord& record) {
  if (run.rounds.size() != run.planned_rounds) {
    throw CheckFailed(
        fmt::format("it ends after {} of {} rounds", run.rounds.size(), run.planned_rounds));
  }
  Account account(record.d, run.settings.workers);
  for (std::size_t t = 0; t <= run.rounds.size(); ++t) {
    account.add(record.plan[t], record.rows(t));
  }
  hold_end(run, account.rates());
}

/// The sum of the values that are there, in their order, and how many they are.
struct Sum {
  double value = 0;
  std::size_t count = 0;
};
Sum sum_of(const std::vector<std::optional<double>>& values) {
  Sum sum;
  for (const auto& value : values) {
    if (!value) continue;
    sum.value += *value;
    ++sum.count;
  }
  return sum;
}

void hold_workers_of(const RunHistory& run, const RunRecord& record, const WorkerMetrics& line,
                     const RoundHistory& told) {
  const std::string where = fmt::format("round {}", line.round);
  const Round& plan = record.plan[line.round];
  hold(where, "epoch", line.epoch, plan.epoch, "the schedule has");
  for (std::uint32_t n = 0; n < run.settings.workers; ++n) {
    hold(where, fmt::format("whether worker {} took part", n), line.loss[n].has_value(),
         takes_part(run.settings, plan, n), "the seed has");
  }
  constexpr std::string_view kBy = "metrics.jsonl has";
  // Each mean was divided before it was added: some roundings for each of them.
  const Sum losses = sum_of(line.loss);
  const auto taking = static_cast<double>(losses.count);
  const double mean = losses.value / taking;
  const double bound = (taking + 4) * std::numeric_limits<double>::epsilon() * std::abs(mean);
  if (!(std::abs(mean - told.loss) <= bound)) {
    hold(where, "the mean loss", mean, told.loss, kBy);
  }
  const Sum overlaps = sum_of(line.vote_overlap);
  const auto count = static_cast<double>(overlaps.count);
  hold(where, "the mean vote_overlap",
       overlaps.count > 0 ? std::optional(overlaps.value / count) : std::nullopt, told.vote_overlap,
       kBy);
  const Sum agreements = sum_of(line.vote_agreement);
  hold(where, "whether there are votes", agreements.count > 0, told.vote_agreement.has_value(),
       kBy);
  // Of add-drop's votes those of absent workers count, too, which have no number here.
  if (agreements.count == 0 || (plan.absent > 0 && drops(*run.settings.scheme))) return;
  const auto k = static_cast<double>(record.k(line.round));
  const std::uint32_t of_union = record.sizes(line.round).union_size;
  const double mask = of_union > 0 ? of_union : k;
  const double votes = std::round(agreements.value * k);
  hold(where, "the votes for the mask", votes,
       std::round(*told.vote_agreement * mask * static_cast<double>(agreements.count)), kBy);
}

}  // namespace

void hold_worker_metrics(const RunHistory& run, const RunRecord& record) {
  auto line = run.by_worker.begin();
  for (const RoundHistory& round : run.rounds) {
    if (round.round >= record.plan.size() || !record.plan[round.round].evaluate) continue;
    if (line == run.by_worker.end() || line->round != round.round) {
      throw CheckFailed(fmt::format("round {} has no line", round.round));
    }
    hold_workers_of(run, record, *line, round);
    ++line;
  }
  // A program that runs has gone on meanwhile, or has an evaluation due.
  for (std::uint32_t last = run.last_round(); line != run.by_worker.end(); ++line) {
    const bool is_planned =
        line->round > last && line->round < record.plan.size() && record.plan[line->round].evaluate;
    if (run.end || !is_planned) throw CheckFailed(fmt::format("a line of round {}", line->round));
    last = line->round;
  }
}

void hold_metrics(const RunHistory& run, const RunRecord& record) {
  for (const RoundHistory& round : run.rounds) {
    const std::string where = fmt::format("round {}", round.round);
    if (round.round >= record.plan.size()) throw CheckFailed(where + " is none of the schedule's");
    hold_schedule(where, run.settings, round, record.plan[round.round]);
    hold_sizes(where, run.settings.ledger_rows == LedgerRows::worker, round, record);
  }
  if (run.end) hold_whole_end(run, record);
}

}  // namespace mvsgd::sim
