#include "sim/reproduce/claims.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <string_view>
#include <utility>

namespace mvsgd::sim {
namespace {

constexpr std::string_view kNotes =
    "Means over the sparse rounds of a trial, then over the trials. Overlaps are shares of K that "
    "successive masks, and a worker's successive votes, have in common; drawn ones would have phi. "
    "Agreement is the votes a worker for a coordinate of the mask. The age is that of the oldest "
    "difference in the error memory where a mask sends: rounds since the coordinate was sent, and "
    "the local steps of so many rounds. In masks: the coordinates that some mask has had, so that "
    "all others are as the warm-up left them.";

using Part = std::optional<Sample> ClaimRow::*;

std::optional<Sample> sample_of(const std::vector<double>& values) {
  return values.empty() ? std::nullopt : std::optional(sample(values));
}

std::optional<Sample> sample_over(std::span<const RunHistory> runs, const Metric& metric) {
  std::vector<double> values;
  for (const RunHistory& run : runs) {
    if (const auto value = over_sparse_rounds(run, metric)) values.push_back(*value);
  }
  return sample_of(values);
}

ClaimRow row_of(SeedGroup trials) {
  ClaimRow row;
  row.trials = std::move(trials);
  const std::vector<RunHistory>& runs = row.trials.runs;
  row.preset = runs.front().settings.preset;
  row.local_steps = runs.front().settings.local_steps;
  row.phi = runs.front().settings.phi.to_double();
  std::vector<double> accuracies;
  std::vector<double> shares;
  for (const RunHistory& run : runs) {
    accuracies.push_back(100 * run.end->test_accuracy);
    if (const auto share = share_in_masks(run)) shares.push_back(*share);
  }
  row.accuracy = sample_of(accuracies);
  row.in_masks = sample_of(shares);
  row.mask_overlap = sample_over(runs, quantity("mask_overlap"));
  row.vote_overlap = sample_over(runs, quantity("vote_overlap"));
  row.vote_agreement = sample_over(runs, quantity("vote_agreement"));
  row.mask_age = sample_over(runs, quantity("mask_age"));
  return row;
}

std::string cell(const std::optional<Sample>& s, double factor, int digits) {
  if (!s) return "";
  std::string text = fmt::format("{:.{}f}", factor * s->mean, digits);
  if (s->deviation) text += fmt::format(" \u00b1 {:.{}f}", factor * *s->deviation, digits);
  return text;
}

}  // namespace

std::optional<double> over_sparse_rounds(const RunHistory& run, const Metric& metric) {
  double sum = 0;
  double rounds = 0;
  for (const RoundHistory& line : run.rounds) {
    const std::optional<double> value = mean_of(line, metric);
    if (line.dense || !value) continue;
    const double weight = line.rounds.value_or(1);
    sum += weight * *value;
    rounds += weight;
  }
  return rounds > 0 ? std::optional(sum / rounds) : std::nullopt;
}

std::optional<double> share_in_masks(const RunHistory& run) {
  const auto last = std::find_if(run.rounds.rbegin(), run.rounds.rend(),
                                 [](const RoundHistory& line) { return !line.in_masks.empty(); });
  if (last == run.rounds.rend()) return std::nullopt;
  double in = 0;
  double all = 0;
  for (const LayerShare& layer : last->in_masks) {
    in += static_cast<double>(layer.kept);
    all += static_cast<double>(layer.coordinates);
  }
  return in / all;
}

std::vector<ClaimRow> claim_rows(std::span<const TrialSpec> trials) {
  std::vector<SeedGroup> groups;
  for (const TrialSpec& trial : trials) {
    if (stage_of(trial) != TrialStage::finished) continue;
    auto group = std::ranges::find(groups, trial.settings.preset, &SeedGroup::label);
    if (group == groups.end()) {
      group = groups.insert(groups.end(), {.label = trial.settings.preset, .runs = {}});
    }
    group->runs.push_back(read_run_history(trial.path));
  }
  std::vector<ClaimRow> rows;
  rows.reserve(groups.size());
  for (SeedGroup& group : groups) rows.push_back(row_of(std::move(group)));
  return rows;
}

void write_claims(std::ostream& out, const Caption& caption, std::span<const ClaimRow> rows,
                  std::span<const TrialSpec> trials) {
  fmt::print(out, "### {}\n\n{}\n\n", caption.title, explained(caption));
  fmt::print(
      out,
      "| preset | H | n | accuracy, % | masks in common, % | votes in common, % | agreement, "
      "% | age, rounds | age, local steps | in masks, % |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const ClaimRow& row : rows) {
    fmt::print(out, "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", row.preset,
               row.local_steps, row.trials.runs.size(), cell(row.accuracy, 1, 2),
               cell(row.mask_overlap, 100, 2), cell(row.vote_overlap, 100, 2),
               cell(row.vote_agreement, 100, 2), cell(row.mask_age, 1, 1),
               cell(row.mask_age, row.local_steps, 0), cell(row.in_masks, 100, 2));
  }
  fmt::print(out, "\nMean and sample deviation over n trials. {}\n", kNotes);
  std::vector<std::string> lacking;
  for (const TrialSpec& trial : trials) {
    if (stage_of(trial) == TrialStage::finished) continue;
    lacking.push_back(trial.path.filename().string());
  }
  if (!lacking.empty()) fmt::print(out, "\nLacking: {}.\n", fmt::join(lacking, ", "));
}

void write_claims_csv(std::ostream& out, std::span<const ClaimRow> rows) {
  constexpr std::array<std::pair<std::string_view, Part>, 6> kParts = {
      {{"accuracy", &ClaimRow::accuracy},
       {"mask_overlap", &ClaimRow::mask_overlap},
       {"vote_overlap", &ClaimRow::vote_overlap},
       {"vote_agreement", &ClaimRow::vote_agreement},
       {"mask_age", &ClaimRow::mask_age},
       {"in_masks", &ClaimRow::in_masks}}};
  fmt::print(out, "preset,local_steps,phi,trials");
  for (const auto& [name, part] : kParts) fmt::print(out, ",{},{}_deviation", name, name);
  fmt::print(out, "\n");
  for (const ClaimRow& row : rows) {
    fmt::print(out, "{},{},{},{}", row.preset, row.local_steps, row.phi, row.trials.runs.size());
    for (const auto& [name, part] : kParts) {
      const std::optional<Sample>& s = row.*part;
      fmt::print(out, ",{},{}", s ? fmt::format("{}", s->mean) : "",
                 s && s->deviation ? fmt::format("{}", *s->deviation) : "");
    }
    fmt::print(out, "\n");
  }
}

std::vector<Plot> claim_plots(std::span<const ClaimRow> rows) {
  constexpr std::array<std::string_view, 3> kShown = {"mask_overlap-epoch", "vote_overlap-epoch",
                                                      "mask_age-epoch"};
  constexpr int kHeight = 420;  // with a key of many rows
  std::vector<SeedGroup> groups;
  for (const ClaimRow& row : rows) groups.push_back(row.trials);
  std::vector<Plot> plots;
  for (Plot& plot : report_plots(groups)) {
    if (std::ranges::find(kShown, plot.name) == kShown.end()) continue;
    plot.height = kHeight;
    plot.draw.insert(0, "set bmargin -1\nset key below maxcols 2 width 1 samplen 2\n");
    plots.push_back(std::move(plot));
  }
  return plots;
}

}  // namespace mvsgd::sim
