#include "nn/lanes/make_lanes.hpp"

#include <string>

#include "nn/lanes/lanes_backend.hpp"

namespace mvsgd::nn {
namespace {

std::string objection(const BackendOptions& options) {
  if (options.precision == Precision::tf32) {
    return "precision = tf32: backend = lanes has fp32 and bf16";
  }
  if (options.precision == Precision::bf16 &&
      options.conv_algorithm == ConvolutionChoice::winograd) {
    return "conv_algorithm = winograd: with precision = bf16 convolutions are direct";
  }
  if (options.step_graph) return "step_graph = true: backend = lanes has no graphs";
  return "";
}

std::unique_ptr<Backend> make(const BackendOptions& options, int /*device*/) {
  return make_lanes_backend(
      {.convolution = options.conv_algorithm, .bf16 = options.precision == Precision::bf16});
}

}  // namespace

std::unique_ptr<Backend> make_lanes_backend(const LanesOptions& options) {
  return std::make_unique<lanes::LanesBackend>(options);
}

BackendEntry lanes_entry() { return {.name = "lanes", .objection = objection, .make = make}; }

}  // namespace mvsgd::nn
