// The reference backend: plain loops, the definition that the others are tested against.
#pragma once

#include <memory>

#include "nn/backend_entry.hpp"

namespace mvsgd::nn {

/// In float32: same bits on every machine (fixed order, own exp and log, no contraction).
[[nodiscard]] std::unique_ptr<Backend> make_reference_backend();

/// Has the definition alone: in fp32, without graphs.
[[nodiscard]] BackendEntry reference_entry();

}  // namespace mvsgd::nn
