// The three passes of a convolution by Winograd's algorithm (winograd.hpp).
#pragma once

#include <cstdint>

#include "nn/onednn/library.hpp"

namespace mvsgd::nn {

/// A 3x3 convolution with stride and padding 1 between multiples of 16 channels.
///
/// Activations are in blocks of 16 channels (nChw16c), weights and their gradients in blocks of 16
/// x 16 (OIhw16i16o). Every sum has one order, so results depend on the arguments alone, not on the
/// number of threads.
///
/// Memory: the library's scratch. A part of it grows with the channels; none grows with the images.
struct WinogradConvolution {
  std::int64_t images = 0;
  std::int64_t inputs = 0;   ///< channels of x
  std::int64_t outputs = 0;  ///< channels of y
  std::int64_t height = 0;
  std::int64_t width = 0;

  void forward(Library& library, const float* x, const float* w, float* y) const;
  void backward_data(Library& library, const float* dy, const float* w, float* dx) const;
  void backward_weights(Library& library, const float* x, const float* dy, float* dw) const;
};

}  // namespace mvsgd::nn
