// How settings choose one of the backends that this build has.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compress/device/device_operators.hpp"
#include "nn/backend.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The names that `backend` takes in this build.
[[nodiscard]] std::vector<std::string_view> backends_built();

/// Checks what validate() cannot: that this build has the backend, and that it can take the keys
/// that are a backend's. Throws UsageError, naming the backends of this build that take them.
void check_backend(const Settings& settings);

/// How many devices these settings compute on: those of the machine, no more than workers; 1 with a
/// backend that computes on the processor. Throws nn::UnavailableError if there is none.
[[nodiscard]] std::size_t device_count(const Settings& settings);

/// The backend that these settings name, on one of its devices. Throws as check_backend(), and
/// nn::UnavailableError naming the key if this machine has not what they ask of it.
[[nodiscard]] std::unique_ptr<nn::Backend> make_backend(const Settings& settings,
                                                        std::size_t device = 0);

/// A worker's operators on one of the devices that these settings compute on; null with a backend
/// that computes on the processor. Throws nn::BackendError if the device's library refuses.
[[nodiscard]] std::unique_ptr<compress::DeviceOperators> make_operators(const Settings& settings,
                                                                        std::size_t device);

/// A plain tensor of the settings' backend as an array of its device's operators; an empty one with
/// a backend that computes on the processor.
[[nodiscard]] compress::DeviceArray device_array(const Settings& settings, const nn::Tensor& x);

/// The engines that the backend takes for a run of these settings, if engines decide its bits: one
/// list for all of its devices, or one a device, "device 0: ...; device 1: ...", where they differ.
/// "" with a backend whose version decides.
[[nodiscard]] std::string engines_of(const Settings& settings);

/// What stands for bits that every processor has.
inline constexpr std::string_view kPortable = "portable";

/// Whose the bits of a run of these settings are: kPortable if its parameters are the same on every
/// processor, with any threads; else the processor, the backend's version, and the threads if they
/// enter. Throws as make_backend().
[[nodiscard]] std::string bits_of(const Settings& settings);

/// Whether no bit of a run of these settings depends on the key: what changes_no_bit(key) of
/// sim/plan/keys.hpp says, and threads_per_worker with a backend of this build whose bits are the
/// same with any.
[[nodiscard]] bool changes_no_bit(const Settings& settings, std::string_view key);

/// Why the key has no effect in a run of these settings: what effect_of() of sim/plan/effect.hpp
/// says, or the backend. "" if it has one.
[[nodiscard]] std::string why_without_effect(const Settings& settings, std::string_view key);

/// Throws UsageError, with key, value and why, if one of the keys has no effect.
void refuse_without_effect(const Settings& settings, std::span<const GivenKey> named);

/// Which convolutions the backends of this build have here and what it costs that they have no
/// others; "" if none has a choice.
[[nodiscard]] std::string convolutions_here();

}  // namespace mvsgd::sim
