// A training step as one CUDA graph.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>

#include "nn/cuda/cuda_backend.hpp"
#include "nn/repeated_step.hpp"

namespace mvsgd::nn::cuda {

/// The first step of a shape is done as it is, which makes its plans and whatever the libraries
/// load when they are used first; the second one is recorded, and from then on launched. A step
/// that cannot be recorded is done as it is, always; CudaBackend::plans() has the reason.
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
    std::unique_ptr<RecordedWork> work;  ///< null: it cannot be recorded
  };

  [[nodiscard]] Recorded record(const Tensor& images, std::span<const std::uint8_t> labels,
                                const Step& step);

  CudaBackend* backend_;
  std::map<Shape, std::optional<Recorded>> by_shape_;  ///< none yet after the first step
};

}  // namespace mvsgd::nn::cuda
