#include "nn/onednn/make_onednn.hpp"

#include <dnnl.hpp>

#include "nn/onednn/library.hpp"
#include "nn/onednn/onednn_backend.hpp"

namespace mvsgd::nn {
namespace {

// The values of oneDNN's instruction sets are sets of bits, each with those of what it includes.
bool has(dnnl::cpu_isa wanted) {
  const auto bits = static_cast<unsigned>(wanted);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

}  // namespace

std::unique_ptr<Backend> make_onednn_backend(const OneDnnOptions& options) {
  return or_refuse("onednn", [&] { return std::make_unique<OneDnnBackend>(options); });
}

bool onednn_has_winograd() { return has(dnnl::cpu_isa::avx512_core); }

bool onednn_has_bf16() { return has(dnnl::cpu_isa::avx512_core_bf16); }

}  // namespace mvsgd::nn
