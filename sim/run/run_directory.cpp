#include "sim/run/run_directory.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/model_file.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/ledger_file.hpp"
#include "sim/run/worker_metrics.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpoints = "checkpoint";
constexpr const char* kLedger = kRowFiles[0];
constexpr const char* kMetrics = kRowFiles[1];
constexpr const char* kModel = "model.safetensors";
constexpr const char* kConfig = "config.toml";

std::ofstream open_for_writing(const fs::path& path, std::ios::openmode mode = std::ios::trunc) {
  errno = 0;
  std::ofstream file(path, std::ios::out | mode);
  if (file) return file;
  throw InputError(fmt::format("{}: cannot be written: {}", path.string(),
                               std::generic_category().message(errno)));
}

/// The file config.toml, which is to take its place.
Replacement config_of(const fs::path& directory, const Settings& settings,
                      const std::vector<RunPart>& parts) {
  std::ostringstream text;
  write_toml(settings, parts, text);
  return {directory / kConfig, [&](DurableFile& file) { file.write(text.str()); }};
}

[[noreturn]] void refuse_to_overwrite(const fs::path& path) {
  throw InputError(fmt::format("{}: exists and is not an empty directory", path.string()));
}

/// Whether both are equal but for `bits`, which describes all parts of the run together.
bool same_place(Environment a, Environment b) {
  for (Environment* const environment : {&a, &b}) {
    std::erase_if(*environment, [](const auto& of) { return of.first == "bits"; });
    std::ranges::sort(*environment);
  }
  return a == b;
}

/// The parts of the directory's run that began before round `next`, and the part from `next` on,
/// which runs in `environment`.
std::vector<RunPart> parts_with(const fs::path& directory, std::uint32_t next,
                                const Environment& environment) {
  std::vector<RunPart> parts = read_run_parts((directory / kConfig).string());
  std::erase_if(parts, [&](const RunPart& part) { return part.first_round >= next; });
  if (parts.empty() || !same_place(parts.back().environment, environment)) {
    parts.push_back({.first_round = next, .environment = {}});
  }
  parts.back().environment = environment;
  return parts;
}

/// The accuracy in the last line of metrics.jsonl, if it is the end of a run.
std::optional<double> final_accuracy(const fs::path& directory) {
  if (!fs::exists(directory / kMetrics)) return std::nullopt;
  std::ifstream file = open_plain(directory / kMetrics);
  std::string last;
  for (std::string line; std::getline(file, line);) last = line;
  if (last.find('\0') != std::string::npos) return std::nullopt;  // the parser stops there
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
    refuse_to_overwrite(path_);
  }
  made_.emplace(path_);
  // Held before any file is made or removed: another process may have begun here since. Made before
  // config.toml, since a directory with a config.toml can be resumed.
  const bool is_new = fs::create_directory(path_ / kCheckpoints, error);
  if (error) throw InputError(fmt::format("{}: {}", path_.string(), error.message()));
  try {
    lock_.emplace(path_ / kCheckpoints);
  } catch (const LockedError& e) {
    throw InputError(e.what());
  } catch (const std::exception& e) {
    if (is_new) fs::remove(path_ / kCheckpoints, error);
    throw InputError(e.what());
  }
  if (fs::exists(path_ / kConfig, error)) refuse_to_overwrite(path_);
  try {
    config_of(path_, settings, {{.first_round = 1, .environment = environment}}).take_place();
    begin_rows();
  } catch (const std::exception& e) {
    for (const char* name : {kConfig, kMetrics, kLedger, kWorkerMetrics, kCheckpoints}) {
      fs::remove(path_ / name, error);
    }
    throw InputError(e.what());
  }
  has_rows_ = false;
}

RunDirectory::~RunDirectory() {
  if (has_rows_) return;
  std::error_code ignored;
  lock_.reset();
  // The directory was empty or did not exist, so everything in it is this run's.
  for (const auto& entry : fs::directory_iterator(path_, ignored)) {
    fs::remove_all(entry.path(), ignored);
  }
}

RunDirectory::RunDirectory(fs::path path, const Settings& settings, const Environment& environment,
                           const FoundCheckpoint& found)
    : path_(std::move(path)),
      settings_(settings),
      environment_(environment),
      layout_(nn::resnet18_parameters({.width = settings.width})) {
  lock_.emplace(path_ / kCheckpoints);
  // What can be refused is refused before anything is changed.
  need_writable(path_ / kCheckpoints);
  remove_unfinished_replacements(path_);
  const std::uint32_t next = found.newest ? found.newest->state.group.t + 1 : 1;
  Replacement config = config_of(path_, settings, parts_with(path_, next, environment));
  if (found.newest) {
    kept_ = found.newest->kept;
    metrics_ = open_for_writing(path_ / kMetrics, std::ios::app);
    ledger_ = open_for_writing(path_ / kLedger, std::ios::app);
    if (settings.worker_metrics) {
      workers_ = open_for_writing(path_ / kWorkerMetrics, std::ios::app);
    }
    for (const auto& [name, digest] : found.newest->rows) {
      fs::resize_file(path_ / name, digest.bytes);
    }
  } else {
    begin_rows();
  }
  remove_checkpoints_after(path_, found.newest ? found.newest->state.group.t : 0);
  config.take_place();
}

void RunDirectory::begin_rows() {
  metrics_ = open_for_writing(path_ / kMetrics);
  ledger_ = open_for_writing(path_ / kLedger);
  if (settings_.worker_metrics) workers_ = open_for_writing(path_ / kWorkerMetrics);
  write_ledger_header(ledger_, settings_.ledger_rows);
  ledger_.flush();
  check_written();
}

std::optional<RoundMetrics> RunDirectory::add(const RoundRecord& record, double seconds) {
  has_rows_ = true;
  write_ledger_rows(ledger_, record.ledger, settings_.ledger_rows);
  ledger_.flush();
  if (!record.by_worker.empty()) {
    workers_ << line_of(worker_metrics_of(record)) << '\n';
    workers_.flush();
  }
  check_written();
  if (record.round.t == 0) return std::nullopt;
  RoundMetrics metrics = metrics_of(record, layout_, seconds, settings_.ledger_rows);
  if (record.evaluation_due) {
    kept_ = std::move(metrics);
    return std::nullopt;
  }
  write_line(metrics);
  return metrics;
}

RoundMetrics RunDirectory::add_evaluation(const Evaluation& evaluation, double seconds) {
  if (!kept_) throw std::logic_error("RunDirectory: no evaluation is due");
  RoundMetrics metrics = *std::exchange(kept_, std::nullopt);
  metrics.test_loss = evaluation.loss;
  metrics.test_accuracy = evaluation.accuracy;
  metrics.theta_sha256 = evaluation.digest;
  metrics.seconds = seconds;
  write_line(metrics);
  return metrics;
}

void RunDirectory::write_line(const RoundMetrics& metrics) {
  metrics_ << line_of(metrics) << '\n';
  metrics_.flush();
  check_written();
}

FileDigest RunDirectory::synced(const char* name) const {
  sync_path(path_ / name);
  const auto digest = digest_of(path_ / name);
  if (!digest) {
    throw std::runtime_error(fmt::format("{}: cannot be read", (path_ / name).string()));
  }
  return *digest;
}

void RunDirectory::save(const TrialState& state) {
  RunFiles rows;
  for (const char* name : row_files(settings_)) rows[name] = synced(name);
  save_checkpoint(
      path_, state,
      {.settings = settings_, .environment = environment_, .rows = rows, .kept = kept_});
}

void RunDirectory::finish(const TrialResult& result, double seconds) {
  write_model(path_ / kModel, {.width = settings_.width,
                               .theta = result.theta,
                               .statistics = result.statistics,
                               .batches = result.steps});
  RunFiles files;
  for (const char* name : row_files(settings_)) files[name] = synced(name);
  for (const char* name : {kModel, kConfig}) files[name] = synced(name);
  metrics_ << line_of(RunEnd{.digest = result.digest,
                             .test_loss = result.evaluation.loss,
                             .test_accuracy = result.evaluation.accuracy,
                             .rates = result.account.rates(),
                             .seconds = seconds,
                             .phases = result.phases,
                             .files = std::move(files)})
           << '\n';
  metrics_.flush();
  check_written();
  sync_path(path_ / kMetrics);
}

void RunDirectory::check_written() {
  if (!metrics_ || !ledger_ || !workers_) {
    throw std::runtime_error(fmt::format("{}: cannot be written (disk full?)", path_.string()));
  }
}

FinishedRun read_finished_run(const fs::path& path) {
  FinishedRun run{.settings = read_run_settings(path / kConfig).settings};
  const auto accuracy = final_accuracy(path);
  if (!accuracy) throw InputError(fmt::format("{}: no finished run", path.string()));
  run.accuracy = *accuracy;
  return run;
}

bool has_finished(const fs::path& path) { return final_accuracy(path).has_value(); }

}  // namespace mvsgd::sim
