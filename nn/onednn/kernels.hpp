// The loops that oneDNN leaves to this backend, or does in more passes: element by element, batch
// norm, pool, linear layer.
//
// Sums are taken in an order that depends on the shapes alone, not on the instruction set or on how
// many threads share the work. A NaN goes through every one of them, ReLU included.
#pragma once

#include <cstdint>
#include <span>

namespace mvsgd::nn::kernels {

// [count] each; y may not overlap the others.

void add(float* y, const float* x, std::int64_t count);  ///< y += x
void add_relu(const float* a, const float* b, float* y, std::int64_t count);
void relu(const float* x, float* y, std::int64_t count);
/// dx = dy where y > 0 (or NaN), else 0.
void relu_backward(const float* dy, const float* y, float* dx, std::int64_t count);
/// theta -= learning_rate * (gradient + weight_decay * theta), each operation rounded once.
void sgd_step(float* theta, const float* gradient, std::int64_t count, float learning_rate,
              float weight_decay);

/// The most channels that stand side by side in a blocked layout.
constexpr int kMaxLanes = 16;

/// One block of `lanes` channels of an activation in the layout [images][blocks][plane][lanes]
/// (oneDNN's nChw8c and nChw16c); lanes is 8 or 16 and plane is H * W.
struct ChannelBlock {
  int lanes = 8;
  std::int64_t images = 0;
  std::int64_t plane = 0;
  std::int64_t image_stride = 0;  ///< floats from a block to the same one of the next image
};

/// Mean of each lane, and the sum of squared differences from it. Image by image, in two passes
/// over a plane that stays in cache, and joined by Chan, Golub and LeVeque's update in double: as
/// exact as two passes over all, for the memory traffic of one. means, squares [lanes]
void moments(const ChannelBlock& block, const float* x, double* means, double* squares);

/// What batch norm does to a value: (x - mean) * scale + shift, then ReLU if `relu`. Each [lanes].
struct Affine {
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  bool relu = false;
};
void apply(const ChannelBlock& block, const Affine& affine, const float* x, float* y);

/// Sums over the block of dv and dv * (x - mean), where dv is dy where ReLU let apply(x) through.
/// sum_dv, sum_dv_x [lanes]
void gradient_sums(const ChannelBlock& block, const Affine& affine, const float* x, const float* dy,
                   double* sum_dv, double* sum_dv_x);
/// dx = factor * dv - constant - slope * (x - mean). Each [lanes].
struct InputGradient {
  const float* factor = nullptr;
  const float* constant = nullptr;
  const float* slope = nullptr;
};
void input_gradient(const ChannelBlock& block, const Affine& affine, const InputGradient& gradient,
                    const float* x, const float* dy, float* dx);

/// The sum of x over one image's plane. sums [lanes]
void plane_sum(int lanes, std::int64_t plane, const float* x, float* sums);

/// y[n,o] = sum over c of x[n,c] w[o,c], + b[o].   x [rows, inner]   w [columns, inner]
void linear(std::int64_t rows, std::int64_t inner, std::int64_t columns, const float* x,
            const float* w, const float* b, float* y);
/// c[i,j] += sum over k of a[i * row + k * column] b[k,j].   b [inner, columns]   c [rows, columns]
struct Strides {
  std::int64_t row = 0;
  std::int64_t column = 0;
};
void add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns, const float* a,
                 Strides strides, const float* b, float* c);

/// One row of softmax cross-entropy, in double: returns its loss, and sets dlogits to
/// (softmax - one-hot) / count.
double cross_entropy(std::span<const float> logits, std::size_t label, double count,
                     float* dlogits);

}  // namespace mvsgd::nn::kernels
