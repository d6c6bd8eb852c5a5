#include "sim/run/checkpoint_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/json.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/files/safetensors.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/protocol.hpp"

namespace mvsgd::sim {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::size_t parameters_of(const Settings& settings) {
  return static_cast<std::size_t>(nn::resnet18_parameters({.width = settings.width}).size());
}

std::string of_worker(const char* name, std::size_t n) { return fmt::format("{}.{}", name, n); }

template <typename Value>
NamedTensor vector_tensor(std::string name, const std::vector<Value>& values) {
  return named_tensor(std::move(name), {values.size()}, std::span<const Value>(values));
}

std::vector<float> thresholds(const TrialState& state) {
  std::vector<float> all;
  for (const WorkerState& worker : state.group.workers) all.push_back(worker.threshold);
  return all;
}

/// Reads a set of any number of coordinates below d.
std::vector<compress::Index> read_set(SafetensorsFile& file, const std::string& path,
                                      const std::string& name, std::size_t d) {
  std::vector<compress::Index> set = file.indices(name, file.header().at(name, path).shape);
  const bool increases = std::ranges::adjacent_find(set, std::greater_equal()) == set.end();
  if (!increases || (!set.empty() && set.back() >= d)) {
    throw InputError(fmt::format("{}: {} is no set of coordinates below {}", path, name, d));
  }
  return set;
}

/// Reads what the scheme's server half kept; it must agree with the workers' votes.
KeptArrays read_kept(SafetensorsFile& file, const std::string& path, const Settings& settings,
                     const GroupState& group) {
  const SparseRounds* const sparse = settings.scheme->sparse();
  if (sparse == nullptr) return {};
  // The votes are of the last round that is done, and have its K.
  const std::uint64_t images = training_images(settings);
  if (const std::uint64_t rounds = round_count(settings, images); group.t > rounds) {
    throw InputError(fmt::format("{}: round {} of {}", path, group.t, rounds));
  }
  Settings done = settings;
  done.rounds = group.t;
  const Round last = group.t > 0 ? schedule(done, images).back() : Round();
  const auto server = sparse->server(
      settings, make_protocol(settings_in(settings, last), network_layers(settings)));
  KeptArrays kept = server->keep();  // gives names and sizes
  for (auto& [name, values] : kept) values = file.indices(name, {values.size()});
  try {
    server->take_votes(votes_of(group.workers));
    server->restore(kept);
  } catch (const std::exception& e) {
    throw InputError(fmt::format("{}: {}", path, e.what()));
  }
  return kept;
}

using Bits = comm::ByDirection<comm::FieldBits>;

ordered_json json_of(const Bits& bits) {
  ordered_json object = ordered_json::object();
  for (const comm::Direction direction : comm::kAllDirections) {
    const bool across = direction == comm::Direction::across;
    if (across && bits[direction].total() == comm::Bits(0)) continue;
    object[std::string(comm::name(direction))] = json_of(bits[direction], Zeros::kept);
  }
  return object;
}

Bits read_bits(const json& object) {
  Bits bits;
  for (const comm::Direction direction : comm::kAllDirections) {
    const bool across = direction == comm::Direction::across;
    if (across && !object.contains(std::string(comm::name(direction)))) continue;
    const json& fields = object.at(std::string(comm::name(direction)));
    for (const comm::Field field : comm::kAllFields) {
      bits[direction][field] =
          comm::Bits(whole_number<std::uint64_t>(fields.at(std::string(comm::name(field)))));
    }
  }
  return bits;
}

ordered_json json_of(const Phases& phases) {
  ordered_json object = ordered_json::object();
  for (const Phase& phase : kPhases) object[std::string(phase.name)] = phases.*phase.seconds;
  return object;
}

Phases read_phases(const json& object) {
  Phases phases;
  for (const Phase& phase : kPhases) {
    phases.*phase.seconds = object.at(std::string(phase.name)).get<double>();
  }
  return phases;
}

/// JSON has no infinity and no NaN; null stands for both.
double read_number(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

void write_arrays(DurableFile& file, const TrialState& state) {
  const GroupState& group = state.group;
  const std::vector<float> all_thresholds = thresholds(state);  // the tensors below are views of it
  std::vector<NamedTensor> tensors;
  tensors.push_back(vector_tensor("theta", group.server.theta));
  tensors.push_back(vector_tensor("mask", group.server.mask));
  if (!group.server.e.empty()) tensors.push_back(vector_tensor("server_error", group.server.e));
  if (!group.server.last_sent.empty()) {
    tensors.push_back(vector_tensor("last_sent", group.server.last_sent));
  }
  tensors.push_back(vector_tensor("statistics", state.statistics));
  tensors.push_back(vector_tensor("thresholds", all_thresholds));
  for (const auto& [name, values] : group.server.kept) {
    tensors.push_back(vector_tensor(name, values));
  }
  for (std::size_t n = 0; n < group.workers.size(); ++n) {
    const WorkerState& worker = group.workers[n];
    tensors.push_back(vector_tensor(of_worker("error", n), worker.e));
    if (!worker.velocity.empty()) {
      tensors.push_back(vector_tensor(of_worker("velocity", n), worker.velocity));
    }
    tensors.push_back(vector_tensor(of_worker("buffers", n), worker.buffers));
    tensors.push_back(vector_tensor(of_worker("vote", n), worker.vote));
  }
  write_safetensors(file, {}, std::move(tensors));
}

void read_arrays(const std::filesystem::path& path, const Settings& settings, TrialState& state) {
  SafetensorsFile file(path);
  const std::string name = path.string();
  const std::size_t d = parameters_of(settings);
  const auto b = static_cast<std::size_t>(nn::resnet18_buffers({.width = settings.width}).size());
  const std::size_t errors = settings.scheme->sends() ? d : 0;
  GroupState& group = state.group;
  group.server.theta = file.floats("theta", {d});
  group.server.mask = read_set(file, name, "mask", d);
  if (settings.has_server_error()) group.server.e = file.floats("server_error", {d});
  if (settings.mask_metrics) group.server.last_sent = file.indices("last_sent", {d});
  state.statistics = file.floats("statistics", {b});
  const std::vector<float> all_thresholds = file.floats("thresholds", {settings.workers});
  for (std::size_t n = 0; n < settings.workers; ++n) {
    WorkerState& worker = group.workers.at(n);
    if (settings.scheme->sends()) worker.theta = group.server.theta;
    worker.e = file.floats(of_worker("error", n), {errors});
    if (settings.has_velocity()) worker.velocity = file.floats(of_worker("velocity", n), {d});
    worker.buffers = file.floats(of_worker("buffers", n), {b});
    worker.vote = read_set(file, name, of_worker("vote", n), d);
    worker.threshold = all_thresholds[n];
    worker.mask = group.server.mask;
  }
  group.server.kept = read_kept(file, name, settings, group);
}

void write_progress(DurableFile& file, const TrialState& state,
                    const std::optional<RoundMetrics>& kept) {
  const Account::Sums& sums = state.account.sums();
  ordered_json progress{{"round", state.group.t},
                        {"seconds", state.seconds},
                        {"cpu_seconds", json_of(state.phases)},
                        {"test_loss", state.evaluation.loss},
                        {"test_accuracy", state.evaluation.accuracy},
                        {"sparse_steps", sums.sparse_steps},
                        {"dense_steps", sums.dense_steps},
                        {"sparse_rounds", sums.sparse_rounds},
                        {"dense_rounds", sums.dense_rounds},
                        {"bits", json_of(sums.all)},
                        {"bits_of_sparse_rounds", json_of(sums.sparse)},
                        {"bits_of_worker_0_in_the_last_sparse_round", json_of(sums.sparse_round)}};
  if (sums.sparse_absent + sums.dense_absent > 0) {
    progress["sparse_steps_of_absent_workers"] = sums.sparse_absent;
    progress["dense_steps_of_absent_workers"] = sums.dense_absent;
  }
  if (kept) progress["evaluation_due"] = ordered_json::parse(line_of(*kept));
  file.write(progress.dump(2) + '\n');
}

CheckpointProgress read_progress(const std::filesystem::path& path, const Settings& settings) {
  std::ifstream file = open_plain(path);
  try {
    const json progress = json::parse(json_text(file));
    const auto absent = [&](const char* name) {
      return progress.contains(name) ? whole_number<std::uint64_t>(progress.at(name)) : 0;
    };
    Account::Sums sums{
        .sparse_steps = whole_number<std::uint64_t>(progress.at("sparse_steps")),
        .dense_steps = whole_number<std::uint64_t>(progress.at("dense_steps")),
        .sparse_absent = absent("sparse_steps_of_absent_workers"),
        .dense_absent = absent("dense_steps_of_absent_workers"),
        .sparse_rounds = whole_number<std::uint32_t>(progress.at("sparse_rounds")),
        .dense_rounds = whole_number<std::uint32_t>(progress.at("dense_rounds")),
        .sparse = read_bits(progress.at("bits_of_sparse_rounds")),
        .all = read_bits(progress.at("bits")),
        .sparse_round = read_bits(progress.at("bits_of_worker_0_in_the_last_sparse_round"))};
    const auto due = progress.find("evaluation_due");
    TrialState state{.group = {},
                     .evaluation = {.loss = read_number(progress.at("test_loss")),
                                    .accuracy = read_number(progress.at("test_accuracy"))},
                     .statistics = {},
                     .evaluation_due = due != progress.end(),
                     .account = {parameters_of(settings), settings.workers, sums},
                     .phases = read_phases(progress.at("cpu_seconds")),
                     .seconds = progress.at("seconds").get<double>()};
    state.group.t = whole_number<std::uint32_t>(progress.at("round"));
    state.group.workers.resize(settings.workers);
    std::optional<RoundMetrics> kept;
    if (state.evaluation_due) {
      const auto layers = kept_by_layer(nn::resnet18_parameters({.width = settings.width}), {});
      kept = std::get<RoundMetrics>(parse_line(due->dump(), layers));
    }
    return {.state = std::move(state), .kept = std::move(kept)};
  } catch (const std::exception& e) {
    throw InputError(fmt::format("{}: {}", path.string(), said_of_json(e)));
  }
}

}  // namespace mvsgd::sim
