#include "nn/onednn/make_onednn.hpp"

#include <cstdint>
#include <dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nn/onednn/library.hpp"
#include "nn/onednn/onednn_backend.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn {
namespace {

// oneDNN's instruction sets are sets of bits; each contains the bits of the sets that it includes.
bool has(dnnl::cpu_isa wanted) {
  const auto bits = static_cast<unsigned>(wanted);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

std::string objection(const BackendOptions& options) {
  if (options.precision == Precision::tf32) {
    return "precision = tf32: backend = onednn has fp32 and bf16";
  }
  if (options.step_graph) return "step_graph = true: backend = onednn has no graphs";
  if (options.instruction_set != InstructionSet::best) {
    return "instruction_set: backend = onednn has what oneDNN takes of this processor";
  }
  if (options.precision == Precision::bf16 &&
      options.conv_algorithm == ConvolutionChoice::winograd) {
    return "conv_algorithm = winograd: with precision = bf16 convolutions are direct";
  }
  return "";
}

std::string without_effect(std::string_view key, const BackendOptions& options) {
  if (key == "step_graph") return "backend = onednn has no graphs";
  if (key == "instruction_set") return "backend = onednn has what oneDNN takes of this processor";
  if (key == "conv_algorithm" && options.precision == Precision::bf16) {
    return "with precision = bf16 convolutions are direct";
  }
  return "";
}

std::unique_ptr<Backend> make(const BackendOptions& options, int /*device*/) {
  const bool bf16 = options.precision == Precision::bf16;
  try {
    return make_onednn_backend({.convolution = options.conv_algorithm, .bf16 = bf16});
  } catch (const UnavailableError& e) {
    throw UnavailableError((bf16 ? "precision = bf16: " : "conv_algorithm = winograd: ") +
                           std::string(e.what()));
  }
}

// Reckoned, not known: which layouts and scratch memory oneDNN chooses it says of each primitive
// alone, once it is made. Channels are in blocks of a vector; weights are packed for the passes
// forward and backward.
KernelMemory memory() {
  const std::int64_t block = onednn_has_winograd() ? 16 : 8;
  return {.pooled = true,
          .in_place = true,
          .activation =
              [block](const Shape& shape) {
                return shape[0] * ((shape[1] + block - 1) / block * block) * shape[2] * shape[3];
              },
          .scratch =
              [](Pass pass, const ConvolutionProblem& problem) {
                std::vector<std::int64_t> floats;
                if (pass == Pass::backward_weights) {
                  floats.push_back(elements(problem.w));
                }
                return floats;
              },
          .kept = [](std::int64_t parameters) { return 2 * parameters; }};
}

// The gain by Winograd, as measured in nn/onednn/README.md.
std::string convolutions() {
  return std::string(onednn_has_winograd()
                         ? "direct and Winograd"
                         : "direct alone: with AVX-512 there is Winograd, too, for twice the "
                           "speed at width 64") +
         (onednn_has_bf16() ? "; bfloat16" : "; no bfloat16 on this processor");
}

}  // namespace

std::unique_ptr<Backend> make_onednn_backend(const OneDnnOptions& options) {
  return or_refuse("onednn", [&] { return std::make_unique<OneDnnBackend>(options); });
}

bool onednn_has_winograd() { return has(dnnl::cpu_isa::avx512_core); }

bool onednn_has_bf16() { return has(dnnl::cpu_isa::avx512_core_bf16); }

bool onednn_has_amx() { return has(dnnl::cpu_isa::avx512_core_amx); }

BackendEntry onednn_entry() {
  return {
      .name = "onednn",
      .objection = objection,
      .without_effect = without_effect,
      .make = make,
      .memory = [](const BackendOptions&, int) -> std::optional<KernelMemory> { return memory(); },
      .convolutions = convolutions};
}

}  // namespace mvsgd::nn
