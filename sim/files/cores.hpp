// How many cores this process may use.
#pragma once

#include <cstddef>
#include <filesystem>

namespace mvsgd::sim {

/// Those of the machine that are on line.
[[nodiscard]] std::size_t cores_of_machine();

/// Those that the process is bound to, by a launcher, taskset or a container's set; those of the
/// machine where the system does not tell.
[[nodiscard]] std::size_t bound_cores();

/// Those that it may use at once: bound_cores(), but no more than the processor time that a control
/// group gives, rounded up (versions 1 and 2; a container's --cpus). At least 1. `root` is where
/// /proc and /sys are; tests have their own.
[[nodiscard]] std::size_t usable_cores(const std::filesystem::path& root = "/");

}  // namespace mvsgd::sim
