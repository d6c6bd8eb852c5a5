// Convolution weights between the flat array's order and oneDNN's blocks of 16 x 16 channels.
#pragma once

#include <cstdint>

#include "nn/backend.hpp"

namespace mvsgd::nn::kernels {

/// Weights [outputs][inputs][taps] in row-major order, where `taps` is R * S, and the same weights
/// in oneDNN's OIhw16i16o: [outputs / 16][inputs / 16][taps][16 inputs][16 outputs]. The numbers of
/// channels are multiples of 16; blocked data are aligned to 64 bytes.
struct WeightShape {
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::int64_t taps = 0;
};

void pack(const WeightShape& shape, const float* plain, float* blocked);
/// The reverse of the above; with Into::add, plain += blocked.
void unpack(const WeightShape& shape, const float* blocked, float* plain, Into into);

}  // namespace mvsgd::nn::kernels
