// What the lanes backend takes of memory.
#pragma once

#include "nn/lanes/make_lanes.hpp"
#include "nn/step_memory.hpp"

namespace mvsgd::nn::lanes {

/// Of a backend with these options, `threads` threads to a kernel. With bf16
/// what its convolutions keep is reckoned from their arguments, not known to the byte.
[[nodiscard]] KernelMemory kernel_memory(const LanesOptions& options, int threads);

}  // namespace mvsgd::nn::lanes
