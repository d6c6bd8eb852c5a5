#include "sim/reproduce/extensions_table.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/reproduce/cells.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kNotes =
    "Accuracies are those after the last round on the test images: mean and half of Student's 95 % "
    "confidence interval over the seeds; differences are to modern-sm by pairs of the same seed. A "
    "rate is 32 bits a coordinate and local step over the positions and values of the sparse "
    "rounds, up, down and both ways; whole-run rates have every bit: dense rounds, initial model, "
    "buffers, headers and padding. Time is processor time of a trial, without evaluations.";

std::string with_interval(const std::optional<Sample>& s, bool sign) {
  if (!s) return "";
  std::string text = sign ? fmt::format("{:+.2f}", s->mean) : fmt::format("{:.2f}", s->mean);
  if (const auto half = half_width(*s)) text += fmt::format(" \u00b1 {:.2f}", *half);
  return text;
}

/// The rates of a row, in the order of the columns.
std::vector<std::optional<double>> rates_of(const RowResult& row) {
  return {rate_of(row.up), rate_of(row.down), row.rates.both_ways, row.rates.run_uplink,
          row.rates.run_both_ways};
}

/// Whether the row's rate both ways is at least `rate`.
bool sends_little(const RowResult& row, double rate) {
  return row.rates.both_ways.value_or(0) >= rate;
}

/// What the rows say to the question which of them reaches what is asked.
std::string answer(std::span<const RowResult> rows, const Reach& asked) {
  std::vector<std::string> reached;
  const RowResult* nearest = nullptr;
  for (const RowResult& row : rows) {
    if (reaches(row, asked)) reached.emplace_back(row.preset());
    if (!row.less_baseline || !sends_little(row, asked.rate)) continue;
    if (nearest == nullptr || row.less_baseline->mean > nearest->less_baseline->mean)
      nearest = &row;
  }
  const std::string wanted = fmt::format(
      "within {} points of modern-sm at \u00d7{:.0f} or more both ways", asked.points, asked.rate);
  if (!reached.empty()) return fmt::format("Of these, {}: {}.", wanted, fmt::join(reached, ", "));
  if (nearest == nullptr) return fmt::format("Of these, {}: none so far.", wanted);
  return fmt::format("Of these, {}: none; {} comes nearest, {:+.2f}.", wanted, nearest->preset(),
                     nearest->less_baseline->mean);
}

}  // namespace

bool reaches(const RowResult& row, const Reach& reach) {
  return row.less_baseline && row.less_baseline->mean >= -reach.points &&
         sends_little(row, reach.rate);
}

void write_extensions(std::ostream& out, const Caption& caption, std::span<const RowResult> rows) {
  fmt::print(out, "### {}\n\n{}\n\n", caption.title, explained(caption));
  fmt::print(
      out,
      "| row | n | accuracy, % | less modern-sm | rate up | rate down | both ways | whole run "
      "up | whole run both ways | processor time |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const RowResult& row : rows) {
    const std::size_t n = row.trials.runs.size();
    std::vector<std::string> cells{
        std::string(row.printed->name),
        n == caption.trials ? std::to_string(n) : fmt::format("{} of {}", n, caption.trials),
        with_interval(row.accuracy, false), with_interval(row.less_baseline, true)};
    for (const auto& rate : rates_of(row)) cells.push_back(times_cell(rate));
    cells.push_back(row.accuracy ? fmt::format("{:.0f} s", row.cpu_seconds) : "");
    fmt::print(out, "| {} |\n", fmt::join(cells, " | "));
  }
  fmt::print(out, "\n{}\n{}\n", answer(rows, {}), kNotes);
}

void write_extensions_csv(std::ostream& out, std::span<const RowResult> rows) {
  fmt::print(out,
             "row,trials,accuracy,deviation,half_interval,less_baseline,less_half_interval,"
             "rate_uplink,rate_downlink,rate_both_ways,rate_run_uplink,rate_run_both_ways,"
             "cpu_seconds\n");
  for (const RowResult& row : rows) {
    const Sample none;
    const Sample& accuracy = row.accuracy ? *row.accuracy : none;
    const Sample& less = row.less_baseline ? *row.less_baseline : none;
    std::vector<std::string> cells{std::string(row.preset()),
                                   std::to_string(row.trials.runs.size()),
                                   row.accuracy ? fmt::format("{}", accuracy.mean) : "",
                                   csv_cell(accuracy.deviation),
                                   csv_cell(half_width(accuracy)),
                                   row.less_baseline ? fmt::format("{}", less.mean) : "",
                                   csv_cell(half_width(less))};
    for (const auto& rate : rates_of(row)) cells.push_back(csv_cell(rate));
    cells.push_back(row.accuracy ? fmt::format("{}", row.cpu_seconds) : "");
    fmt::print(out, "{}\n", fmt::join(cells, ","));
  }
}

}  // namespace mvsgd::sim
