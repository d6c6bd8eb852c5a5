#include "nn/cuda/make_cuda.hpp"

#include "nn/cuda/cuda_backend.hpp"
#include "nn/resnet18.hpp"

namespace mvsgd::nn {
namespace {

std::string objection(const BackendOptions& options) {
  if (options.conv_algorithm != ConvolutionChoice::table) {
    return "conv_algorithm: backend = cuda takes the first deterministic engine of its precision";
  }
  if (options.instruction_set != InstructionSet::best) {
    return "instruction_set: backend = cuda has none of the processor's";
  }
  return "";
}

std::string without_effect(std::string_view key, const BackendOptions& /*options*/) {
  if (key == "conv_algorithm") {
    return "backend = cuda takes the first deterministic engine of its precision";
  }
  if (key == "instruction_set") return "backend = cuda has none of the processor's";
  return key == "threads_per_worker" ? "backend = cuda computes on the device" : "";
}

CudaOptions cuda_options(const BackendOptions& options, int device) {
  return {.precision = options.precision, .device = device, .step_graph = options.step_graph};
}

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  return std::make_unique<cuda::CudaBackend>(options);
}

std::vector<std::string> cuda_engines(const CudaOptions& options, std::int64_t width,
                                      std::int64_t batch) {
  cuda::CudaBackend backend(options);
  const Layout parameters = resnet18_parameters({.width = width});
  ResNet18 network(backend, {.width = width});
  backend.write(network.parameters(), initial_parameters(parameters, 0));
  const std::size_t images = static_cast<std::size_t>(batch);
  for (int step = 0; step < (options.step_graph ? 2 : 1); ++step) {
    static_cast<void>(
        network.train(std::vector<float>(images * 3 * 32 * 32), std::vector<std::uint8_t>(images)));
  }
  return backend.plans();
}

int cuda_devices() { return cuda::device_count(); }

BackendEntry cuda_entry() {
  return {
      .name = "cuda",
      .objection = objection,
      .without_effect = without_effect,
      .make = [](const BackendOptions& options,
                 int device) { return make_cuda_backend(cuda_options(options, device)); },
      .repeatability =
          [](const BackendOptions&) {
            return Repeatability{.any_processor = false, .any_threads = true};
          },
      .devices = cuda_devices,
      .engines =
          [](const BackendOptions& options, int device, std::int64_t width, std::int64_t batch) {
            return cuda_engines(cuda_options(options, device), width, batch);
          }};
}

}  // namespace mvsgd::nn
