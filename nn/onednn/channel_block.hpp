// The loops on blocks of channels, as activations stand in memory: batch norm forward and backward,
// with ReLU and the residual sum in the same passes, and the pool's sums.
//
// Sums are taken in an order that depends on the shapes alone, not on the instruction set or on how
// many threads share the work. A NaN goes through every one of them, ReLU included.
#pragma once

#include <cstdint>

namespace mvsgd::nn::kernels {

/// The most channels that stand side by side in a blocked layout.
constexpr int kMaxLanes = 16;

/// One block of `lanes` channels of an activation in the layout [images][blocks][plane][lanes]
/// (oneDNN's nChw8c and nChw16c); lanes is 8 or 16 and plane is H * W. Data are aligned to 64
/// bytes.
struct ChannelBlock {
  int lanes = 8;
  std::int64_t images = 0;
  std::int64_t plane = 0;
  std::int64_t image_stride = 0;  ///< floats from a block to the same one of the next image
};

/// Mean of each lane, and the sum of squared differences from it. In two passes over chunks that
/// stay in the first-level cache, joined by Chan, Golub and LeVeque's update in double: as exact as
/// two passes over all, for the memory traffic of one. means, squares [lanes]
void moments(const ChannelBlock& block, const float* x, double* means, double* squares);

/// What batch norm does to a value: (x - mean) * scale + shift. Arrays [lanes].
struct Affine {
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  bool relu = false;  ///< max(0, .) of the result, the residual added
};
/// y = affine(x) + residual. `residual` may be null, and then is not added.
void apply(const ChannelBlock& block, const Affine& affine, const float* x, const float* residual,
           float* y);

/// Sums over the block of dv and dv * (x - mean), where dv is dy where ReLU let apply(x) through
/// without a residual. sum_dv, sum_dv_x [lanes]
void gradient_sums(const ChannelBlock& block, const Affine& affine, const float* x, const float* dy,
                   double* sum_dv, double* sum_dv_x);
/// The same where ReLU came after a residual sum: dv is dy + more where y > 0 (or NaN), and is
/// kept, being the residual's gradient. `more` may be null, and then is not added; dv may be dy.
/// mean [lanes]
void residual_gradient_sums(const ChannelBlock& block, const float* mean, const float* x,
                            const float* y, const float* dy, const float* more, float* dv,
                            double* sum_dv, double* sum_dv_x);

/// dx = factor * dv - constant - slope * (x - mean). Each [lanes].
struct InputGradient {
  const float* factor = nullptr;
  const float* constant = nullptr;
  const float* slope = nullptr;
};
/// With affine.relu, dv is dy where ReLU let apply(x) through without a residual, else dy. dx may
/// be x or dy.
void input_gradient(const ChannelBlock& block, const Affine& affine, const InputGradient& gradient,
                    const float* x, const float* dy, float* dx);

/// The sum of x over one image's plane. sums [lanes]
void plane_sum(int lanes, std::int64_t plane, const float* x, float* sums);

}  // namespace mvsgd::nn::kernels
