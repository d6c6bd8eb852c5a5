#include "nn/lanes/make_lanes.hpp"

#include <string>

#include "nn/lanes/bf16_convolution.hpp"
#include "nn/lanes/lanes_backend.hpp"
#include "nn/lanes/memory.hpp"

namespace mvsgd::nn {
namespace {

std::string objection(const BackendOptions& options) {
  if (options.precision == Precision::tf32) {
    return "precision = tf32: backend = lanes has fp32 and bf16";
  }
  if (options.step_graph) return "step_graph = true: backend = lanes has no graphs";
  return "";
}

std::string without_effect(std::string_view key, const BackendOptions& /*options*/) {
  return key == "step_graph" ? "backend = lanes has no graphs" : "";
}

/// Throws UnavailableError unless this build and this processor have the set.
lanes::Isa isa_of(InstructionSet wanted) {
  using lanes::Isa;
  if (wanted == InstructionSet::best) return lanes::best_isa();
  Isa isa = Isa::portable;
  if (wanted == InstructionSet::avx2) isa = Isa::avx2;
  if (wanted == InstructionSet::avx512) isa = Isa::avx512;
  if (supports(isa)) return isa;
  std::string supported;
  for (const Isa other : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (supports(other)) supported += (supported.empty() ? "" : ", ") + std::string(name(other));
  }
  throw UnavailableError("instruction_set = " + std::string(name(isa)) + ": this processor has " +
                         supported);
}

LanesOptions lanes_options(const BackendOptions& options) {
  return {.convolution = options.conv_algorithm,
          .isa = isa_of(options.instruction_set),
          .bf16 = options.precision == Precision::bf16};
}

std::unique_ptr<Backend> make(const BackendOptions& options, int /*device*/) {
  return make_lanes_backend(lanes_options(options));
}

std::string convolutions() {
  const std::string no_tiles = lanes::objection(lanes::Bf16Engine::amx);
  return "direct and Winograd; precision = bf16 is fastest by conv_algorithm = " +
         (no_tiles.empty() ? "direct, by AMX's tiles" : "winograd: " + no_tiles);
}

}  // namespace

std::unique_ptr<Backend> make_lanes_backend(const LanesOptions& options) {
  return std::make_unique<lanes::LanesBackend>(options);
}

ConvolutionChoice fastest_bf16_convolution() {
  const bool has_tiles = lanes::objection(lanes::Bf16Engine::amx).empty();
  return has_tiles ? ConvolutionChoice::direct : ConvolutionChoice::winograd;
}

BackendEntry lanes_entry() {
  return {.name = "lanes",
          .objection = objection,
          .without_effect = without_effect,
          .make = make,
          .repeatability =
              [](const BackendOptions&) {
                return Repeatability{.any_processor = true, .any_threads = true};
              },
          .memory = [](const BackendOptions& options, int threads) -> std::optional<KernelMemory> {
            return lanes::kernel_memory(lanes_options(options), threads);
          },
          .convolutions = convolutions};
}

}  // namespace mvsgd::nn
