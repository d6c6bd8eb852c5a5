// A worker's operators on a CUDA device.
#pragma once

#include <memory>

#include "nn/cuda/runtime.hpp"
#include "nn/flat_operators.hpp"

namespace mvsgd::nn::cuda {

/// A stream of its own, and the kernels of nn/cuda/update.hpp on it. Where a tensor is of another
/// stream, each waits for the other.
class CudaFlatOperators final : public FlatOperators {
 public:
  explicit CudaFlatOperators(int device);

  [[nodiscard]] Tensor upload(std::span<const float> values) override;
  void write(const Tensor& to, std::span<const float> from) override;
  void read(const Tensor& from, std::span<float> to) override;
  void copy(const Tensor& to, const Tensor& from) override;
  void fill_zero(const Tensor& x) override;
  void scale(const Tensor& x, float factor) override;
  void accumulate(const Tensor& y, const Tensor& x) override;
  void add_difference(const Tensor& theta_h, const Tensor& theta_0, const Tensor& e) override;
  [[nodiscard]] std::int64_t first_not_finite(const Tensor& x) override;
  [[nodiscard]] Largest top_k(const Tensor& x, std::int64_t k) override;
  void gather(const Tensor& x, Coordinates at, std::span<float> values) override;
  void subtract(const Tensor& x, Coordinates at, std::span<const float> values) override;
  void scatter_add(const Tensor& y, Coordinates at, std::span<const float> values) override;
  [[nodiscard]] LevelCodes quantize(const Tensor& x, Coordinates at,
                                    const Boundaries& boundaries) override;

 private:
  class Use;

  template <typename T>
  [[nodiscard]] std::unique_ptr<DeviceBuffer> on_device(std::span<const T> values) const;

  int device_;
  std::shared_ptr<const Stream> stream_;
};

}  // namespace mvsgd::nn::cuda
