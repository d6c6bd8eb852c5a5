// Images on a CUDA device.
#pragma once

#include <memory>

#include "nn/cuda/runtime.hpp"
#include "nn/image_store.hpp"

namespace mvsgd::nn::cuda {

class CudaImageStore final : public ImageStore {
 public:
  /// Copies to the device that the calling thread uses. Once it returns, every stream may read the
  /// images. Throws std::invalid_argument if the sizes do not fit together.
  explicit CudaImageStore(const ImageBytes& images);

  [[nodiscard]] Tensor batch(Backend& backend, std::span<const Window> windows) const override;

 private:
  std::int64_t side_;
  std::int64_t count_;
  std::shared_ptr<const Stream> stream_;  // on which the images are given back
  DeviceBuffer pixels_;
  DeviceBuffer levels_;
};

}  // namespace mvsgd::nn::cuda
