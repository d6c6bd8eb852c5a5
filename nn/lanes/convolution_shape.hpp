// The extents of a convolution whose images stand in lanes.
#pragma once

#include <cstdint>
#include <string>

namespace mvsgd::nn::lanes {

/// Images side by side in a vector. An activation [N, C, H, W] is stored as
///     [ceil(N / 16)][H][W][C][16]   float32
/// with lanes past N zero.
inline constexpr std::int64_t kImages = 16;

/// x [N, C, H, W], w [O, C, R, S] plain, y [N, O, H', W'] with H' = floor((H + 2p - R) / s) + 1.
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

  [[nodiscard]] std::int64_t blocks() const { return (images + kImages - 1) / kImages; }
  [[nodiscard]] std::int64_t result_height() const {
    return (height + 2 * padding - kernel_height) / stride + 1;
  }
  [[nodiscard]] std::int64_t result_width() const {
    return (width + 2 * padding - kernel_width) / stride + 1;
  }
};

/// Throws std::invalid_argument, naming the extents, if there is no such convolution: an extent
/// below 1, a negative padding, or a kernel larger than the padded image.
void check_convolution(const ConvolutionShape& shape);

}  // namespace mvsgd::nn::lanes
