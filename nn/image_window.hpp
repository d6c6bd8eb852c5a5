// A part of an image, for sources of C++17 too.
#pragma once

#include <cstdint>

namespace mvsgd::nn {

/// The view of a square image that is as large as the image, its corner at (top, left) in it and
/// all bytes outside of the image 0, mirrored left to right or not.
struct Window {
  std::uint32_t image = 0;
  std::int16_t top = 0;
  std::int16_t left = 0;
  bool flip = false;
};

}  // namespace mvsgd::nn
