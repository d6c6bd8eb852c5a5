#include "sim/run/run_directory.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/model_file.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/layer_share.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kCheckpoints = "checkpoint";
constexpr const char* kLedger = kRowFiles[0];
constexpr const char* kMetrics = kRowFiles[1];
constexpr const char* kModel = "model.safetensors";
constexpr std::string_view kLedgerHeader = "round,worker,direction,kind,field,bits";

std::ofstream open_for_writing(const fs::path& path, std::ios::openmode mode = std::ios::trunc) {
  std::ofstream file(path, std::ios::out | mode);
  if (!file) throw InputError(fmt::format("{}: cannot be written", path.string()));
  return file;
}

void write_config(const fs::path& directory, const Settings& settings,
                  const Environment& environment) {
  std::ostringstream text;
  write_toml(settings, environment, text);
  replace_file(directory / "config.toml", text.str());
}

template <typename Value>
void put(ordered_json& line, const char* name, const std::optional<Value>& value) {
  if (value) line[name] = *value;
}

ordered_json json_of(const Phases& phases) {
  return {{"local_steps", phases.local_steps},
          {"vote", phases.vote},
          {"exchange", phases.exchange},
          {"server", phases.server}};
}

ordered_json json_of(const std::vector<LayerShare>& shares) {
  ordered_json kept = ordered_json::object();
  for (const LayerShare& share : shares) kept[share.layer] = share.kept;
  return kept;
}

template <typename Enum>
Enum parse_name(std::string_view text, int first, int last) {
  for (int i = first; i <= last; ++i) {
    if (comm::name(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  }
  throw std::invalid_argument(fmt::format("'{}' is not a name of this column", text));
}

template <typename Number>
Number parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument(fmt::format("'{}' is not a number of this column", text));
  }
  return value;
}

comm::LedgerRow parse_row(std::string_view line) {
  std::array<std::string_view, 6> cells;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t comma = line.find(',');
    const bool last = i + 1 == cells.size();
    if (last != (comma == std::string_view::npos)) throw std::invalid_argument("not six columns");
    cells[i] = line.substr(0, comma);
    line.remove_prefix(last ? line.size() : comma + 1);
  }
  return {.id = {.round = parse_number<std::uint32_t>(cells[0]),
                 .worker = parse_number<std::uint32_t>(cells[1]),
                 .direction = parse_name<comm::Direction>(cells[2], 0, 1),
                 .kind = parse_name<comm::Kind>(cells[3], 1, 9)},
          .field = parse_name<comm::Field>(cells[4], 0, static_cast<int>(comm::kFields) - 1),
          .bits = comm::Bits(parse_number<std::uint64_t>(cells[5]))};
}

/// What the last line of metrics.jsonl has, if it is the end of a run.
std::optional<double> final_accuracy(const fs::path& directory) {
  std::ifstream file(directory / kMetrics);
  std::string last;
  for (std::string line; std::getline(file, line);) last = line;
  const auto end = nlohmann::json::parse(last, nullptr, false);
  if (!end.is_object() || !end.contains("end")) return std::nullopt;
  const auto accuracy = end.find("test_accuracy");
  if (accuracy == end.end() || !accuracy->is_number()) return std::nullopt;
  return accuracy->get<double>();
}

}  // namespace

RunDirectory::RunDirectory(fs::path path, const Settings& settings, const Environment& environment)
    : path_(std::move(path)),
      settings_(settings),
      environment_(environment),
      layout_(nn::resnet18_parameters({.width = settings.width})) {
  std::error_code error;
  const bool existed = fs::exists(path_, error);
  if (existed && !(fs::is_directory(path_, error) && fs::is_empty(path_, error))) {
    throw InputError(fmt::format("{}: exists and is not an empty directory", path_.string()));
  }
  fs::create_directories(path_, error);
  if (error) throw InputError(fmt::format("{}: {}", path_.string(), error.message()));
  try {
    // Before config.toml: whoever finds a config.toml can resume.
    fs::create_directory(path_ / kCheckpoints);
    lock_.emplace(path_ / kCheckpoints);
    write_config(path_, settings, environment);
    begin_rows();
  } catch (const std::exception& e) {
    for (const char* name : {"config.toml.tmp", "config.toml", kMetrics, kLedger, kCheckpoints}) {
      fs::remove(path_ / name, error);
    }
    if (!existed) fs::remove(path_, error);
    throw InputError(e.what());
  }
}

RunDirectory::RunDirectory(fs::path path, const Settings& settings, const Environment& environment,
                           const FoundCheckpoint& found)
    : path_(std::move(path)),
      settings_(settings),
      environment_(environment),
      layout_(nn::resnet18_parameters({.width = settings.width})) {
  lock_.emplace(path_ / kCheckpoints);
  if (found.newest) {
    for (const auto& [name, digest] : found.newest->rows) {
      fs::resize_file(path_ / name, digest.bytes);
    }
    metrics_ = open_for_writing(path_ / kMetrics, std::ios::app);
    ledger_ = open_for_writing(path_ / kLedger, std::ios::app);
  } else {
    begin_rows();
  }
  remove_checkpoints_after(path_, found.newest ? found.newest->state.group.t : 0);
  fs::remove(path_ / kModel);
  write_config(path_, settings, environment);
}

void RunDirectory::begin_rows() {
  metrics_ = open_for_writing(path_ / kMetrics);
  ledger_ = open_for_writing(path_ / kLedger);
  fmt::print(ledger_, "{}\n", kLedgerHeader);
  ledger_.flush();
  check_written();
}

void RunDirectory::add(const TrialRound& trial_round, double seconds) {
  const RoundRecord& record = trial_round.record;
  comm::Bits up;
  comm::Bits down;
  for (const comm::LedgerRow& row : record.ledger) {
    fmt::print(ledger_, "{},{},{},{},{},{}\n", row.id.round, row.id.worker,
               comm::name(row.id.direction), comm::name(row.id.kind), comm::name(row.field),
               row.bits.count());
    (row.id.direction == comm::Direction::up ? up : down) += row.bits;
  }
  if (record.round.t > 0) {
    const WorkerReport& report = trial_round.report;
    ordered_json line;
    line["round"] = record.round.t;
    line["epoch"] = record.round.epoch;
    line["local_steps"] = record.round.steps;
    line["dense"] = record.round.dense;
    line["learning_rate"] = record.round.learning_rate;
    line["loss"] = report.loss / static_cast<double>(report.steps);
    line["images"] = report.images;
    line["bits_up"] = up.count();
    line["bits_down"] = down.count();
    if (record.sizes.union_size > 0) line["union_size"] = record.sizes.union_size;
    if (!record.sizes.changes.empty()) line["changes"] = record.sizes.changes;
    put(line, "mask_overlap", record.mask_overlap);
    if (report.overlaps > 0) line["vote_overlap"] = report.vote_overlap / report.overlaps;
    put(line, "vote_agreement", record.vote_agreement);
    if (!record.mask.empty()) line["kept_by_layer"] = json_of(kept_by_layer(layout_, record.mask));
    if (record.evaluation) {
      line["test_loss"] = record.evaluation->loss;
      line["test_accuracy"] = record.evaluation->accuracy;
    }
    line["seconds"] = seconds;
    line["cpu_seconds"] = json_of(report.phases);
    metrics_ << line.dump() << '\n';
  }
  ledger_.flush();
  metrics_.flush();
  check_written();
}

void RunDirectory::save(const TrialState& state) {
  RunFiles rows;
  for (const char* name : kRowFiles) {
    sync_path(path_ / name);
    const auto digest = digest_of(path_ / name);
    if (!digest) {
      throw std::runtime_error(fmt::format("{}: cannot be read", (path_ / name).string()));
    }
    rows[name] = *digest;
  }
  save_checkpoint(path_, state, {.settings = settings_, .environment = environment_, .rows = rows});
}

void RunDirectory::finish(const TrialResult& result, double seconds) {
  write_model(path_ / kModel, {.width = settings_.width,
                               .theta = result.theta,
                               .statistics = result.statistics,
                               .batches = result.steps});
  const Rates rates = result.account.rates();
  ordered_json line;
  line["end"] = true;
  line["theta_sha256"] = result.digest;
  line["test_loss"] = result.evaluation.loss;
  line["test_accuracy"] = result.evaluation.accuracy;
  put(line, "rate_uplink", rates.uplink);
  put(line, "rate_both_ways", rates.both_ways);
  put(line, "rate_run_uplink", rates.run_uplink);
  put(line, "rate_run_both_ways", rates.run_both_ways);
  line["seconds"] = seconds;
  line["cpu_seconds"] = json_of(result.phases);
  metrics_ << line.dump() << '\n';
  metrics_.flush();
  check_written();
  sync_path(path_ / kMetrics);
}

void RunDirectory::check_written() {
  if (!metrics_ || !ledger_) {
    throw std::runtime_error(fmt::format("{}: cannot be written (disk full?)", path_.string()));
  }
}

FinishedRun read_finished_run(const fs::path& path) {
  FinishedRun run{.settings = read_toml((path / "config.toml").string(), std::nullopt)};
  const auto accuracy = final_accuracy(path);
  if (!accuracy) throw InputError(fmt::format("{}: no finished run", path.string()));
  run.accuracy = *accuracy;
  return run;
}

bool has_finished(const fs::path& path) { return final_accuracy(path).has_value(); }

std::vector<comm::LedgerRow> read_ledger(const fs::path& path) {
  std::ifstream file(path);
  if (!file) throw InputError(fmt::format("{}: cannot be read", path.string()));
  return read_ledger(file, path.string());
}

std::vector<comm::LedgerRow> read_ledger(std::istream& in, const std::string& name) {
  std::string line;
  if (!std::getline(in, line) || line != kLedgerHeader) {
    throw InputError(fmt::format("{}:1: '{}' is wanted", name, kLedgerHeader));
  }
  std::vector<comm::LedgerRow> rows;
  for (std::size_t number = 2; std::getline(in, line); ++number) {
    try {
      rows.push_back(parse_row(line));
    } catch (const std::invalid_argument& e) {
      throw InputError(fmt::format("{}:{}: {}", name, number, e.what()));
    }
  }
  return rows;
}

}  // namespace mvsgd::sim
