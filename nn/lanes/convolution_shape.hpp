// The extents of a convolution whose images stand in lanes.
#pragma once

#include <cstdint>

#include "nn/lanes/activation.hpp"

namespace mvsgd::nn::lanes {

/// x [N, C, H, W] and y [N, O, H', W'] in lanes (activation.hpp), w [O, C, R, S] plain, with H' =
/// floor((H + 2p - R) / s) + 1.
struct ConvolutionShape {
  std::int64_t images = 1;
  std::int64_t channels = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t outputs = 1;
  std::int64_t kernel_height = 1;
  std::int64_t kernel_width = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;

  [[nodiscard]] std::int64_t blocks() const { return (images + kLanes - 1) / kLanes; }
  [[nodiscard]] std::int64_t result_height() const {
    return (height + 2 * padding - kernel_height) / stride + 1;
  }
  [[nodiscard]] std::int64_t result_width() const {
    return (width + 2 * padding - kernel_width) / stride + 1;
  }
};

/// Throws std::invalid_argument, naming the extents, if an extent is below 1, the padding is
/// negative, or the kernel is larger than the padded image.
void check_convolution(const ConvolutionShape& shape);

}  // namespace mvsgd::nn::lanes
