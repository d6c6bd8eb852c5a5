#include "sim/run/shared_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/bit_stream.hpp"
#include "nn/resnet18.hpp"
#include "sim/files/cores.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/environment.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/worker.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/images.hpp"

namespace mvsgd::sim {
namespace {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;
using nlohmann::ordered_json;

std::chrono::milliseconds deadline_of(const Settings& settings) {
  return std::min<std::chrono::milliseconds>(std::chrono::seconds(settings.deadline),
                                             comm::kLongestDeadline);
}

comm::Processes::Blob blob_of(const ordered_json& value) {
  const std::string text = value.dump();
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

ordered_json json_from(const comm::Processes::Blob& blob) {
  const auto* const text = reinterpret_cast<const char*>(blob.data());
  return ordered_json::parse(text, text + blob.size());
}

BitReader reader_of(std::span<const std::byte> bytes) {
  return {bytes, Bits::of_bytes(bytes.size())};
}

std::size_t parameters_of(const Settings& s) {
  return static_cast<std::size_t>(nn::resnet18_parameters({.width = s.width}).size());
}

std::size_t buffers_of(const Settings& s) {
  return static_cast<std::size_t>(nn::resnet18_buffers({.width = s.width}).size());
}

constexpr const char* kKeys = "keys";
constexpr const char* kMachine = "machine";

/// What must be the same in every process.
ordered_json card_of(const Settings& settings, const data::TrainTest& images) {
  ordered_json card;
  for (const Key& key : keys()) {
    if (key.name == "data" || changes_no_bit(settings, key.name)) continue;
    card[kKeys][std::string(key.name)] = key.get(settings);
  }
  const auto program = digest_of(std::filesystem::path("/proc/self/exe"));
  card[kMachine] = {{kImagesDigest, digest_of(images)},
                    {"program_sha256", program ? program->sha256 : ""},
                    {"bits", bits_of(settings)}};
  return card;
}

/// The first name whose value is another there: "NAME = VALUE there, VALUE here"; "" if none is.
std::string difference(const ordered_json& there, const ordered_json& here) {
  for (const auto& [name, value] : here.items()) {
    const std::string theirs = there.value(name, "");
    const auto ours = value.get<std::string>();
    if (theirs == ours) continue;
    return fmt::format("{} = {} there, {} in process 0", name, theirs, ours);
  }
  return "";
}

TrialState receive_start(comm::Processes& processes, const Settings& settings) {
  const auto deadline = deadline_of(settings);
  const std::size_t d = parameters_of(settings);
  TrialState state{.group = {},
                   .evaluation = {},
                   .statistics = {},
                   .evaluation_due = false,
                   .account = {d, settings.workers},
                   .phases = {},
                   .seconds = 0};
  GroupState& group = state.group;
  group.server.theta.resize(d);  // its length is that of the network
  group.workers.resize(settings.workers);
  group.workers.front().buffers.resize(buffers_of(settings));
  const auto bytes = processes.receive(0, deadline);
  BitReader in = reader_of(bytes);
  group.t = static_cast<std::uint32_t>(in.get(32));
  std::vector<compress::Index> mask(static_cast<std::size_t>(in.get(64)));
  for (compress::Index& i : mask) i = static_cast<compress::Index>(in.get(32));
  if (group.t > 0) in.get_floats(group.server.theta);
  const comm::Share share = processes.share(settings.workers);
  for (std::uint32_t n = share.first; n < share.first + share.count; ++n) {
    WorkerState& worker = group.workers[n];
    worker = decode_part(processes.receive(0, deadline), n, d, group.t > 0 ? d : 0);
    worker.mask = mask;
    if (group.t > 0) worker.theta = group.server.theta;
  }
  return state;
}

}  // namespace

void check_processes(const comm::Processes& processes, const Settings& settings, bool dumps) {
  const std::uint32_t count = processes.count();
  if (count == 1) return;
  if (!settings.scheme->sends()) {
    throw UsageError(fmt::format("scheme = {}: its worker trains alone, and {} processes are there",
                                 settings.scheme->name(), count));
  }
  if (count > settings.workers + std::uint64_t{1}) {
    throw UsageError(fmt::format("{} processes: workers = {} and the server are {} ranks", count,
                                 settings.workers, settings.workers + std::uint64_t{1}));
  }
  if (dumps) {
    throw UsageError(fmt::format("--dump-wire: of one process alone, and {} are there", count));
  }
}

Settings share_settings(comm::Processes& processes, const Settings& of_zero) {
  if (processes.leads()) {
    ordered_json values;
    for (const Key& key : keys()) values[std::string(key.name)] = key.get(of_zero);
    for (std::uint32_t p = 1; p < processes.count(); ++p) processes.send(p, blob_of(values));
    return of_zero;
  }
  Settings settings;
  const ordered_json values = json_from(processes.receive(0, deadline_of(settings)));
  for (const auto& [name, value] : values.items()) set(settings, name, value.get<std::string>());
  return settings;
}

void agree(comm::Processes& processes, const Settings& settings, const data::TrainTest& images) {
  if (processes.count() == 1) return;
  const ordered_json own = card_of(settings, images);
  if (!processes.leads()) {
    processes.send(0, blob_of(own));
    (void)processes.receive(0, deadline_of(settings));
    return;
  }
  for (std::uint32_t p = 1; p < processes.count(); ++p) {
    const ordered_json theirs = json_from(processes.receive(p, deadline_of(settings)));
    if (const auto key = difference(theirs.at(kKeys), own.at(kKeys)); !key.empty()) {
      throw UsageError(fmt::format("{}: {}", processes.name_of(p), key));
    }
    if (const auto name = difference(theirs.at(kMachine), own.at(kMachine)); !name.empty()) {
      throw InputError(fmt::format("{}: {}", processes.name_of(p), name));
    }
  }
  for (std::uint32_t p = 1; p < processes.count(); ++p) processes.send(p, {});
}

Settings settings_here(const comm::Processes& processes, const Settings& settings) {
  Settings here = settings;
  if (processes.count() == 1 || settings.slots > 0) return here;
  std::size_t cores = usable_cores();
  if (bound_cores() >= cores_of_machine()) cores /= processes.on_this_host();
  // Only process 0 evaluates.
  if (!processes.leads()) {
    cores = std::min<std::size_t>(cores, processes.share(settings.workers).count);
  }
  here.slots = static_cast<std::uint32_t>(std::max<std::size_t>(1, cores));
  return here;
}

MemoryEstimate memory_here(const comm::Processes& processes, const Settings& settings) {
  return memory_estimate(
      settings_here(processes, settings),
      RanksHere{.workers = processes.share(settings.workers).count, .server = processes.leads()});
}

void send_start(comm::Processes& processes, TrialState& state) {
  GroupState& group = state.group;
  const auto workers = static_cast<std::uint32_t>(group.workers.size());
  for (std::uint32_t p = 1; p < processes.count(); ++p) {
    BitWriter out;
    out.put(group.t, 32);
    out.put(group.server.mask.size(), 64);
    for (const compress::Index i : group.server.mask) out.put(i, 32);
    if (group.t > 0) out.put_floats(group.server.theta);
    processes.send(p, out.take());
    const comm::Share share = comm::share_of(p, processes.count(), workers);
    for (std::uint32_t n = share.first; n < share.first + share.count; ++n) {
      WorkerState& worker = group.workers[n];
      processes.send(p, encode_part(worker));
      let_go_of_vectors(worker);
    }
  }
}

bool train_share(comm::Processes& processes, const Settings& settings, const TrainingSinks& sinks,
                 const LawConstants& law) {
  const MemoryEstimate memory = memory_here(processes, settings);
  if (const auto warning = check_machine(memory); warning && sinks.warn) {
    sinks.warn(processes.name_of(processes.index()) + ": " + *warning);
  }
  const data::TrainTest images = load_images(settings);
  agree(processes, settings, images);
  TrialState begun = receive_start(processes, settings);
  bool has_asked = false;
  TrialSinks trial_sinks;
  // By one thread at a time. Process 0 decides; here a round ends for its word alone.
  trial_sinks.gives_up = [&] {
    if (!has_asked && sinks.interrupted && sinks.interrupted()) {
      processes.ask_to_stop();
      has_asked = true;
    }
    return processes.is_lost();
  };
  (void)trial_sinks.gives_up();
  trial_sinks.on_pause = [&](const TrialState& /*state*/) {
    return processes.receive(0, deadline_of(settings)).size() > 0;
  };
  return run_trial(settings_here(processes, settings), images, trial_sinks, law, std::move(begun),
                   &processes)
      .finished;
}

}  // namespace mvsgd::sim
