#include "sim/reproduce/results_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/files/durable_file.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/report/plots.hpp"
#include "sim/reproduce/claims.hpp"
#include "sim/reproduce/extensions_table.hpp"
#include "sim/train/backends.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// Every setting in which the rows differ from their presets, without seed and data.
std::string differing_settings(const SweepPlan& plan) {
  std::vector<std::string> texts;
  constexpr std::string_view kOf[] = {"", " (SM)", " (with momentum)", " (SM with momentum)"};
  for (const Key& key : keys()) {
    if (key.name == "seed" || key.name == "data" ||
        changes_no_bit(plan.trials.front().settings, key.name))
      continue;
    std::array<std::string, std::size(kOf)> values;
    for (const TrialSpec& trial : plan.trials) {
      const std::string value = key.get(trial.settings);
      if (value == key.get(preset(trial.settings.preset).settings)) continue;
      const bool is_single = !trial.settings.scheme->sends();
      values[(is_single ? 1 : 0) + (trial.settings.momentum > 0 ? 2 : 0)] = value;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i].empty() || (i > 0 && values[i] == values[0])) continue;
      texts.push_back(fmt::format("{} = {}{}", key.name, values[i], kOf[i]));
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

template <typename Write>
void replace_with(const fs::path& path, const Write& write) {
  std::ostringstream text;
  write(text);
  replace_file(path, text.str());
}

void write_page(const SweepPlan& plan, std::span<const RowResult> rows,
                const std::vector<Drawing>& drawings) {
  replace_with(plan.out / "table1.html",
               [&](std::ostream& out) { write_table_html(out, caption_of(plan), rows, drawings); });
}

}  // namespace

Caption caption_of(const SweepPlan& plan) {
  const std::string_view title = plan.is_table() ? "Table 1" : plan.what->title;
  return {.title = fmt::format("{} at scale {}", title, plan.scale->name),
          .settings = differing_settings(plan),
          .summary = std::string(plan.scale->summary),
          .trials = plan.count};
}

void write_numbers(const SweepPlan& plan, std::span<const RowResult> rows) {
  const std::string name(plan.what->name);
  const fs::path csv = plan.out / (name + ".csv");
  if (plan.is_table()) {
    replace_with(plan.out / (name + ".md"),
                 [&](std::ostream& out) { write_markdown(out, caption_of(plan), rows); });
    replace_with(csv, [&](std::ostream& out) { write_table_csv(out, rows); });
    write_page(plan, rows, {});
    return;
  }
  if (plan.what->kind == Exhibit::extensions) {
    replace_with(plan.out / (name + ".md"),
                 [&](std::ostream& out) { write_extensions(out, caption_of(plan), rows); });
    return replace_with(csv, [&](std::ostream& out) { write_extensions_csv(out, rows); });
  }
  if (plan.what->kind == Exhibit::claims) {
    const std::vector<ClaimRow> claims = claim_rows(plan.trials);
    replace_with(plan.out / (name + ".md"), [&](std::ostream& out) {
      write_claims(out, caption_of(plan), claims, plan.trials);
    });
    return replace_with(csv, [&](std::ostream& out) { write_claims_csv(out, claims); });
  }
  std::vector<SeedGroup> groups;
  for (const RowResult& row : rows) {
    if (row.accuracy) groups.push_back(row.trials);
  }
  replace_with(csv, [&](std::ostream& out) { write_csv(out, groups); });
}

void draw(const SweepPlan& plan, std::span<const RowResult> rows) {
  const std::vector<Plot> plots = plan.what->kind == Exhibit::claims
                                      ? claim_plots(claim_rows(plan.trials))
                                      : figures(plan, rows);
  if (plots.empty()) return;
  const std::vector<std::string> documents = draw_svg(plots);
  std::vector<Drawing> drawings;
  for (std::size_t i = 0; i < plots.size(); ++i) {
    replace_file(plan.out / (plots[i].name + ".svg"), documents[i]);
    drawings.push_back({.name = plots[i].name, .svg = documents[i]});
  }
  if (plan.is_table()) write_page(plan, rows, drawings);
}

}  // namespace mvsgd::sim
