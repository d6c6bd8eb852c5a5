#include "sim/reproduce/claims.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <string_view>
#include <utility>

#include "sim/reproduce/cells.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kNotes =
    "The mean accuracy is that over all evaluations; the gain at the decay, that of the first "
    "evaluation after the learning rate first falls over the last one before; the rate up, 32 bits "
    "over positions and values of the sparse rounds a coordinate and local step. All else are "
    "means over the sparse rounds of a trial, then over the trials. Overlaps are shares of K that "
    "successive masks, and a worker's successive votes, have in common; drawn ones would have phi. "
    "Agreement is the votes a worker for a coordinate of the mask. The age, in rounds and in the "
    "local steps of so many rounds, is the time since a coordinate was last in a mask or in the "
    "warm-up, mean over the coordinates of a mask, which is how old the oldest difference in the "
    "error memory is where all workers take part, send whole values and have a memory. In masks: "
    "the coordinates that some mask has had, so that all others are as the warm-up left them.";

/// The rows whose numbers are drawn against H.
struct RowsOfSteps {
  std::string_view label;
  std::array<std::string_view, 4> presets;  ///< by H
};
constexpr std::array<RowsOfSteps, 2> kBySteps = {
    {{"whole votes", {"ssgd-mv", "ssgd-mv-l2", "ssgd-mv-l4", "ssgd-mv-l8"}},
     {"add-drop", {"ssgd-mv-ad", "ssgd-mv-ad-l2", "ssgd-mv-ad-l4", "ssgd-mv-ad-l8"}}}};

using Part = std::optional<Sample> ClaimRow::*;

/// Of the runs that have the number.
template <typename Of>
std::optional<Sample> sample_over(std::span<const RunHistory> runs, const Of& of) {
  std::vector<double> values;
  for (const RunHistory& run : runs) {
    if (const std::optional<double> value = of(run)) values.push_back(*value);
  }
  return values.empty() ? std::nullopt : std::optional(sample(values));
}

/// In per cent, over the evaluations.
std::optional<double> mean_accuracy(const RunHistory& run) {
  std::vector<double> values;
  for (const RoundHistory& line : run.rounds) {
    if (line.test_accuracy) values.push_back(100 * *line.test_accuracy);
  }
  return values.empty() ? std::nullopt : std::optional(sample(values).mean);
}

ClaimRow row_of(SeedGroup trials) {
  ClaimRow row;
  row.trials = std::move(trials);
  const std::vector<RunHistory>& runs = row.trials.runs;
  row.preset = runs.front().settings.preset;
  row.local_steps = runs.front().settings.local_steps;
  row.phi = runs.front().settings.phi.to_double();
  row.accuracy = sample_over(
      runs, [](const RunHistory& run) { return std::optional(100 * run.end->test_accuracy); });
  row.mean_accuracy = sample_over(runs, mean_accuracy);
  row.gain_at_decay = sample_over(runs, gain_at_decay);
  row.rate_uplink = sample_over(runs, [](const RunHistory& run) { return run.end->rates.uplink; });
  row.in_masks = sample_over(runs, share_in_masks);
  for (const auto& [part, name] : {std::pair{&ClaimRow::mask_overlap, "mask_overlap"},
                                   {&ClaimRow::vote_overlap, "vote_overlap"},
                                   {&ClaimRow::vote_agreement, "vote_agreement"},
                                   {&ClaimRow::mask_age, "mask_age"}}) {
    const Metric metric = quantity(name);
    row.*part =
        sample_over(runs, [&](const RunHistory& run) { return over_sparse_rounds(run, metric); });
  }
  return row;
}

/// Adds a plot of a number against H, of the curves that have it at two H or more.
template <typename Of>
void add_plot_by_steps(std::vector<Plot>& plots, std::span<const ClaimRow> rows,
                       std::string_view name, std::string_view title, const Of& of) {
  std::vector<CurveOfSteps> curves;
  for (const RowsOfSteps& wanted : kBySteps) {
    CurveOfSteps one{.label = std::string(wanted.label), .points = {}};
    for (const std::string_view preset : wanted.presets) {
      const auto row = std::ranges::find(rows, preset, &ClaimRow::preset);
      if (row == rows.end()) continue;
      const std::optional<Sample> value = of(*row);
      if (value) one.points.emplace_back(row->local_steps, *value);
    }
    if (one.points.size() > 1) curves.push_back(std::move(one));
  }
  if (curves.empty()) return;
  plots.push_back(local_steps_plot(curves, std::string(name), std::string(title)));
}

/// None without a deviation.
std::optional<Sample> deviation_of_accuracy(const ClaimRow& row) {
  if (!row.accuracy || !row.accuracy->deviation) return std::nullopt;
  return Sample{.mean = *row.accuracy->deviation, .deviation = std::nullopt, .n = row.accuracy->n};
}

std::optional<Sample> age_in_local_steps(const ClaimRow& row) {
  std::optional<Sample> age = row.mask_age;
  if (age) age->mean *= row.local_steps;
  if (age && age->deviation) *age->deviation *= row.local_steps;
  return age;
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

std::optional<double> gain_at_decay(const RunHistory& run) {
  const RoundHistory* before = nullptr;
  for (const RoundHistory& line : run.rounds) {
    if (!line.test_accuracy) continue;
    if (before != nullptr && line.learning_rate < before->learning_rate) {
      return 100 * (*line.test_accuracy - *before->test_accuracy);
    }
    before = &line;
  }
  return std::nullopt;
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

void write_claims(std::ostream& out, const Caption& caption, std::span<const ClaimRow> rows) {
  fmt::print(out, "### {}\n\n{}\n\n", caption.title, explained(caption));
  fmt::print(
      out,
      "| preset | H | n | accuracy, % | mean accuracy, % | gain at the decay | rate up | masks in "
      "common, % | votes in common, % | agreement, % | age, rounds | age, local steps | in masks, "
      "% |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const ClaimRow& row : rows) {
    fmt::print(out, "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
               row.preset, row.local_steps, row.trials.runs.size(), sample_cell(row.accuracy),
               sample_cell(row.mean_accuracy), sample_cell(row.gain_at_decay),
               times_cell(row.rate_uplink ? std::optional(row.rate_uplink->mean) : std::nullopt),
               sample_cell(row.mask_overlap, {.factor = 100}),
               sample_cell(row.vote_overlap, {.factor = 100}),
               sample_cell(row.vote_agreement, {.factor = 100}),
               sample_cell(row.mask_age, {.digits = 1}),
               sample_cell(row.mask_age, {.factor = row.local_steps, .digits = 0}),
               sample_cell(row.in_masks, {.factor = 100}));
  }
  fmt::print(out, "\nMean and sample deviation over n trials. {}\n", kNotes);
}

void write_in_masks(std::ostream& out, std::span<const ClaimRow> rows) {
  constexpr double kShownAs100 = 0.99995;
  std::vector<std::vector<KeptShare>> columns;
  std::string head = "| layer |";
  std::string rule = "| --- |";
  for (const ClaimRow& row : rows) {
    if (!row.in_masks || row.in_masks->mean >= kShownAs100) continue;
    columns.push_back(in_masks_shares(row.trials));
    head += fmt::format(" {} |", row.preset);
    rule += " --- |";
  }
  if (columns.empty()) return;
  fmt::print(out, "\nIn masks by layer, %:\n\n{}\n{}\n", head, rule);
  for (std::size_t i = 0; i < columns.front().size(); ++i) {
    fmt::print(out, "| {} |", columns.front()[i].layer);
    for (const auto& column : columns) fmt::print(out, " {:.2f} |", 100 * column.at(i).share);
    fmt::print(out, "\n");
  }
}

void write_lacking(std::ostream& out, std::span<const TrialSpec> trials) {
  std::vector<std::string> lacking;
  for (const TrialSpec& trial : trials) {
    if (stage_of(trial) == TrialStage::finished) continue;
    lacking.push_back(trial.path.filename().string());
  }
  if (!lacking.empty()) fmt::print(out, "\nLacking: {}.\n", fmt::join(lacking, ", "));
}

void write_claims_csv(std::ostream& out, std::span<const ClaimRow> rows) {
  constexpr std::array<std::pair<std::string_view, Part>, 9> kParts = {
      {{"accuracy", &ClaimRow::accuracy},
       {"mean_accuracy", &ClaimRow::mean_accuracy},
       {"gain_at_decay", &ClaimRow::gain_at_decay},
       {"rate_uplink", &ClaimRow::rate_uplink},
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
  std::vector<SeedGroup> groups;
  for (const ClaimRow& row : rows) {
    const Settings& settings = row.trials.runs.front().settings;
    if (settings.value_bits == 32 && !settings.has_velocity()) groups.push_back(row.trials);
  }
  std::vector<Plot> plots;
  for (Plot& plot : report_plots(groups)) {
    if (std::ranges::find(kShown, plot.name) == kShown.end()) continue;
    plots.push_back(std::move(plot));
  }
  add_plot_by_steps(plots, rows, "accuracy_deviation-H",
                    "sample deviation of the accuracy over seeds, points", deviation_of_accuracy);
  add_plot_by_steps(plots, rows, "mask_age-H",
                    "local steps since the mask's coordinates were last sent", age_in_local_steps);
  std::ranges::for_each(plots, add_key);
  return plots;
}

}  // namespace mvsgd::sim
