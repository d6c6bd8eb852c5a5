#include "sim/train/backends.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "sim/files/environment.hpp"
#include "sim/plan/keys.hpp"
#include "sim/train/backend_list.hpp"

namespace mvsgd::sim {
namespace {

const nn::BackendEntry& entry_of(const Settings& settings) {
  const std::span<const nn::BackendEntry> all = backend_list();
  const auto found = std::ranges::find(all, settings.backend, &nn::BackendEntry::name);
  if (found == all.end()) {
    throw UsageError(fmt::format("backend = {}: this build has {}", settings.backend,
                                 fmt::join(backends_built(), ", ")));
  }
  return *found;
}

/// Null if the backend computes on the processor.
const DeviceEntry* device_of(const Settings& settings) {
  const std::span<const DeviceEntry> all = device_list();
  const auto found = std::ranges::find(all, settings.backend, &DeviceEntry::backend);
  return found == all.end() ? nullptr : &*found;
}

nn::BackendOptions options_of(const Settings& settings) {
  return {.conv_algorithm = settings.conv_algorithm,
          .precision = settings.precision,
          .step_graph = settings.step_graph,
          .instruction_set = settings.instruction_set};
}

}  // namespace

std::vector<std::string_view> backends_built() {
  std::vector<std::string_view> names;
  for (const nn::BackendEntry& entry : backend_list()) names.push_back(entry.name);
  return names;
}

void check_backend(const Settings& settings) {
  const std::string objection = entry_of(settings).objection(options_of(settings));
  if (objection.empty()) return;
  std::vector<std::string_view> others;
  for (const nn::BackendEntry& entry : backend_list()) {
    if (entry.objection(options_of(settings)).empty()) others.push_back(entry.name);
  }
  throw UsageError(others.empty() ? objection
                                  : fmt::format("{}; backend = {} takes it", objection,
                                                fmt::join(others, ", ")));
}

std::size_t device_count(const Settings& settings) {
  return std::min<std::size_t>(static_cast<std::size_t>(entry_of(settings).devices()),
                               settings.workers);
}

std::unique_ptr<nn::Backend> make_backend(const Settings& settings, std::size_t device) {
  check_backend(settings);
  return entry_of(settings).make(options_of(settings), static_cast<int>(device));
}

std::optional<nn::KernelMemory> kernel_memory(const Settings& settings) {
  check_backend(settings);
  return entry_of(settings).memory(options_of(settings),
                                   static_cast<int>(settings.threads_per_worker));
}

std::unique_ptr<compress::DeviceOperators> make_operators(const Settings& settings,
                                                          std::size_t device) {
  const DeviceEntry* const entry = device_of(settings);
  return entry == nullptr ? nullptr : entry->make(static_cast<int>(device));
}

compress::DeviceArray device_array(const Settings& settings, const nn::Tensor& x) {
  const DeviceEntry* const entry = device_of(settings);
  return entry == nullptr ? compress::DeviceArray() : entry->array(x);
}

std::string engines_of(const Settings& settings) {
  const nn::BackendEntry& entry = entry_of(settings);
  std::vector<std::string> of_devices;
  for (std::size_t device = 0; device < device_count(settings); ++device) {
    of_devices.push_back(
        fmt::format("{}", fmt::join(entry.engines(options_of(settings), static_cast<int>(device),
                                                  settings.width, settings.batch),
                                    "; ")));
  }
  if (std::ranges::count(of_devices, of_devices.front()) == std::ssize(of_devices)) {
    return of_devices.front();
  }
  std::string text;
  for (std::size_t device = 0; device < of_devices.size(); ++device) {
    text += fmt::format("{}device {}: {}", device > 0 ? "; " : "", device, of_devices[device]);
  }
  return text;
}

std::string bits_of(const Settings& settings) {
  const std::string version = make_backend(settings)->version();
  const nn::Repeatability repeats = entry_of(settings).repeatability(options_of(settings));
  if (repeats.any_processor && repeats.any_threads) return std::string(kPortable);
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  };
  if (!repeats.any_processor) {
    if (device_of(settings) == nullptr) add(processor_model());
    add(version);
  }
  if (!repeats.any_threads) {
    add(fmt::format("threads_per_worker = {}", settings.threads_per_worker));
  }
  return text;
}

bool changes_no_bit(const Settings& settings, std::string_view key) {
  if (changes_no_bit(key)) return true;
  const auto entry = std::ranges::find(backend_list(), settings.backend, &nn::BackendEntry::name);
  return key == "threads_per_worker" && entry != backend_list().end() &&
         entry->repeatability(options_of(settings)).any_threads;
}

std::string why_without_effect(const Settings& settings, std::string_view key, Ranks ranks) {
  const Effect& effect = effect_of(key);
  if (effect.of_processes && ranks == Ranks::threads) {
    return "only a transport between processes has a deadline, and transport = threads";
  }
  for (const WhyNot why_not : {effect.held, effect.why_not}) {
    if (std::string why = why_not(settings); !why.empty()) return why;
  }
  return effect.of_backend ? entry_of(settings).without_effect(key, options_of(settings)) : "";
}

void refuse_without_effect(const Settings& settings, std::span<const GivenKey> named, Ranks ranks) {
  for (const auto& [name, where] : named) {
    const std::string why = why_without_effect(settings, name, ranks);
    if (why.empty()) continue;
    throw UsageError(fmt::format("{}{}{} = {}: {}, so it has no effect", where,
                                 where.empty() ? "" : ": ", name, find_key(name)->get(settings),
                                 why));
  }
}

std::vector<std::string> convolutions_here() {
  std::vector<std::string> texts;
  for (const nn::BackendEntry& entry : backend_list()) {
    const std::string text = entry.convolutions();
    if (!text.empty()) texts.push_back(fmt::format("{}: {}", entry.name, text));
  }
  return texts;
}

}  // namespace mvsgd::sim
