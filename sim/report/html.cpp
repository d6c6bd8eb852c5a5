#include "sim/report/html.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "sim/plan/keys.hpp"
#include "sim/text/html_page.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

std::string plus_minus(const Sample& s, double scale, int digits) {
  if (!s.deviation) return fmt::format("{:.{}f}", scale * s.mean, digits);
  return fmt::format("{:.{}f} &plusmn; {:.{}f}", scale * s.mean, digits, scale * *s.deviation,
                     digits);
}

std::string marked(const SeedGroup& group, std::size_t g) {
  const LineStyle style = line_style(g);
  return fmt::format("<span class=\"line\" style=\"border-color:{};border-top-style:{}\"></span>{}",
                     style.color, style.border_style, html_text(group.label));
}

/// The mean of one rate over the runs that have ended.
std::string rate(const SeedGroup& group, std::optional<double> Rates::*member) {
  std::vector<double> values;
  for (const RunHistory& run : group.runs) {
    if (run.end && run.end->rates.*member) values.push_back(*(run.end->rates.*member));
  }
  return values.empty() ? "" : fmt::format("&times;{:.1f}", sample(values).mean);
}

void write_summary(std::ostream& out, std::span<const SeedGroup> groups) {
  HtmlTable table(out, {"", "runs", "ended", "test accuracy, %", "uplink, as the paper counts",
                        "both ways", "whole run, uplink", "whole run, both ways"});
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const SeedGroup& group = groups[g];
    std::vector<double> accuracies;
    for (const RunHistory& run : group.runs) {
      if (run.end) accuracies.push_back(run.end->test_accuracy);
    }
    table.row({marked(group, g), std::to_string(group.runs.size()),
               std::to_string(accuracies.size()),
               accuracies.empty() ? "" : plus_minus(sample(accuracies), 100, 2),
               rate(group, &Rates::uplink), rate(group, &Rates::both_ways),
               rate(group, &Rates::run_uplink), rate(group, &Rates::run_both_ways)});
  }
}

void write_runs(std::ostream& out, std::span<const SeedGroup> groups) {
  HtmlTable table(out, {"directory", "seed", "rounds", "test accuracy, %", "seconds",
                        "SHA-256 of the parameters", "whose bits"});
  for (const SeedGroup& group : groups) {
    for (const RunHistory& run : group.runs) {
      table.row({html_text(run.path.string()), std::to_string(run.settings.seed),
                 fmt::format("{} of {}", run.last_round(), run.planned_rounds),
                 run.end ? fmt::format("{:.2f}", 100 * run.end->test_accuracy) : "",
                 run.rounds.empty() ? "" : fmt::format("{:.0f}", run.rounds.back().seconds),
                 run.end ? "<code>" + run.end->digest + "</code>" : "has not ended",
                 html_text(run.whose_bits)});
    }
  }
}

void write_settings(std::ostream& out, std::span<const SeedGroup> groups) {
  std::vector<std::string> heads{"key"};
  for (const SeedGroup& group : groups) heads.push_back(html_text(group.label));
  HtmlTable table(out, heads, "words");
  for (const Key& key : keys()) {
    std::vector<std::string> cells;
    for (const SeedGroup& group : groups) {
      std::string values;
      for (const RunHistory& run : group.runs) {
        const std::string value = html_text(key.get(run.settings));
        if (values.empty()) values = value;
        // The runs of a group differ only in seed and in what changes no bit.
        if (key.name == "seed" && &run != &group.runs.front()) values += ", " + value;
      }
      cells.push_back(values);
    }
    const bool differs = std::ranges::adjacent_find(cells, std::not_equal_to<>()) != cells.end();
    if (differs) {
      for (std::string& cell : cells) cell = fmt::format("<span class=\"differs\">{}</span>", cell);
    }
    cells.insert(cells.begin(), fmt::format("<code>{}</code>", key.name));
    table.row(cells);
  }
}

void write_bits(std::ostream& out, std::span<const SeedGroup> groups) {
  std::vector<std::string> heads{"bits, mean over runs", "way"};
  for (const comm::Field field : comm::kAllFields) heads.emplace_back(comm::name(field));
  HtmlTable table(out, heads);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const comm::Direction direction : comm::kAllDirections) {
      const bool goes = std::ranges::any_of(groups[g].runs, [&](const RunHistory& run) {
        return run.bits[direction].total() > comm::Bits(0);
      });
      if (direction == comm::Direction::across && !goes) continue;
      std::vector<std::string> cells{marked(groups[g], g), std::string(comm::name(direction))};
      for (const comm::Field field : comm::kAllFields) {
        std::uint64_t bits = 0;
        for (const RunHistory& run : groups[g].runs) {
          bits += run.bits[direction][field].count();
        }
        cells.push_back(grouped(bits / groups[g].runs.size()));
      }
      table.row(cells);
    }
  }
}

void write_layers(std::ostream& out, std::span<const SeedGroup> groups, std::string_view head,
                  std::vector<KeptShare> (*shares_of)(const SeedGroup&)) {
  std::vector<std::string> heads{std::string(head)};
  std::vector<std::vector<KeptShare>> columns;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (auto shares = shares_of(groups[g]); !shares.empty()) {
      heads.push_back(marked(groups[g], g));
      columns.push_back(std::move(shares));
    }
  }
  if (columns.empty()) return;
  HtmlTable table(out, heads);
  for (std::size_t i = 0; i < columns.front().size(); ++i) {
    std::vector<std::string> cells{"<code>" + html_text(columns.front()[i].layer) + "</code>"};
    for (const auto& column : columns)
      cells.push_back(fmt::format("{:.3f}", 100 * column[i].share));
    table.row(cells);
  }
}

/// Every point of the group's curves, but those by worker.
void write_points(std::ostream& out, const SeedGroup& group) {
  HtmlTable table(out, {"quantity", "round", "epoch", "bits, both ways", "seconds", "mean",
                        "deviation", "runs"});
  const auto write = [&](std::string_view quantity, const std::vector<CurvePoint>& points) {
    for (const CurvePoint& p : points) {
      table.row({std::string(quantity), fmt::format("{:.5g}", p.round),
                 fmt::format("{:.4g}", p.epoch), fmt::format("{:.4g}", p.bits),
                 fmt::format("{:.4g}", p.seconds), fmt::format("{:.5g}", p.value.mean),
                 p.value.deviation ? fmt::format("{:.2g}", *p.value.deviation) : "",
                 std::to_string(p.value.n)});
    }
  };
  for (const Metric& q : quantities()) write(q.name, curve(group, q));
  write(kTied, curve_of_ties(group));
}

/// What is a curve, and what its band reaches over, of the bands that there are.
void write_curves(std::ostream& out, std::span<const Plot> plots) {
  const auto has = [&](Band band) {
    return std::ranges::find(plots, band, &Plot::band) != plots.end();
  };
  fmt::print(
      out,
      "<p>Runs whose settings differ in seed alone are one curve: their mean{}. A curve of "
      "more than 200 rounds shows means of neighbouring rounds.{}</p>\n",
      has(Band::deviation) ? ", in a band of one sample standard deviation to each side" : "",
      has(Band::workers) ? " Plots by worker have the mean over workers and runs in every "
                           "evaluated round, in a band from the least worker of all runs to "
                           "the largest."
                         : "");
}

}  // namespace

void write_html(std::ostream& out, std::span<const SeedGroup> groups, std::span<const Plot> plots,
                std::span<const std::string> drawings) {
  begin_page(out, "mvsgd report");
  write_curves(out, plots);
  write_summary(out, groups);
  fmt::print(out, "<h2>Plots</h2>\n<section>\n<p class=\"legend\">");
  for (std::size_t g = 0; g < groups.size(); ++g) {
    fmt::print(out, "<span>{}</span>\n", marked(groups[g], g));
  }
  fmt::print(out, "</p>\n<div class=\"plots\">\n");
  for (std::size_t i = 0; i < plots.size(); ++i) {
    write_figure(out, plots[i].name, drawings[i]);
  }
  fmt::print(out, "</div>\n</section>\n<h2>Runs</h2>\n");
  write_runs(out, groups);
  fmt::print(out, "<h2>Settings</h2>\n<p>What is not the same everywhere is in bold.</p>\n");
  write_settings(out, groups);
  fmt::print(out, "<h2>Numbers</h2>\n");
  write_bits(out, groups);
  write_layers(out, groups, "kept in the last evaluated mask, %", kept_shares);
  write_layers(out, groups, "in any mask since the last dense round, %", in_masks_shares);
  for (const SeedGroup& group : groups) {
    fmt::print(out, "<details><summary>points of the curves: {}</summary>\n",
               html_text(group.label));
    write_points(out, group);
    fmt::print(out, "</details>\n");
  }
  end_page(out);
}

}  // namespace mvsgd::sim
