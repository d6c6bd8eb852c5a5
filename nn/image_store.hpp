// Images held as bytes where a backend computes, so that batches can be made there.
#pragma once

#include <cstdint>
#include <span>

#include "nn/image_window.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn {

class Backend;

/// Square images of three channels.
struct ImageBytes {
  std::span<const std::uint8_t> pixels;  ///< [n, 3, side, side]
  std::int64_t side = 0;
  std::span<const float> levels;  ///< [3, 256]: what each byte of a channel becomes
};

/// Made by a backend (Backend::hold_images()), for all backends on its device. Any number of
/// threads may use it at once.
class ImageStore {
 public:
  ImageStore() = default;
  virtual ~ImageStore() = default;
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;

  /// Each window of its image, each byte mapped by its channel's levels, as a plain tensor of
  /// `backend` [windows.size(), 3, side, side]. Throws std::invalid_argument if an image does not
  /// exist, BackendError if a library refuses.
  [[nodiscard]] virtual Tensor batch(Backend& backend, std::span<const Window> windows) const = 0;
};

}  // namespace mvsgd::nn
