#include "nn/reference/make_reference.hpp"

#include "nn/reference/reference_backend.hpp"

namespace mvsgd::nn {

std::unique_ptr<Backend> make_reference_backend() {
  return std::make_unique<ReferenceBackend<float>>();
}

}  // namespace mvsgd::nn
