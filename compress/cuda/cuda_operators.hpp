// The class of a worker's operators on a CUDA device.
#pragma once

#include <memory>
#include <span>

#include "compress/device/device_operators.hpp"
#include "nn/cuda/runtime.hpp"

namespace mvsgd::compress::cuda {

/// A separate stream, on which the kernels of compress/cuda/kernels.hpp run. If an array belongs to
/// another stream, each stream waits for the other.
class CudaOperators final : public DeviceOperators {
 public:
  explicit CudaOperators(int device);

  [[nodiscard]] DeviceArray upload(std::span<const float> values) override;
  void write(const DeviceArray& to, std::span<const float> from) override;
  void read(const DeviceArray& from, std::span<float> to) override;
  void copy(const DeviceArray& to, const DeviceArray& from) override;
  void fill_zero(const DeviceArray& x) override;
  void scale(const DeviceArray& x, float factor) override;
  void accumulate(const DeviceArray& y, const DeviceArray& x) override;
  void add_difference(const DeviceArray& theta_h, const DeviceArray& theta_0,
                      const DeviceArray& e) override;
  [[nodiscard]] std::size_t first_not_finite(const DeviceArray& x) override;
  [[nodiscard]] TopK top_k(const DeviceArray& x, std::size_t k) override;
  void gather(const DeviceArray& x, std::span<const Index> mask, std::span<float> values) override;
  void subtract_sent(std::span<const Index> mask, std::span<const float> sent,
                     const DeviceArray& e) override;
  void scatter_add(std::span<const Index> mask, std::span<const float> values,
                   const DeviceArray& y) override;
  [[nodiscard]] Quantized quantize(const DeviceArray& x, std::span<const Index> mask,
                                   const Quantizer& quantizer) override;

 private:
  class Use;

  template <typename T>
  [[nodiscard]] std::unique_ptr<nn::cuda::DeviceBuffer> on_device(std::span<const T> values) const;

  int device_;
  std::shared_ptr<const nn::cuda::Stream> stream_;
};

}  // namespace mvsgd::compress::cuda
