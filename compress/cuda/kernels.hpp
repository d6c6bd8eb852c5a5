// The kernels of a worker's operators on a device: the difference and its error memory, the support
// of the top-K operator, values under a mask, and the fractional quantiser.
//
// The functions of compress/ define them, and each kernel gives the same bits: sums and products
// are rounded once each, in the order written, and sets do not depend on how threads share the
// work. Pointers are to device memory unless a kernel says otherwise. This header is for sources of
// C++17 too.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "compress/select/index.hpp"
#include "nn/cuda/runtime.hpp"

namespace mvsgd::compress::cuda {

using nn::cuda::Stream;

/// e <- (theta_h - theta_0) + e, elementwise: Algorithm 1 line 9. All [d].
void add_difference(std::int64_t d, const float* theta_h, const float* theta_0, float* e,
                    cudaStream_t stream);

void scale(std::int64_t d, float factor, float* x, cudaStream_t stream);

/// values[j] = x[mask[j]].   mask, values [count]
void gather(std::int64_t count, const float* x, const Index* mask, float* values,
            cudaStream_t stream);
/// e[mask[j]] <- e[mask[j]] - sent[j]: Algorithm 1 line 22. No index may occur twice.
void subtract_sent(std::int64_t count, const Index* mask, const float* sent, float* e,
                   cudaStream_t stream);
/// y[mask[j]] <- y[mask[j]] + values[j]. No index may occur twice.
void scatter_add(std::int64_t count, const Index* mask, const float* values, float* y,
                 cudaStream_t stream);

/// The first i with x[i] NaN or infinite; d if there is none.
[[nodiscard]] std::int64_t first_not_finite(const std::shared_ptr<const Stream>& stream,
                                            std::int64_t d, const float* x);

/// The support of the top-K operator, in `support` [k] on the host. Returns the k-th magnitude, 0
/// if k = 0.
///
/// By radix. The 31 bits of a magnitude are digits of 11, 11 and 9 bits, whose histograms give the
/// K-th largest magnitude. Then each tile of x counts its coordinates above that and equal to it,
/// and writes them after those of the tiles before. Five reads of x.
///
/// Throws std::invalid_argument if k > d or d >= 2^32, or if x holds a NaN or an infinity.
[[nodiscard]] float top_k(const std::shared_ptr<const Stream>& stream, std::int64_t d,
                          const float* x, std::int64_t k, Index* support);

/// {v_max, v_min}, from which the boundaries of eq 18's levels are made: the largest |v_i|, and the
/// smallest that is not 0; both are 0 if there is none. Throws std::invalid_argument if v has a NaN
/// or an infinity.
[[nodiscard]] std::array<float, 2> extremes(const std::shared_ptr<const Stream>& stream,
                                            std::int64_t count, const float* v);

/// The codes [count] and the level means [L] of eq 18, on the host, as FractionalQuantizer gives
/// them. `boundaries` are the b_0, ..., b_(L-1) that it makes from v's extremes, with L a power of
/// two from 2 to 128.
///
/// A mean is defined by a sum in increasing index. Unless magnitudes are very far apart, sums are
/// exact in double in any order, and all blocks add. Otherwise one thread a level adds in that
/// order.
void quantize(const std::shared_ptr<const Stream>& stream, std::int64_t count, const float* v,
              const std::array<float, 2>& extremes, const std::vector<double>& boundaries,
              std::uint8_t* codes, float* means);

}  // namespace mvsgd::compress::cuda
