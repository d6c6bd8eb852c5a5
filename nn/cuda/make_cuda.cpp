#include "nn/cuda/make_cuda.hpp"

#include "nn/cuda/cuda_backend.hpp"
#include "nn/resnet18.hpp"

namespace mvsgd::nn {

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

}  // namespace mvsgd::nn
