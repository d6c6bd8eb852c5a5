// The oneDNN backend: blocked layouts from the first convolution to the pool.
#pragma once

#include <memory>

#include "nn/backend.hpp"

namespace mvsgd::nn {

/// On the CPU through oneDNN 2.6 or later. Throws BackendError if the library refuses its engine.
[[nodiscard]] std::unique_ptr<Backend> make_onednn_backend();

}  // namespace mvsgd::nn
