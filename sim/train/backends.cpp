#include "sim/train/backends.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "nn/reference/make_reference.hpp"
#ifdef MVSGD_WITH_CUDA
#include "compress/cuda/make_cuda_operators.hpp"
#include "nn/cuda/make_cuda.hpp"
#endif
#ifdef MVSGD_WITH_ONEDNN
#include "nn/onednn/make_onednn.hpp"
#endif

namespace mvsgd::sim {
namespace {

#ifdef MVSGD_WITH_CUDA
nn::CudaPrecision cuda_precision(Precision precision) {
  switch (precision) {
    case Precision::tf32:
      return nn::CudaPrecision::tf32;
    case Precision::bf16:
      return nn::CudaPrecision::bf16;
    case Precision::fp32:
      break;
  }
  return nn::CudaPrecision::fp32;
}

nn::CudaOptions cuda_options(const Settings& settings, std::size_t device = 0) {
  return {.precision = cuda_precision(settings.precision),
          .device = static_cast<int>(device),
          .step_graph = settings.step_graph};
}
#endif

#ifdef MVSGD_WITH_ONEDNN

std::unique_ptr<nn::Backend> make_onednn(const Settings& settings) {
  nn::OneDnnOptions options{.bf16 = settings.precision == Precision::bf16};
  switch (settings.conv_algorithm) {
    case ConvAlgorithm::table:
      options.convolution = nn::ConvolutionChoice::table;
      break;
    case ConvAlgorithm::direct:
      options.convolution = nn::ConvolutionChoice::direct;
      break;
    case ConvAlgorithm::winograd:
      options.convolution = nn::ConvolutionChoice::winograd;
      break;
  }
  try {
    return nn::make_onednn_backend(options);
  } catch (const nn::UnavailableError& e) {
    throw nn::UnavailableError(fmt::format(
        "{}: {}", options.bf16 ? "precision = bf16" : "conv_algorithm = winograd", e.what()));
  }
}
#endif

}  // namespace

std::span<const std::string_view> backends_built() {
  static constexpr std::string_view kNames[]{
      "reference",
#ifdef MVSGD_WITH_ONEDNN
      "onednn",
#endif
#ifdef MVSGD_WITH_CUDA
      "cuda",
#endif
  };
  return kNames;
}

std::size_t device_count([[maybe_unused]] const Settings& settings) {
#ifdef MVSGD_WITH_CUDA
  if (settings.backend == "cuda") {
    return std::min<std::size_t>(static_cast<std::size_t>(nn::cuda_devices()), settings.workers);
  }
#endif
  return 1;
}

std::unique_ptr<nn::Backend> make_backend(const Settings& settings,
                                          [[maybe_unused]] std::size_t device) {
  if (settings.backend == "reference") return nn::make_reference_backend();
#ifdef MVSGD_WITH_ONEDNN
  if (settings.backend == "onednn") return make_onednn(settings);
#endif
#ifdef MVSGD_WITH_CUDA
  if (settings.backend == "cuda") {
    return nn::make_cuda_backend(cuda_options(settings, device));
  }
#endif
  throw UsageError(fmt::format("backend = {}: this build has {}", settings.backend,
                               fmt::join(backends_built(), ", ")));
}

std::unique_ptr<compress::DeviceOperators> make_operators([[maybe_unused]] const Settings& settings,
                                                          [[maybe_unused]] std::size_t device) {
#ifdef MVSGD_WITH_CUDA
  if (settings.backend == "cuda") return compress::make_cuda_operators(static_cast<int>(device));
#endif
  return nullptr;
}

compress::DeviceArray device_array([[maybe_unused]] const Settings& settings,
                                   [[maybe_unused]] const nn::Tensor& x) {
#ifdef MVSGD_WITH_CUDA
  if (settings.backend == "cuda") return compress::cuda_array(x);
#endif
  return {};
}

std::string engines_of([[maybe_unused]] const Settings& settings) {
  std::vector<std::string> of_devices;
#ifdef MVSGD_WITH_CUDA
  const std::size_t devices = settings.backend == "cuda" ? device_count(settings) : 0;
  for (std::size_t device = 0; device < devices; ++device) {
    const auto engines =
        nn::cuda_engines(cuda_options(settings, device), settings.width, settings.batch);
    of_devices.push_back(fmt::format("{}", fmt::join(engines, "; ")));
  }
#endif
  if (of_devices.empty()) return "";
  if (std::ranges::count(of_devices, of_devices.front()) == std::ssize(of_devices)) {
    return of_devices.front();
  }
  std::string text;
  for (std::size_t device = 0; device < of_devices.size(); ++device) {
    text += fmt::format("{}device {}: {}", device > 0 ? "; " : "", device, of_devices[device]);
  }
  return text;
}

std::string convolutions_here() {
#ifdef MVSGD_WITH_ONEDNN
  // What Winograd is worth: measured in nn/onednn/README.md.
  return fmt::format("{}; {}",
                     nn::onednn_has_winograd()
                         ? "direct and Winograd"
                         : "direct alone: with AVX-512 there is Winograd, too, for twice the "
                           "speed at width 64",
                     nn::onednn_has_bf16() ? "bfloat16" : "no bfloat16 on this processor");
#else
  return "";
#endif
}

}  // namespace mvsgd::sim
