// A training step as one CUDA graph.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>

#include "nn/cuda/cuda_backend.hpp"
#include "nn/repeated_step.hpp"

namespace mvsgd::nn::cuda {

/// The first step of a shape runs kernel by kernel, which makes its plans and loads what the
/// libraries load at first use. The second is recorded, and launched from then on. A step that
/// cannot be recorded always runs kernel by kernel; CudaBackend::plans() has the reason.
class CudaRepeatedStep final : public RepeatedStep {
 public:
  /// The backend must outlive it.
  explicit CudaRepeatedStep(CudaBackend& backend) : backend_(&backend) {}

  [[nodiscard]] BatchResult run(const Tensor& images, std::span<const std::uint8_t> labels,
                                const Step& step) override;

 private:
  /// A recorded step reads and writes the same memory every time.
  struct Recorded {
    Tensor images;
    std::unique_ptr<LossRows> rows;
    std::unique_ptr<RecordedWork> work;  ///< null if it cannot be recorded
  };

  [[nodiscard]] Recorded record(const Tensor& images, std::span<const std::uint8_t> labels,
                                const Step& step);

  CudaBackend* backend_;
  std::map<Shape, std::optional<Recorded>> by_shape_;  ///< nullopt after the first step
};

}  // namespace mvsgd::nn::cuda
