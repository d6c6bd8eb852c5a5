#include "sim/report_html.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "sim/progress.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>mvsgd report</title>
<style>
:root { color-scheme: light dark; --page: #fff; --ink: #1b1b1b; --faint: #5c5c5c; --line: #d8d8d8; }
@media (prefers-color-scheme: dark) {
  :root { --page: #161616; --ink: #e6e6e6; --faint: #a8a8a8; --line: #3c3c3c; }
}
body { margin: 0 auto; padding: 1rem; max-width: 84rem; background: var(--page); color: var(--ink);
       font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p { max-width: 46rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr));
         gap: 1rem; align-items: start; }
.legend { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; margin: 0;
          padding: .35rem 0; max-width: none; background: var(--page); font-size: .8125rem; }
figure { margin: 0; max-width: 30rem; }
figure svg { display: block; width: 100%; height: auto; }
svg [color=black] { color: var(--ink); }
svg [stroke=black] { stroke: var(--ink); }
svg [fill=black] { fill: var(--ink); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); text-align: right;
         vertical-align: top; white-space: nowrap; font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 600; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
.differs { font-weight: 700; }
.line { display: inline-block; width: 1.6rem; margin-right: .5rem; vertical-align: middle;
        border-top: .2rem solid; }
code { font-size: .8125rem; }
summary { cursor: pointer; padding: .25rem 0; }
</style>
</head>
<body>
)";

/// One table; cells are HTML already.
class Table {
 public:
  Table(std::ostream& out, const std::vector<std::string>& heads, std::string_view kind = "")
      : out_(&out) {
    fmt::print(*out_, "<div class=\"wide {}\"><table>\n", kind);
    row(heads, "th");
  }
  ~Table() { fmt::print(*out_, "</table></div>\n"); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  void row(const std::vector<std::string>& cells, std::string_view tag = "td") {
    fmt::print(*out_, "<tr>");
    for (const std::string& cell : cells) fmt::print(*out_, "<{0}>{1}</{0}>", tag, cell);
    fmt::print(*out_, "</tr>\n");
  }

 private:
  std::ostream* out_;
};

std::string plus_minus(const Sample& s, double scale, int digits) {
  if (!s.deviation) return fmt::format("{:.{}f}", scale * s.mean, digits);
  return fmt::format("{:.{}f} &plusmn; {:.{}f}", scale * s.mean, digits, scale * *s.deviation,
                     digits);
}

std::string marked(const RunGroup& group, std::size_t g) {
  const LineStyle style = line_style(g);
  return fmt::format("<span class=\"line\" style=\"border-color:{};border-top-style:{}\"></span>{}",
                     style.color, style.dashed ? "dashed" : "solid", html_text(group.label));
}

/// Mean over the runs that have ended of one of their rates.
std::string rate(const RunGroup& group, std::optional<double> Rates::*member) {
  std::vector<double> values;
  for (const RunHistory& run : group.runs) {
    if (run.end && run.end->rates.*member) values.push_back(*(run.end->rates.*member));
  }
  return values.empty() ? "" : fmt::format("&times;{:.1f}", sample(values).mean);
}

void write_summary(std::ostream& out, std::span<const RunGroup> groups) {
  Table table(out, {"", "runs", "ended", "test accuracy, %", "uplink, as the paper counts",
                    "both ways", "whole run, uplink", "whole run, both ways"});
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const RunGroup& group = groups[g];
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

/// The drawing without its own header, names that no other drawing on the page has, and the title
/// where readers of the page find it.
std::string inlined(std::string svg, const Plot& plot) {
  svg.erase(0, svg.find("<svg"));
  const auto cut = [&](std::string_view open, std::string_view close) {
    for (std::size_t at = svg.find(open); at != std::string::npos; at = svg.find(open, at)) {
      svg.erase(at, svg.find(close, at) + close.size() - at);
    }
  };
  cut("<title>", "</title>");
  cut("<desc>", "</desc>");
  const auto rename = [&](std::string_view before) {
    for (std::size_t at = svg.find(before); at != std::string::npos;
         at = svg.find(before, at + before.size())) {
      svg.insert(at + before.size(), plot.name + '-');
    }
  };
  for (const std::string_view before : {" id=\"", " id='", "href='#", "url(#"}) rename(before);
  const std::size_t size = svg.find("width=");
  svg.replace(size, svg.find("viewBox", size) - size,
              fmt::format("role=\"img\" aria-label=\"{}\"\n ", html_text(plot.name)));
  return svg;
}

void write_runs(std::ostream& out, std::span<const RunGroup> groups) {
  Table table(out, {"directory", "seed", "rounds", "test accuracy, %", "seconds",
                    "SHA-256 of the parameters"});
  for (const RunGroup& group : groups) {
    for (const RunHistory& run : group.runs) {
      table.row({html_text(run.path.string()), std::to_string(run.settings.seed),
                 fmt::format("{} of {}", run.rounds.size(), run.planned_rounds),
                 run.end ? fmt::format("{:.2f}", 100 * run.end->test_accuracy) : "",
                 run.rounds.empty() ? "" : fmt::format("{:.0f}", run.rounds.back().seconds),
                 run.end ? "<code>" + run.end->digest + "</code>" : "has not ended"});
    }
  }
}

void write_settings(std::ostream& out, std::span<const RunGroup> groups) {
  std::vector<std::string> heads{"key"};
  for (const RunGroup& group : groups) heads.push_back(html_text(group.label));
  Table table(out, heads, "words");
  for (const Key& key : keys()) {
    std::vector<std::string> cells;
    for (const RunGroup& group : groups) {
      std::string values;
      for (const RunHistory& run : group.runs) {
        const std::string value = html_text(key.get(run.settings));
        if (values.empty()) values = value;
        // Of the runs of a group only seeds differ, and what changes no bit.
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

void write_bits(std::ostream& out, std::span<const RunGroup> groups) {
  std::vector<std::string> heads{"bits, mean over runs", "way"};
  for (std::size_t f = 0; f < comm::kFields; ++f) {
    heads.emplace_back(comm::name(static_cast<comm::Field>(f)));
  }
  Table table(out, heads);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const auto direction : {comm::Direction::up, comm::Direction::down}) {
      std::vector<std::string> cells{marked(groups[g], g), std::string(comm::name(direction))};
      for (std::size_t f = 0; f < comm::kFields; ++f) {
        std::uint64_t bits = 0;
        for (const RunHistory& run : groups[g].runs) {
          bits += run.bits[static_cast<std::size_t>(direction)][comm::Field(f)].count();
        }
        cells.push_back(grouped(bits / groups[g].runs.size()));
      }
      table.row(cells);
    }
  }
}

void write_layers(std::ostream& out, std::span<const RunGroup> groups) {
  std::vector<std::string> heads{"kept in the last evaluated mask, %"};
  std::vector<std::vector<KeptShare>> columns;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (auto shares = kept_shares(groups[g]); !shares.empty()) {
      heads.push_back(marked(groups[g], g));
      columns.push_back(std::move(shares));
    }
  }
  if (columns.empty()) return;
  Table table(out, heads);
  for (std::size_t i = 0; i < columns.front().size(); ++i) {
    std::vector<std::string> cells{"<code>" + html_text(columns.front()[i].layer) + "</code>"};
    for (const auto& column : columns)
      cells.push_back(fmt::format("{:.3f}", 100 * column[i].share));
    table.row(cells);
  }
}

/// Every point of the group's curves.
void write_points(std::ostream& out, const RunGroup& group) {
  Table table(out, {"quantity", "round", "epoch", "bits, both ways", "seconds", "mean", "deviation",
                    "runs"});
  for (const Quantity& q : quantities()) {
    for (const CurvePoint& p : curve(group, q)) {
      table.row({std::string(q.name), fmt::format("{:.5g}", p.round),
                 fmt::format("{:.4g}", p.epoch), fmt::format("{:.4g}", p.bits),
                 fmt::format("{:.4g}", p.seconds), fmt::format("{:.5g}", p.value.mean),
                 p.value.deviation ? fmt::format("{:.2g}", *p.value.deviation) : "",
                 std::to_string(p.value.n)});
    }
  }
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

void write_html(std::ostream& out, std::span<const RunGroup> groups, std::span<const Plot> plots,
                std::span<const std::string> drawings) {
  fmt::print(out,
             "{}<h1>mvsgd report</h1>\n<p>Runs whose settings differ in seed alone are one curve: "
             "their mean, in a band of one sample standard deviation to each side. A curve of more "
             "than 200 rounds shows means of neighbouring rounds.</p>\n",
             kHead);
  write_summary(out, groups);
  fmt::print(out, "<h2>Plots</h2>\n<section>\n<p class=\"legend\">");
  for (std::size_t g = 0; g < groups.size(); ++g) {
    fmt::print(out, "<span>{}</span>\n", marked(groups[g], g));
  }
  fmt::print(out, "</p>\n<div class=\"plots\">\n");
  for (std::size_t i = 0; i < plots.size(); ++i) {
    fmt::print(out, "<figure id=\"{}\">{}</figure>\n", plots[i].name,
               inlined(drawings[i], plots[i]));
  }
  fmt::print(out, "</div>\n</section>\n<h2>Runs</h2>\n");
  write_runs(out, groups);
  fmt::print(out, "<h2>Settings</h2>\n<p>What is not the same everywhere is in bold.</p>\n");
  write_settings(out, groups);
  fmt::print(out, "<h2>Numbers</h2>\n");
  write_bits(out, groups);
  write_layers(out, groups);
  for (const RunGroup& group : groups) {
    fmt::print(out, "<details><summary>points of the curves: {}</summary>\n",
               html_text(group.label));
    write_points(out, group);
    fmt::print(out, "</details>\n");
  }
  fmt::print(out, "</body>\n</html>\n");
}

}  // namespace mvsgd::sim
