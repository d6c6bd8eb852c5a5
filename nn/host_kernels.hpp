// The loops that oneDNN leaves to this backend: element by element and the linear layer; those on
// blocks of channels are in channel_block.hpp.
//
// Sums are taken in an order that depends on the shapes alone, not on the instruction set or on how
// many threads share the work. A NaN goes through every one of them.
#pragma once

#include <cstdint>
#include <span>

namespace mvsgd::nn::kernels {

// [count] each; y may not overlap the others.

void add(float* y, const float* x, std::int64_t count);  ///< y += x
/// theta -= learning_rate * (gradient + weight_decay * theta), each operation rounded once.
void sgd_step(float* theta, const float* gradient, std::int64_t count, float learning_rate,
              float weight_decay);

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

/// The mean loss of rows of logits [labels.size(), classes], and how many have their label's logit
/// as the first of the largest; sets dlogits to the loss's gradient.
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
