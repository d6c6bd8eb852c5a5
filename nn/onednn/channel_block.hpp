// Loops on blocks of channels in the layout of activations: batch norm forward and backward, with
// ReLU and the residual sum in the same passes, and the pool's sums.
//
// The order of a sum depends on the shapes alone, not on the instruction set or the number of
// threads. A NaN passes through every loop, ReLU included.
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

/// The mean of each lane, and the sum of squared differences from it. They are taken in two passes
/// over chunks that stay in the first-level cache, and joined in double by the update of Chan,
/// Golub and LeVeque. This is as exact as two passes over all, for the memory traffic of one.
/// means, squares [lanes]
void moments(const ChannelBlock& block, const float* x, double* means, double* squares);

/// The map by which batch norm changes a value: (x - mean) * scale + shift. Arrays [lanes].
struct Affine {
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  bool relu = false;  ///< max(0, .) of the result, the residual added
};
/// y = affine(x) + residual. `residual` may be null, for none.
void apply(const ChannelBlock& block, const Affine& affine, const float* x, const float* residual,
           float* y);

/// The sums over the block of dv and of dv * (x - mean). There is no residual: dv is dy where ReLU
/// let apply(x) through, else 0. sum_dv, sum_dv_x [lanes]
void gradient_sums(const ChannelBlock& block, const Affine& affine, const float* x, const float* dy,
                   double* sum_dv, double* sum_dv_x);
/// The same if ReLU came after a residual sum: dv is dy + more where y > 0 (or NaN), else 0. dv is
/// kept, since it is the residual's gradient. `more` may be null, for none; dv may be dy. mean
/// [lanes]
void residual_gradient_sums(const ChannelBlock& block, const float* mean, const float* x,
                            const float* y, const float* dy, const float* more, float* dv,
                            double* sum_dv, double* sum_dv_x);

/// dx = factor * dv - constant - slope * (x - mean). Each [lanes].
struct InputGradient {
  const float* factor = nullptr;
  const float* constant = nullptr;
  const float* slope = nullptr;
};
/// With affine.relu, dv is dy where ReLU let apply(x) through without a residual, else 0; otherwise
/// dv is dy. dx may be x or dy.
void input_gradient(const ChannelBlock& block, const Affine& affine, const InputGradient& gradient,
                    const float* x, const float* dy, float* dx);

/// The sum of x over one image's plane. sums [lanes]
void plane_sum(int lanes, std::int64_t plane, const float* x, float* sums);

}  // namespace mvsgd::nn::kernels
