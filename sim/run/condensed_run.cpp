#include "sim/run/condensed_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/ledger_file.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSizesHeader = "round,union_size,changes";

/// The file's text, with `data` as a name instead of an absolute path, which tells of one machine.
std::string config_of(const RunHistory& run) {
  std::ifstream file = open_plain(run.path / "config.toml");
  Settings named = run.settings;
  const fs::path data = named.data;
  if (data.is_absolute()) named.data = data.filename().string();
  std::ostringstream keys;
  write_toml(named, keys);
  std::istringstream lines(keys.str());
  std::string of_data;
  while (std::getline(lines, of_data) && !of_data.starts_with("data = ")) continue;
  std::string text;
  for (std::string line; std::getline(file, line);) {
    text += (line.starts_with("data = ") ? of_data : line) + '\n';
  }
  return text;
}

/// Makes `sum` stand for its own rounds and those of `next`.
void join(RoundMetrics& sum, const RoundMetrics& next) {
  const RoundMetrics before = std::exchange(sum, next);
  sum.rounds = before.rounds.value_or(1) + next.rounds.value_or(1);
  sum.local_steps += before.local_steps;
  sum.loss = (before.loss * static_cast<double>(before.local_steps) +
              next.loss * static_cast<double>(next.local_steps)) /
             static_cast<double>(sum.local_steps);
  sum.images += before.images;
  sum.bits_up += before.bits_up;
  sum.bits_down += before.bits_down;
  if (before.bits_across) sum.bits_across = sum.bits_across.value_or(0) + *before.bits_across;
  sum.phases += before.phases;
}

/// Means over the rounds of a line, of those that have a number.
class Means {
 public:
  void add(const RoundMetrics& round) {
    for (const Metric& metric : metrics()) {
      if (!metric.is_averaged) continue;
      const std::optional<double> value = metric.of(round);
      if (!value) continue;
      auto& [sum, count] = sums_[std::string(metric.name)];
      sum += *value;
      ++count;
    }
  }

  /// Begins anew.
  [[nodiscard]] std::map<std::string, double> take() {
    std::map<std::string, double> means;
    for (const auto& [name, sum] : std::exchange(sums_, {})) {
      means[name] = sum.first / static_cast<double>(sum.second);
    }
    return means;
  }

 private:
  std::map<std::string, std::pair<double, std::uint32_t>> sums_;
};

/// `files` are those beside it, whose digests its last line has.
std::string metrics_of(const RunHistory& run, const data::TextFiles& files) {
  std::string text;
  for (const RoundMetrics& line : condensed_lines(run)) text += line_of(line) + '\n';
  RunEnd end = *run.end;
  end.files.clear();  // they are those of the whole run
  for (const auto& [name, content] : files) end.files[name] = digest_of_text(content);
  end.files["metrics.jsonl"] = digest_of_text(text);
  return text + line_of(end) + '\n';
}

std::string ledger_of(const RunWithRows& run) {
  const std::vector<RoundHistory>& rounds = run.history.rounds;
  std::uint32_t dense = 0;  // the last round of the warm-up
  for (const RoundHistory& round : rounds) {
    if (round.dense) dense = round.round;
  }
  std::map<std::pair<comm::MessageId, comm::Field>, comm::Bits> sums;
  for (const comm::LedgerRow& row : run.rows) {
    comm::MessageId id = row.id;
    if (id.round > 0) id.round = id.round <= dense ? dense : run.history.last_round();
    sums[{id, row.field}] += row.bits;
  }
  std::vector<comm::LedgerRow> rows;
  rows.reserve(sums.size());
  for (const auto& [message, bits] : sums) {
    rows.push_back({.id = message.first, .field = message.second, .bits = bits});
  }
  std::ostringstream out;
  write_ledger_header(out, run.history.settings.ledger_rows);
  write_ledger_rows(out, rows, run.history.settings.ledger_rows);
  return out.str();
}

std::string sizes_of(const RunHistory& run) {
  std::string text(kSizesHeader);
  text += '\n';
  std::string before = ",";
  for (const RoundHistory& round : run.rounds) {
    std::vector<std::uint32_t> changes = round.changes;
    for (const auto& [size, count] : round.change_counts) {
      // An altered number must not fill the memory.
      if (changes.size() + std::uint64_t{count} > run.settings.workers) {
        throw InputError(fmt::format("{}: round {} has change_counts of more than {} workers",
                                     (run.path / "metrics.jsonl").string(), round.round,
                                     run.settings.workers));
      }
      changes.insert(changes.end(), count, size);
    }
    std::string sizes =
        fmt::format("{},{}", round.union_size ? fmt::to_string(*round.union_size) : "",
                    fmt::join(changes, " "));
    if (sizes == before) continue;
    text += fmt::format("{},{}\n", round.round, sizes);
    before = std::move(sizes);
  }
  return text;
}

std::uint32_t number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument(fmt::format("'{}' is not a size", text));
  }
  return number;
}

/// Takes the text up to the next `end` off the front of `line`.
std::string_view cell(std::string_view& line, char end) {
  const std::size_t at = std::min(line.find(end), line.size());
  const std::string_view taken = line.substr(0, at);
  line.remove_prefix(std::min(at + 1, line.size()));
  return taken;
}

}  // namespace

bool is_condensed(const RunHistory& run) {
  return std::ranges::any_of(run.rounds,
                             [](const RoundHistory& r) { return r.rounds.has_value(); });
}

std::vector<RoundMetrics> condensed_lines(const RunHistory& run) {
  if (is_condensed(run)) return {run.rounds.begin(), run.rounds.end()};
  std::vector<RoundMetrics> lines;
  bool is_open = false;  // the last line takes more rounds
  Means means;
  const auto close = [&] {
    if (is_open) lines.back().means = means.take();
    is_open = false;
  };
  for (const RoundHistory& round : run.rounds) {
    if (is_open && lines.back().dense != round.dense) close();
    if (is_open) {
      join(lines.back(), round);
    } else {
      lines.emplace_back(round).rounds = 1;
      is_open = true;
    }
    means.add(round);
    if (round.test_accuracy) close();
  }
  close();
  return lines;
}

data::TextFiles condensed(const fs::path& path) {
  const RunWithRows run = read_run_with_rows(path);
  if (!run.history.end) {
    throw InputError(fmt::format("{}: the run has not ended", path.string()));
  }
  if (is_condensed(run.history)) {
    throw InputError(fmt::format("{}: the run is condensed already", path.string()));
  }
  data::TextFiles files{{"config.toml", config_of(run.history)},
                        {"ledger.csv", ledger_of(run)},
                        {kSizes, sizes_of(run.history)}};
  std::string metrics = metrics_of(run.history, files);
  files.emplace(files.begin() + 1, "metrics.jsonl", std::move(metrics));
  return files;
}

SizesFromRound read_sizes(const fs::path& path) {
  std::ifstream file = open_plain(path);
  std::string line;
  if (!std::getline(file, line) || line != kSizesHeader) {
    throw InputError(fmt::format("{}:1: '{}' is wanted", path.string(), kSizesHeader));
  }
  SizesFromRound sizes;
  for (std::size_t number = 2; std::getline(file, line); ++number) {
    try {
      std::string_view rest = line;
      const std::uint32_t round = number_of(cell(rest, ','));
      const std::uint32_t before = sizes.empty() ? 0 : sizes.rbegin()->first;
      if (round <= before) {
        throw std::invalid_argument(fmt::format("round {} after round {}", round, before));
      }
      RoundSizes& here = sizes[round];
      const std::string_view of_union = cell(rest, ',');
      if (!of_union.empty()) here.union_size = number_of(of_union);
      while (!rest.empty()) here.changes.push_back(number_of(cell(rest, ' ')));
    } catch (const std::invalid_argument& e) {
      throw InputError(fmt::format("{}:{}: {}", path.string(), number, e.what()));
    }
  }
  return sizes;
}

}  // namespace mvsgd::sim
