#include "sim/run/run_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <variant>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/json.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/ledger_file.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// A file up to its last line end. A running program may be writing the next line.
struct WholeLines {
  std::istringstream lines;
  bool has_rest = false;  ///< something follows them
};

WholeLines whole_lines(const fs::path& path) {
  std::ifstream file = open_plain(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t size = text.size();
  text.resize(text.rfind('\n') + 1);
  return {.lines = std::istringstream(text), .has_rest = text.size() < size};
}

void add_line(const std::string& text, const std::vector<LayerShare>& layers, RunHistory& run) {
  std::variant<RoundMetrics, RunEnd> line = parse_line(text, layers);
  if (auto* const end = std::get_if<RunEnd>(&line)) {
    run.end = std::move(*end);
    return;
  }
  RoundHistory round{std::get<RoundMetrics>(std::move(line)), {}, {}};
  // What workers send each other is the uplink of one and the downlink of another.
  const comm::Bits across(round.bits_across.value_or(0));
  round.uplink = round.bits_up + across;
  round.bits = round.uplink + round.bits_down + across;
  const std::uint64_t next = std::uint64_t{run.last_round()} + 1;
  const std::uint64_t last = run.last_round() + std::uint64_t{round.rounds.value_or(1)};
  if (last < next || round.round != last) {
    throw std::invalid_argument(fmt::format("round {}, where round {} comes", round.round, next));
  }
  if (!round.dense) run.sparse_steps += round.local_steps * run.settings.workers;
  run.rounds.push_back(std::move(round));
}

void read_metrics(const fs::path& path, RunHistory& run) {
  const auto layers = kept_by_layer(nn::resnet18_parameters({.width = run.settings.width}), {});
  auto [lines, has_rest] = whole_lines(path);
  std::size_t number = 1;
  const auto refuse = [&](std::string_view why) {
    throw InputError(fmt::format("{}:{}: {}", path.string(), number, why));
  };
  constexpr const char* kAfterTheEnd = "something follows the line of the run's end";
  std::string text;
  for (; std::getline(lines, text); ++number) {
    if (run.end) refuse(kAfterTheEnd);
    try {
      add_line(text, layers, run);
    } catch (const std::exception& e) {
      refuse(said_of_json(e));
    }
  }
  if (run.end && has_rest) refuse(kAfterTheEnd);
}

/// A condensed run has no such file.
void read_worker_metrics(const fs::path& path, RunHistory& run) {
  if (!run.settings.worker_metrics || !fs::exists(path)) return;
  std::istringstream lines = whole_lines(path).lines;
  std::string text;
  for (std::size_t number = 1; std::getline(lines, text); ++number) {
    try {
      run.by_worker.push_back(parse_worker_line(text, run.settings.workers));
    } catch (const std::exception& e) {
      throw InputError(fmt::format("{}:{}: {}", path.string(), number, said_of_json(e)));
    }
  }
}

void add_bits(const std::vector<comm::LedgerRow>& rows, RunHistory& run) {
  comm::Bits before;
  for (const comm::LedgerRow& row : rows) {
    const std::uint32_t t = row.id.round;
    if (t > run.last_round()) continue;
    if (t == 0) before += row.bits;
    run.bits[row.id.direction][row.field] += row.bits;
    const auto line = std::ranges::lower_bound(run.rounds, t, {}, &RoundHistory::round);
    if (t > 0 && !line->dense) {
      run.sparse_bits[row.id.direction][row.field] += row.bits;
    }
  }
  for (RoundHistory& round : run.rounds) before = round.bits += before;
  comm::Bits uplink;
  for (RoundHistory& round : run.rounds) {
    if (round.dense && run.settings.scheme->sparse() != nullptr) round.uplink = comm::Bits(0);
    uplink = round.uplink += uplink;
  }
}

}  // namespace

RunHistory read_run_history(const fs::path& path) { return read_run_with_rows(path).history; }

RunWithRows read_run_with_rows(const fs::path& path) {
  refuse_unless_directory(path);
  RunHistory run;
  run.path = path;
  FileSettings config = read_run_settings(path / "config.toml");
  run.settings = std::move(config.settings);
  run.whose_bits = value_of(config.environment, "bits");
  const std::vector<Round> plan = schedule(run.settings, training_images(run.settings));
  run.planned_rounds = static_cast<std::uint32_t>(plan.size());
  read_metrics(path / "metrics.jsonl", run);
  read_worker_metrics(path / "worker_metrics.jsonl", run);
  for (const Round& round : plan) {
    if (round.dense || round.t > run.last_round()) continue;
    const std::uint64_t not_taken = std::uint64_t{round.steps} * round.absent;
    run.sparse_steps -= std::min(not_taken, run.sparse_steps);  // an altered file may say less
  }
  const fs::path ledger = path / "ledger.csv";
  std::istringstream lines = whole_lines(ledger).lines;
  std::vector<comm::LedgerRow> rows = read_ledger(lines, ledger.string(), run.settings.ledger_rows);
  add_bits(rows, run);
  return {std::move(run), std::move(rows)};
}

}  // namespace mvsgd::sim
