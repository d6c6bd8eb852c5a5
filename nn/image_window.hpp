// A window of an image, for sources of C++17 too.
#pragma once

#include <cstdint>

namespace mvsgd::nn {

/// A view as large as the square image, with its corner at (top, left) of the image. Bytes outside
/// the image are 0. It may be mirrored left to right.
struct Window {
  std::uint32_t image = 0;
  std::int16_t top = 0;
  std::int16_t left = 0;
  bool flip = false;
};

}  // namespace mvsgd::nn
