// The reference backend: plain loops, the definition that the others are tested against.
#pragma once

#include <memory>

#include "nn/backend.hpp"

namespace mvsgd::nn {

/// In float32: same bits on every machine (fixed order, own exp and log, no contraction).
[[nodiscard]] std::unique_ptr<Backend> make_reference_backend();

}  // namespace mvsgd::nn
