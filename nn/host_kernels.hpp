// Loops of the backends on the processor: element by element, linear layer and softmax. onednn's
// loops on blocks of channels are in nn/onednn/channel_block.hpp.
//
// The order of a sum depends on the shapes alone, not on the instruction set or the number of
// threads. A NaN passes through every loop.
#pragma once

#include <cstdint>
#include <span>

#include "nn/kernel_types.hpp"

namespace mvsgd::nn::kernels {

// [count] each; y may not overlap the others.

void add(float* y, const float* x, std::int64_t count);  ///< y += x
/// theta -= learning_rate * (gradient + weight_decay * theta), each operation rounded once.
void sgd_step(float* theta, const float* gradient, std::int64_t count, float learning_rate,
              float weight_decay);
/// velocity <- momentum * velocity + g, with g = gradient + weight_decay * theta; then
/// theta -= learning_rate * velocity, or, with Nesterov's, learning_rate * (g + momentum *
/// velocity). Each operation is rounded once.
void momentum_step(float* theta, float* velocity, const float* gradient, std::int64_t count,
                   const MomentumOptions& options);

/// y[n,o] = sum over c of x[n,c] w[o,c], + b[o].   x [rows, inner]   w [columns, inner]
/// Whole groups of 8 channels go into 8 sums, one for each place in a group. To the sum of the
/// channels that are left these are added in order, and the bias last.
void linear(std::int64_t rows, std::int64_t inner, std::int64_t columns, const float* x,
            const float* w, const float* b, float* y);
/// c[i,j] += a[i * row + k * column] b[k,j], for k in order.
///   b [inner, columns]   c [rows, columns]
struct Strides {
  std::int64_t row = 0;
  std::int64_t column = 0;
};
void add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns, const float* a,
                 Strides strides, const float* b, float* c);

/// One row of softmax cross-entropy, in double. Returns the row's loss and sets dlogits to (softmax
/// - one-hot) / count.
double cross_entropy(std::span<const float> logits, std::size_t label, double count,
                     float* dlogits);

/// The mean loss of the rows of logits [labels.size(), classes], and the number of rows whose
/// label's logit is the first of the largest. Sets dlogits to the loss's gradient.
struct RowsLoss {
  double mean = 0;
  std::int64_t correct = 0;
};
RowsLoss cross_entropy(const float* logits, std::int64_t classes,
                       std::span<const std::uint8_t> labels, float* dlogits);

/// dw += dy^T x, db += the sum of dy over its rows.   x [rows, inner]   dy [rows, columns]
void add_linear_gradients(std::int64_t rows, std::int64_t inner, std::int64_t columns,
                          const float* x, const float* dy, float* dw, float* db);

}  // namespace mvsgd::nn::kernels
