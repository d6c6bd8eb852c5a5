// Chooses one of this build's backends by the settings.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compress/device/device_operators.hpp"
#include "nn/backend.hpp"
#include "nn/step_memory.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The values that the key `backend` takes in this build.
[[nodiscard]] std::vector<std::string_view> backends_built();

/// Checks what validate() cannot: that this build has the backend, and that the backend supports
/// the keys meant for backends. Throws UsageError naming the backends of this build that support
/// them.
void check_backend(const Settings& settings);

/// How many devices these settings compute on: at most the machine's devices and at most the
/// workers; 1 if the backend computes on the processor. Throws nn::UnavailableError if there is no
/// device.
[[nodiscard]] std::size_t device_count(const Settings& settings);

/// The backend that these settings name, on one of its devices. Throws as check_backend() does, and
/// nn::UnavailableError naming the key if this machine lacks what the settings ask for.
[[nodiscard]] std::unique_ptr<nn::Backend> make_backend(const Settings& settings,
                                                        std::size_t device = 0);

/// What the settings' backend takes of this process's memory; none if it computes in a device's.
/// Throws as make_backend().
[[nodiscard]] std::optional<nn::KernelMemory> kernel_memory(const Settings& settings);

/// A worker's operators on one of the devices that these settings compute on; null if the backend
/// computes on the processor. Throws nn::BackendError if the device's library refuses.
[[nodiscard]] std::unique_ptr<compress::DeviceOperators> make_operators(const Settings& settings,
                                                                        std::size_t device);

/// A plain tensor of the settings' backend, as an array that its device's operators take; empty if
/// the backend computes on the processor.
[[nodiscard]] compress::DeviceArray device_array(const Settings& settings, const nn::Tensor& x);

/// The engines that the backend chooses for a run of these settings, if they determine its bits.
/// One list for all devices, or one for each device if they differ: "device 0: ...; device 1: ...".
/// "" if the backend's version determines the bits.
[[nodiscard]] std::string engines_of(const Settings& settings);

/// Stands for bits that are the same on every processor.
inline constexpr std::string_view kPortable = "portable";

/// Which machines give the bits of a run of these settings. kPortable if its parameters are the
/// same on every processor, with any number of threads; else the processor, the backend's version,
/// and the threads if the bits depend on them. Throws as make_backend() does.
[[nodiscard]] std::string bits_of(const Settings& settings);

/// Whether no bit of a run of these settings depends on the key: if changes_no_bit(key) of
/// sim/plan/keys.hpp says so, or if the key is threads_per_worker and the backend gives the same
/// bits with any number of threads.
[[nodiscard]] bool changes_no_bit(const Settings& settings, std::string_view key);

/// Why the key has no effect in a run of these settings, as effect_of() of sim/plan/effect.hpp or
/// the backend says, or what its ranks are. "" if it has an effect.
[[nodiscard]] std::string why_without_effect(const Settings& settings, std::string_view key,
                                             Ranks ranks = Ranks::threads);

/// Throws UsageError with key, value and reason if one of the keys has no effect.
void refuse_without_effect(const Settings& settings, std::span<const GivenKey> named,
                           Ranks ranks = Ranks::threads);

/// "backend: which convolutions it has on this machine, and what it costs that others are missing"
/// of each backend that has a choice.
[[nodiscard]] std::vector<std::string> convolutions_here();

}  // namespace mvsgd::sim
