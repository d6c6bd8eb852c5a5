#include "sim/reproduce/table.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/reproduce/cells.hpp"
#include "sim/text/html_page.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

// UTF-8, for Markdown and HTML.
constexpr std::string_view kPlusMinus = " \u00b1 ";
constexpr std::string_view kTimes = "\u00d7";
constexpr std::string_view kBar = "q\u0304";

constexpr std::string_view kNotes =
    "Accuracies are those after the last round on the test images: mean \u00b1 sample standard "
    "deviation over n trials. p is that of a two-sided t-test against SM-Benchmark, Welch's or of "
    "pairs by seed; in brackets adjusted for the table's comparisons by Holm. The paper's p is "
    "Welch's for its printed means and population deviations, adjusted for all its fourteen "
    "comparisons. Bits are counted from the ledger: "
    "q\u0304 is positions + values of the sparse rounds a coordinate "
    "and local step, a rate 32 over their sum; whole-run rates have every bit: warm-up, initial "
    "model, buffers, headers and padding. In italics: the paper.";

std::string budget(const std::optional<BitBudget>& bits) {
  if (!bits) return "";
  return fmt::format("{} + {}", three_digits(bits->q_loc), three_digits(bits->q_val));
}

double number(std::string_view printed) { return std::stod(std::string(printed)); }

/// How cells are marked up in Markdown or HTML.
struct Style {
  std::string_view emphasis_begin;
  std::string_view emphasis_end;
};

using Cells = std::vector<std::string>;

Cells heads() {
  return {"row",
          "n",
          "accuracy, %",
          "paper",
          "less SM",
          "p (Holm)",
          "p of pairs (Holm)",
          "paper: less SM, p (Holm)",
          fmt::format("{} up: positions + values", kBar),
          "paper",
          "rate up",
          "paper",
          fmt::format("{} down", kBar),
          "paper",
          "rate down",
          "paper",
          "both ways",
          "whole run up",
          "whole run both ways"};
}

Cells cells(const RowResult& row, const RowResult* sm, std::uint32_t trials, const Style& style) {
  const PrintedRow& printed = *row.printed;
  const auto paper = [&](const std::string& text) {
    return text.empty() ? text
                        : fmt::format("{}{}{}", style.emphasis_begin, text, style.emphasis_end);
  };
  const auto paper_bits = [&](const Printed& p) {
    return paper(p.rate.empty() ? ""
                                : fmt::format("{} + {}", three_digits(number(p.q_loc)),
                                              three_digits(number(p.q_val))));
  };
  const auto paper_rate = [&](const Printed& p) {
    return paper(p.rate.empty() ? "" : fmt::format("{}{}", kTimes, p.rate));
  };
  const std::size_t n = row.trials.runs.size();
  const bool compared = sm != nullptr && sm != &row && sm->accuracy && row.accuracy;
  return {std::string(printed.name),
          n == trials ? std::to_string(n) : fmt::format("{} of {}", n, trials),
          sample_cell(row.accuracy),
          paper(fmt::format("{}{}{}", printed.accuracy, kPlusMinus, printed.deviation)),
          compared ? fmt::format("{:+.2f}", row.accuracy->mean - sm->accuracy->mean) : "",
          p_cell(row.ours.welch),
          p_cell(row.ours.paired),
          paper(sm != nullptr && row.papers.welch
                    ? fmt::format("{:+.2f}, {}",
                                  number(printed.accuracy) - number(sm->printed->accuracy),
                                  p_cell(row.papers.welch))
                    : ""),
          budget(row.up),
          paper_bits(printed.up),
          times_cell(rate_of(row.up)),
          paper_rate(printed.up),
          budget(row.down),
          paper_bits(printed.down),
          times_cell(rate_of(row.down)),
          paper_rate(printed.down),
          times_cell(row.rates.both_ways),
          times_cell(row.rates.run_uplink),
          times_cell(row.rates.run_both_ways)};
}

const RowResult* find_sm(std::span<const RowResult> rows) {
  for (const RowResult& row : rows) {
    if (row.printed->preset == "sm") return &row;
  }
  return nullptr;
}

/// The known misprints in the paper's columns.
std::vector<std::string> errata(std::span<const RowResult> rows) {
  std::vector<std::string> all;
  for (const RowResult& row : rows) {
    const PrintedRow& p = *row.printed;
    if (!p.up_erratum.empty()) {
      all.push_back(fmt::format("The paper's {} up: {}.", p.name, p.up_erratum));
    }
    if (!p.down_erratum.empty()) {
      all.push_back(fmt::format("The paper's {} down: {}.", p.name, p.down_erratum));
    }
  }
  return all;
}

void write_line(std::ostream& out, const Cells& cells) {
  fmt::print(out, "| {} |\n", fmt::join(cells, " | "));
}

}  // namespace

std::string explained(const Caption& caption) {
  return fmt::format("Scale: {}.{}", caption.summary,
                     caption.settings.empty() ? "" : " Settings: " + caption.settings + ".");
}

void write_markdown(std::ostream& out, const Caption& caption, std::span<const RowResult> rows) {
  fmt::print(out, "### {}\n\n{}\n\n", caption.title, explained(caption));
  const Cells first = heads();
  write_line(out, first);
  write_line(out, Cells(first.size(), "---"));
  for (const RowResult& row : rows) {
    write_line(out, cells(row, find_sm(rows), caption.trials, {"*", "*"}));
  }
  fmt::print(out, "\n{}\n", kNotes);
  for (const std::string& erratum : errata(rows)) fmt::print(out, "{}\n", erratum);
}

void write_table_csv(std::ostream& out, std::span<const RowResult> rows) {
  fmt::print(out,
             "row,trials,accuracy,deviation,paper_accuracy,paper_deviation,welch_t,welch_degrees,"
             "welch_p,welch_holm,paired_t,paired_degrees,paired_p,paired_holm,paper_welch_t,"
             "paper_welch_degrees,paper_welch_p,paper_welch_holm,q_loc_up,q_val_up,rate_uplink,"
             "paper_q_loc_up,paper_q_val_up,"
             "paper_rate_uplink,q_loc_down,q_val_down,rate_downlink,paper_q_loc_down,"
             "paper_q_val_down,paper_rate_downlink,rate_both_ways,rate_run_uplink,"
             "rate_run_both_ways,seconds\n");
  for (const RowResult& row : rows) {
    const PrintedRow& p = *row.printed;
    Cells cells{std::string(p.name), std::to_string(row.trials.runs.size())};
    const auto add = [&](const std::optional<double>& x) { cells.push_back(csv_cell(x)); };
    add(row.accuracy ? std::optional(row.accuracy->mean) : std::nullopt);
    add(row.accuracy ? row.accuracy->deviation : std::nullopt);
    cells.emplace_back(p.accuracy);
    cells.emplace_back(p.deviation);
    for (const auto& compared : {row.ours.welch, row.ours.paired, row.papers.welch}) {
      for (const std::string& cell : csv_cells(compared)) cells.push_back(cell);
    }
    for (const auto& [ours, printed] : {std::pair{&row.up, &p.up}, {&row.down, &p.down}}) {
      add(*ours ? std::optional((*ours)->q_loc) : std::nullopt);
      add(*ours ? std::optional((*ours)->q_val) : std::nullopt);
      add(rate_of(*ours));
      for (const std::string& text : {printed->q_loc, printed->q_val, printed->rate}) {
        cells.push_back(text);
      }
    }
    add(row.rates.both_ways);
    add(row.rates.run_uplink);
    add(row.rates.run_both_ways);
    add(row.accuracy ? std::optional(row.seconds) : std::nullopt);
    fmt::print(out, "{}\n", fmt::join(cells, ","));
  }
}

void write_table_html(std::ostream& out, const Caption& caption, std::span<const RowResult> rows,
                      std::span<const Drawing> figures) {
  begin_page(out, caption.title);
  fmt::print(out, "<p>{}</p>\n", html_text(explained(caption)));
  {
    HtmlTable table(out, heads());
    for (const RowResult& row : rows) {
      table.row(cells(row, find_sm(rows), caption.trials, {"<i>", "</i>"}));
    }
  }
  fmt::print(out, "<p>{}", kNotes);
  for (const std::string& erratum : errata(rows)) fmt::print(out, "\n{}", html_text(erratum));
  fmt::print(out, "</p>\n");
  if (!figures.empty()) {
    fmt::print(out,
               "<h2>Figures</h2>\n<p>Test accuracy against the epoch: means over the trials, in a "
               "band of one sample standard deviation to each side.</p>\n<div class=\"plots\">\n");
    for (const Drawing& figure : figures) write_figure(out, figure.name, figure.svg);
    fmt::print(out, "</div>\n");
  }
  end_page(out);
}

}  // namespace mvsgd::sim
