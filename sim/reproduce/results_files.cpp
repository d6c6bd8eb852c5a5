#include "sim/reproduce/results_files.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <compare>
#include <iterator>
#include <map>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/files/durable_file.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/report/drawn_plots.hpp"
#include "sim/reproduce/claimed_differences.hpp"
#include "sim/reproduce/extensions_table.hpp"
#include "sim/reproduce/table.hpp"
#include "sim/train/backends.hpp"

namespace mvsgd::sim {
namespace {

/// Rows of one kind have the same settings but for those that make the row.
struct RowKind {
  bool has_workers;
  bool has_momentum;
  auto operator<=>(const RowKind&) const = default;
};
using RowKinds = std::set<RowKind>;

RowKind kind_of(const Settings& settings) {
  return {.has_workers = settings.scheme->sends(), .has_momentum = settings.momentum > 0};
}

/// In brackets, which rows of a table have a setting; "" if all have it.
std::string whose(const RowKinds& rows, const RowKinds& of_table) {
  if (rows == of_table) return "";
  RowKinds with_workers;
  RowKinds without;
  for (const RowKind& kind : of_table) (kind.has_workers ? with_workers : without).insert(kind);
  if (rows == with_workers) return " (with workers)";
  if (rows == without) return " (SM)";
  std::vector<std::string> names;
  for (const RowKind& kind : rows) {
    names.push_back(fmt::format("{} {} momentum", kind.has_workers ? "workers" : "SM",
                                kind.has_momentum ? "with" : "without"));
  }
  return fmt::format(" ({})", fmt::join(names, ", "));
}

/// Every setting in which the rows differ from their presets, without seed and data.
std::string differing_settings(const SweepPlan& plan) {
  RowKinds of_table;
  for (const TrialSpec& trial : plan.trials) of_table.insert(kind_of(trial.settings));
  std::vector<std::string> texts;
  for (const Key& key : keys()) {
    if (key.name == "seed" || key.name == "data" ||
        changes_no_bit(plan.trials.front().settings, key.name))
      continue;
    std::map<std::string, RowKinds> rows_of_value;
    for (const TrialSpec& trial : plan.trials) {
      const std::string value = key.get(trial.settings);
      if (value == key.get(preset(trial.settings.preset).settings)) continue;
      rows_of_value[value].insert(kind_of(trial.settings));
    }
    for (const auto& [value, rows] : rows_of_value) {
      texts.push_back(fmt::format("{} = {}{}", key.name, value, whose(rows, of_table)));
    }
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// The figures that these rows make possible: the plan's own figure, or for the table every figure
/// whose rows are complete.
std::vector<Plot> figures(const SweepPlan& plan, std::span<const RowResult> rows) {
  std::vector<Plot> plots;
  for (const TableOrFigure& figure : tables_and_figures()) {
    const bool is_own = plan.what == &figure && figure.kind != Exhibit::table1;
    const bool is_of_table = plan.is_table() && figure.kind == Exhibit::figure;
    if (!is_own && !is_of_table) continue;
    std::vector<SeedGroup> groups;
    for (const std::string_view name : figure.presets) {
      const auto row = std::ranges::find(rows, name, &RowResult::preset);
      if (row != rows.end() && row->accuracy) groups.push_back(row->trials);
    }
    if (groups.empty() || (plan.is_table() && groups.size() < figure.presets.size())) continue;
    plots.push_back(accuracy_figure(groups, std::string(figure.name), std::string(figure.title)));
  }
  return plots;
}

Caption caption_of(const SweepPlan& plan) {
  const std::string_view title = plan.is_table() ? "Table 1" : plan.what->title;
  return {.title = fmt::format("{} at scale {}", title, plan.scale->name),
          .settings = differing_settings(plan),
          .summary = std::string(plan.scale->summary),
          .trials = plan.count};
}

/// What `write` writes to a stream.
template <typename Write>
std::string text_by(const Write& write) {
  std::ostringstream text;
  write(text);
  return text.str();
}

void write_page(const SweepPlan& plan, std::span<const RowResult> rows,
                std::span<const Drawing> drawings) {
  replace_file(plan.out / "table1.html", text_by([&](std::ostream& out) {
                 write_table_html(out, caption_of(plan), rows, drawings);
               }));
}

}  // namespace

ResultsFiles::ResultsFiles(const SweepPlan& plan, std::span<const RowResult> rows)
    : plan_(&plan), rows_(rows) {
  const Caption caption = caption_of(plan);
  if (plan.what->kind == Exhibit::claims) {
    claims_ = claim_rows(plan.trials);
    const std::vector<ClaimedDifference> differences = claimed_differences(claims_);
    markdown_ = text_by([&](std::ostream& out) {
      write_claims(out, caption, claims_);
      write_in_masks(out, claims_);
      fmt::print(out, "\n");
      write_claimed_differences(out, differences);
      write_lacking(out, plan.trials);
    });
    csv_ = text_by([&](std::ostream& out) { write_claims_csv(out, claims_); });
    differences_csv_ =
        text_by([&](std::ostream& out) { write_claimed_differences_csv(out, differences); });
  } else if (plan.is_table()) {
    markdown_ = text_by([&](std::ostream& out) { write_markdown(out, caption, rows); });
    csv_ = text_by([&](std::ostream& out) { write_table_csv(out, rows); });
  } else if (plan.what->kind == Exhibit::extensions) {
    markdown_ = text_by([&](std::ostream& out) { write_extensions(out, caption, rows); });
    csv_ = text_by([&](std::ostream& out) { write_extensions_csv(out, rows); });
  } else {
    std::vector<SeedGroup> groups;
    for (const RowResult& row : rows) {
      if (row.accuracy) groups.push_back(row.trials);
    }
    csv_ = text_by([&](std::ostream& out) { write_csv(out, groups); });
  }
}

std::vector<Plot> ResultsFiles::plots() const {
  return plan_->what->kind == Exhibit::claims ? claim_plots(claims_) : figures(*plan_, rows_);
}

void ResultsFiles::write_numbers() const {
  const std::string name(plan_->what->name);
  if (!markdown_.empty()) replace_file(plan_->out / (name + ".md"), markdown_);
  replace_file(plan_->out / (name + ".csv"), csv_);
  if (!differences_csv_.empty()) {
    replace_file(plan_->out / (name + "_differences.csv"), differences_csv_);
  }
  if (plan_->is_table()) write_page(*plan_, rows_, {});
}

void ResultsFiles::draw() const {
  const std::vector<Plot> drawn = plots();
  if (drawn.empty()) return;
  const std::vector<std::string> documents = draw_svg(drawn);
  std::vector<Drawing> drawings;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    replace_file(plan_->out / (drawn[i].name + ".svg"), documents[i]);
    drawings.push_back({.name = drawn[i].name, .svg = documents[i]});
  }
  if (plan_->is_table()) write_page(*plan_, rows_, drawings);
}

}  // namespace mvsgd::sim
