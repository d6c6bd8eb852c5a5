#include "nn/lanes/make_lanes.hpp"

#include <string>

#include "nn/lanes/lanes_backend.hpp"

namespace mvsgd::nn {
namespace {

std::string objection(const BackendOptions& options) {
  if (options.precision != Precision::fp32) {
    return std::string("precision = ") + (options.precision == Precision::bf16 ? "bf16" : "tf32") +
           ": backend = lanes has fp32 alone";
  }
  if (options.step_graph) return "step_graph = true: backend = lanes has no graphs";
  return "";
}

std::unique_ptr<Backend> make(const BackendOptions& options, int /*device*/) {
  return make_lanes_backend({.convolution = options.conv_algorithm});
}

}  // namespace

std::unique_ptr<Backend> make_lanes_backend(const LanesOptions& options) {
  return std::make_unique<lanes::LanesBackend>(options);
}

BackendEntry lanes_entry() { return {.name = "lanes", .objection = objection, .make = make}; }

}  // namespace mvsgd::nn
