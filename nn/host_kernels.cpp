#include "nn/host_kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "nn/exp_log.hpp"

// Each kernel is compiled for several instruction sets, and the processor's best is taken when the
// program starts. All of them compute the same bits, by -ffp-contract=off and the fixed order.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define MVSGD_KERNEL [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define MVSGD_KERNEL
#endif

namespace mvsgd::nn::kernels {
namespace {

// A row of the linear layer is summed in this many sums, so that an addition need not wait for the
// one before.
constexpr std::int64_t kSums = 8;

}  // namespace

MVSGD_KERNEL void add(float* __restrict y, const float* __restrict x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
}

MVSGD_KERNEL void sgd_step(float* __restrict theta, const float* __restrict gradient,
                           std::int64_t count, float learning_rate, float weight_decay) {
  for (std::int64_t i = 0; i < count; ++i) {
    theta[i] -= learning_rate * (gradient[i] + weight_decay * theta[i]);
  }
}

MVSGD_KERNEL void momentum_step(float* __restrict theta, float* __restrict velocity,
                                const float* __restrict gradient, std::int64_t count,
                                const MomentumOptions& options) {
  const auto [learning_rate, weight_decay, momentum, nesterov] = options;
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] + weight_decay * theta[i];
    const float v = momentum * velocity[i] + g;
    velocity[i] = v;
    theta[i] -= learning_rate * (nesterov ? g + momentum * v : v);
  }
}

MVSGD_KERNEL void linear(std::int64_t rows, std::int64_t inner, std::int64_t columns,
                         const float* x, const float* w, const float* b, float* y) {
  for (std::int64_t n = 0; n < rows; ++n) {
    for (std::int64_t o = 0; o < columns; ++o) {
      const float* row = x + n * inner;
      const float* weights = w + o * inner;
      std::array<float, kSums> sums{};
      std::int64_t c = 0;
      for (; c + kSums <= inner; c += kSums) {
        for (std::int64_t l = 0; l < kSums; ++l) {
          sums[static_cast<std::size_t>(l)] += row[c + l] * weights[c + l];
        }
      }
      float sum = 0;
      for (; c < inner; ++c) sum += row[c] * weights[c];
      for (const float part : sums) sum += part;
      y[n * columns + o] = sum + b[o];
    }
  }
}

MVSGD_KERNEL void add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns,
                              const float* __restrict a, Strides strides, const float* __restrict b,
                              float* __restrict c) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < inner; ++k) {
      const float factor = a[i * strides.row + k * strides.column];
      for (std::int64_t j = 0; j < columns; ++j) c[i * columns + j] += factor * b[k * columns + j];
    }
  }
}

double cross_entropy(std::span<const float> logits, std::size_t label, double count,
                     float* dlogits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  const auto power = [largest](float logit) { return exact_order_exp(logit - largest); };
  double sum = 0;
  for (const float logit : logits) sum += power(logit);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double target = i == label ? 1.0 : 0.0;
    dlogits[i] = static_cast<float>((power(logits[i]) / sum - target) / count);
  }
  return exact_order_log(sum) - (logits[label] - largest);
}

RowsLoss cross_entropy(const float* logits, std::int64_t classes,
                       std::span<const std::uint8_t> labels, float* dlogits) {
  const auto count = static_cast<double>(labels.size());
  RowsLoss loss;
  for (const std::uint8_t label : labels) {
    if (std::max_element(logits, logits + classes) == logits + label) ++loss.correct;
    loss.mean += cross_entropy({logits, static_cast<std::size_t>(classes)}, label, count, dlogits);
    logits += classes;
    dlogits += classes;
  }
  loss.mean /= count;
  return loss;
}

void add_linear_gradients(std::int64_t rows, std::int64_t inner, std::int64_t columns,
                          const float* x, const float* dy, float* dw, float* db) {
  const float one = 1;
  add_product(columns, rows, inner, dy, {.row = 1, .column = columns}, x, dw);
  add_product(1, rows, columns, &one, {}, dy, db);
}

}  // namespace mvsgd::nn::kernels
