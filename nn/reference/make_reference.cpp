#include "nn/reference/make_reference.hpp"

#include "nn/reference/reference_backend.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn {
namespace {

std::string objection(const BackendOptions& options) {
  if (options.conv_algorithm == ConvolutionChoice::winograd) {
    return "conv_algorithm = winograd: backend = reference has the definition alone";
  }
  if (options.precision != Precision::fp32) {
    return std::string("precision = ") + (options.precision == Precision::bf16 ? "bf16" : "tf32") +
           ": backend = reference computes in fp32";
  }
  if (options.step_graph) return "step_graph = true: backend = reference has no graphs";
  if (options.instruction_set != InstructionSet::best) {
    return "instruction_set: backend = reference has one path alone";
  }
  return "";
}

/// An unfolded image, and of a weight gradient one image's term.
std::vector<std::int64_t> scratch(Pass pass, const ConvolutionProblem& problem) {
  const std::int64_t taps = problem.w[1] * problem.w[2] * problem.w[3];
  std::vector<std::int64_t> floats{taps * problem.y[2] * problem.y[3]};
  if (pass == Pass::backward_weights) floats.push_back(problem.w[0] * taps);
  return floats;
}

std::string without_effect(std::string_view /*key*/, const BackendOptions& /*options*/) {
  return "backend = reference has the definition alone, in fp32 on one thread";
}

}  // namespace

std::unique_ptr<Backend> make_reference_backend() {
  return std::make_unique<ReferenceBackend<float>>();
}

BackendEntry reference_entry() {
  return {.name = "reference",
          .objection = objection,
          .without_effect = without_effect,
          .make = [](const BackendOptions&, int) { return make_reference_backend(); },
          .repeatability =
              [](const BackendOptions&) {
                return Repeatability{.any_processor = true, .any_threads = true};
              },
          .memory = [](const BackendOptions&, int) -> std::optional<KernelMemory> {
            return KernelMemory{.scratch = scratch};
          }};
}

}  // namespace mvsgd::nn
