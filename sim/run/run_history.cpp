#include "sim/run/run_history.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/json.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/run/run_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// What the file holds up to its last end of a line.
std::istringstream whole_lines(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw InputError(fmt::format("{}: cannot be read", path.string()));
  text.resize(text.rfind('\n') + 1);
  return std::istringstream(text);
}

template <typename Value>
std::optional<Value> optional_of(const ordered_json& line, const char* name) {
  const auto found = line.find(name);
  if (found == line.end() || found->is_null()) return std::nullopt;
  return found->get<Value>();
}

comm::Bits bits_of(const ordered_json& line, const char* name) {
  return comm::Bits(whole_number<std::uint64_t>(line.at(name)));
}

RoundMetrics round_of(const ordered_json& line, const std::vector<LayerShare>& layers) {
  RoundMetrics metrics{.round = whole_number<std::uint32_t>(line.at("round")),
                       .epoch = line.at("epoch"),
                       .dense = line.at("dense"),
                       .learning_rate = line.at("learning_rate"),
                       .loss = line.at("loss"),
                       .bits = bits_of(line, "bits_up") + bits_of(line, "bits_down"),
                       .uplink = bits_of(line, "bits_up"),
                       .seconds = line.at("seconds"),
                       .mask_overlap = optional_of<double>(line, "mask_overlap"),
                       .vote_overlap = optional_of<double>(line, "vote_overlap"),
                       .vote_agreement = optional_of<double>(line, "vote_agreement"),
                       .test_loss = optional_of<double>(line, "test_loss"),
                       .test_accuracy = optional_of<double>(line, "test_accuracy"),
                       .kept = {}};
  if (const auto kept = line.find("kept_by_layer"); kept != line.end()) {
    metrics.kept = layers;
    for (LayerShare& share : metrics.kept) {
      share.kept = whole_number<std::uint64_t>(kept->at(share.layer));
    }
  }
  return metrics;
}

RunEnd end_of(const ordered_json& line) {
  return {.digest = line.at("theta_sha256"),
          .test_accuracy = line.at("test_accuracy"),
          .rates = {.uplink = optional_of<double>(line, "rate_uplink"),
                    .both_ways = optional_of<double>(line, "rate_both_ways"),
                    .run_uplink = optional_of<double>(line, "rate_run_uplink"),
                    .run_both_ways = optional_of<double>(line, "rate_run_both_ways")}};
}

void add_line(const ordered_json& line, const std::vector<LayerShare>& layers, RunHistory& run) {
  if (line.contains("end")) {
    run.end = end_of(line);
    return;
  }
  run.rounds.push_back(round_of(line, layers));
  const RoundMetrics& round = run.rounds.back();
  if (!round.dense) run.sparse_steps += whole_number<std::uint64_t>(line.at("local_steps"));
  if (round.round != run.rounds.size()) {
    throw std::invalid_argument(
        fmt::format("round {}, where round {} comes", round.round, run.rounds.size()));
  }
}

void read_metrics(const fs::path& path, RunHistory& run) {
  const auto layers = kept_by_layer(nn::resnet18_parameters({.width = run.settings.width}), {});
  std::istringstream lines = whole_lines(path);
  std::string text;
  for (std::size_t number = 1; std::getline(lines, text); ++number) {
    try {
      add_line(ordered_json::parse(text), layers, run);
    } catch (const std::exception& e) {
      throw InputError(fmt::format("{}:{}: {}", path.string(), number, e.what()));
    }
  }
}

void read_bits(const fs::path& path, RunHistory& run) {
  std::istringstream lines = whole_lines(path);
  comm::Bits before;
  for (const comm::LedgerRow& row : read_ledger(lines, path.string())) {
    const std::uint32_t t = row.id.round;
    if (t > run.rounds.size()) continue;
    if (t == 0) before += row.bits;
    const auto direction = static_cast<std::size_t>(row.id.direction);
    run.bits[direction][row.field] += row.bits;
    if (t > 0 && !run.rounds[t - 1].dense) run.sparse_bits[direction][row.field] += row.bits;
  }
  for (RoundMetrics& round : run.rounds) before = round.bits += before;
  comm::Bits uplink;
  for (RoundMetrics& round : run.rounds) {
    if (round.dense && run.settings.scheme->sparse() != nullptr) round.uplink = comm::Bits(0);
    uplink = round.uplink += uplink;
  }
}

}  // namespace

RunHistory read_run_history(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    throw InputError(fmt::format("{}: no such directory", path.string()));
  }
  RunHistory run;
  run.path = path;
  run.settings = read_toml((path / "config.toml").string(), std::nullopt);
  run.planned_rounds =
      static_cast<std::uint32_t>(schedule(run.settings, training_images(run.settings)).size());
  read_metrics(path / "metrics.jsonl", run);
  read_bits(path / "ledger.csv", run);
  return run;
}

}  // namespace mvsgd::sim
