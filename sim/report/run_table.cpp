#include "sim/report/run_table.hpp"

#include <fmt/format.h>

#include <ostream>
#include <vector>

#include "nn/resnet18.hpp"
#include "sim/text/numbers.hpp"
#include "sim/text/text_table.hpp"

namespace mvsgd::sim {
namespace {

using Line = std::vector<std::string>;

// Of 64: enough to recognise that two runs are the same, while a line fits a wide terminal.
constexpr std::size_t kDigits = 16;

std::optional<double> rate(const RunHistory& run, comm::Direction direction) {
  const auto budget = bit_budget(run, direction);
  return budget ? std::optional(budget->rate()) : std::nullopt;
}

Line line_of(const TableRun& run) {
  const RunHistory& history = run.history;
  return {history.path.string(),
          history.end ? fmt::format("{:.2f} %", 100 * history.end->test_accuracy) : "not ended",
          times(rate(history, comm::Direction::up)),
          times(rate(history, comm::Direction::down)),
          run.bits,
          history.end ? history.end->digest.substr(0, kDigits) : "-"};
}

}  // namespace

std::optional<BitBudget> bit_budget(const RunHistory& run, comm::Direction direction) {
  comm::FieldBits bits = run.sparse_bits[direction];
  bits += run.sparse_bits[comm::Direction::across];
  if (bits.total() == comm::Bits(0)) return std::nullopt;
  const auto d = nn::resnet18_parameters({.width = run.settings.width}).size();
  const double places = static_cast<double>(d) * static_cast<double>(run.sparse_steps);
  return BitBudget{.q_loc = static_cast<double>(bits[comm::Field::positions].count()) / places,
                   .q_val = static_cast<double>(bits[comm::Field::values].count()) / places};
}

void write_run_table(std::ostream& out, std::span<const TableRun> runs) {
  std::vector<Line> lines{{"run", "test accuracy", "uplink", "downlink", "bits", "sha256(theta)"}};
  for (const TableRun& run : runs) lines.push_back(line_of(run));
  write_text_table(out, lines, "<>>><<");
}

}  // namespace mvsgd::sim
