// The backend's own kernels: element by element, layouts, pool, linear layer's bias, softmax, SGD.
//
// Each kernel is queued on `stream` and returns. Sums are taken in the order of nn/reference, which
// is the definition: results equal it to the bit where both round each operation once. A NaN passes
// through every kernel. Pointers are to device memory. Results may not overlap arguments unless a
// kernel says so. All throw BackendError if a kernel cannot start.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "nn/image_window.hpp"

namespace mvsgd::nn::cuda::kernels {

/// An activation: plain [images, channels, plane], or NHWC [images, plane, padded].
struct Extents {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t padded = 0;
  std::int64_t plane = 0;

  [[nodiscard]] std::int64_t plain_count() const { return images * channels * plane; }
  [[nodiscard]] std::int64_t nhwc_count() const { return images * plane * padded; }
};
void to_nhwc(const Extents& extents, const float* plain, float* nhwc, cudaStream_t stream);
void to_plain(const Extents& extents, const float* nhwc, float* plain, cudaStream_t stream);

/// Weights: plain [outputs, inputs, taps], or packed [padded outputs, taps, padded inputs] with
/// zeros in the padding.
struct WeightExtents {
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::int64_t taps = 0;
  std::int64_t padded_outputs = 0;
  std::int64_t padded_inputs = 0;

  [[nodiscard]] std::int64_t plain_count() const { return outputs * inputs * taps; }
  [[nodiscard]] std::int64_t packed_count() const { return padded_outputs * taps * padded_inputs; }
};
void pack_weights(const WeightExtents& extents, const float* plain, float* packed,
                  cudaStream_t stream);
/// plain = packed, or plain += packed.
void unpack_weights(const WeightExtents& extents, const float* packed, float* plain, bool add,
                    cudaStream_t stream);

/// Rounds to the nearest bfloat16, ties to even; a NaN stays one.
void round_to_bfloat16(std::int64_t count, const float* from, std::uint16_t* to,
                       cudaStream_t stream);

void add(std::int64_t count, float* y, const float* x, cudaStream_t stream);  ///< y += x
/// dx = dy + more where y > 0 (or NaN), else 0. A null `more` stands for 0; a null y keeps every
/// element. dx may be dy.
void masked_sum(std::int64_t count, const float* dy, const float* more, const float* y, float* dx,
                cudaStream_t stream);

/// Up to four vectors of `channels` elements; null ones are left out.
struct ChannelVectors {
  const float* vector[4] = {};
};
/// packed[k] = vectors[k], or zero where that is null; [4, padded].
void pack_channels(std::int64_t channels, std::int64_t padded, const ChannelVectors& vectors,
                   float* packed, cudaStream_t stream);
/// a = packed[0] and b = packed[1], or += them.   packed [2, padded]   a, b [channels]
void unpack_channels(std::int64_t channels, std::int64_t padded, const float* packed, float* a,
                     float* b, bool add, cudaStream_t stream);

/// y = gamma * ((x - mean) / sqrt(variance + epsilon)) + beta (+ residual), on NHWC activations.
struct AffineArguments {
  const float* packed = nullptr;  ///< gamma, beta, mean, variance, from pack_channels()
  float epsilon = 0;
  const float* residual = nullptr;  ///< may be null
  bool relu = false;
};
void normalize(const Extents& extents, const float* x, const AffineArguments& arguments, float* y,
               cudaStream_t stream);

/// The mean over the plane of NHWC x: y [images, channels].
void average_pool(const Extents& extents, const float* x, float* y, cudaStream_t stream);
void average_pool_backward(const Extents& extents, const float* dy, float* dx, cudaStream_t stream);

/// y[n, o] += b[o].   y [rows, columns]
void add_bias(std::int64_t rows, std::int64_t columns, const float* b, float* y,
              cudaStream_t stream);
/// sums[o] += the sum over n of x[n, o].
void add_column_sums(std::int64_t rows, std::int64_t columns, const float* x, float* sums,
                     cudaStream_t stream);

/// images[n] = window n of its image, each byte mapped by its channel's levels.
constexpr std::int64_t kColors = 3;
constexpr std::int64_t kByteValues = 256;
struct WindowArguments {
  const std::uint8_t* pixels = nullptr;  ///< [image, 3, side, side]
  const float* levels = nullptr;         ///< [3, 256]
  const Window* windows = nullptr;       ///< [count]
};
void cut_windows(std::int64_t count, std::int64_t side, const WindowArguments& arguments,
                 float* images, cudaStream_t stream);

/// For each row: its loss, whether its largest logit (the first of equals) is the label's, and its
/// share of the mean loss's gradient. In double, with CUDA's exp and log.
struct CrossEntropyRows {
  float* dlogits = nullptr;         ///< [rows, classes]
  double* loss = nullptr;           ///< [rows]
  std::uint8_t* correct = nullptr;  ///< [rows], 0 or 1
};
void cross_entropy(std::int64_t rows, std::int64_t classes, const float* logits,
                   const std::uint8_t* labels, const CrossEntropyRows& results,
                   cudaStream_t stream);

void sgd_step(std::int64_t count, float* theta, const float* gradient, float learning_rate,
              float weight_decay, cudaStream_t stream);
void momentum_step(std::int64_t count, float* theta, float* velocity, const float* gradient,
                   float learning_rate, float weight_decay, float momentum, bool nesterov,
                   cudaStream_t stream);

}  // namespace mvsgd::nn::cuda::kernels
