// The reference backend: plain loops, the definition against which the others are tested.
#pragma once

#include <memory>

#include "nn/backend_entry.hpp"

namespace mvsgd::nn {

/// In float32. Its bits are the same on every machine (fixed order, own exp and log, no
/// contraction).
[[nodiscard]] std::unique_ptr<Backend> make_reference_backend();

/// The entry has the definition alone: fp32, no graphs.
[[nodiscard]] BackendEntry reference_entry();

}  // namespace mvsgd::nn
