// A worker's operators on flat arrays that stay on the device: the difference and its error memory,
// the support of the top-K operator, values under a mask, and the fractional quantiser.
//
// Each gives the bits of compress/, which defines them: sums and products are rounded once each in
// the order written, and sets do not depend on how threads share the work. A worker whose theta and
// e are on the device calls them between its last local step and its vote, and when the mask has
// come; what crosses to the host is what is sent. Pointers are to device memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/cuda/runtime.hpp"
#include "nn/flat_results.hpp"

namespace mvsgd::nn::cuda {

/// e <- (theta_h - theta_0) + e, elementwise: Algorithm 1 line 9. All [d].
void add_difference(std::int64_t d, const float* theta_h, const float* theta_0, float* e,
                    cudaStream_t stream);

void scale(std::int64_t d, float factor, float* x, cudaStream_t stream);

/// values[j] = x[mask[j]].   mask, values [count]
void gather(std::int64_t count, const float* x, const std::uint32_t* mask, float* values,
            cudaStream_t stream);
/// e[mask[j]] <- e[mask[j]] - sent[j]: Algorithm 1 line 22. No index twice.
void subtract_sent(std::int64_t count, const std::uint32_t* mask, const float* sent, float* e,
                   cudaStream_t stream);
/// y[mask[j]] <- y[mask[j]] + values[j]. No index twice.
void scatter_add(std::int64_t count, const std::uint32_t* mask, const float* values, float* y,
                 cudaStream_t stream);

/// The first i where x[i] is NaN or infinite; d if there is none.
[[nodiscard]] std::int64_t first_not_finite(const std::shared_ptr<const Stream>& stream,
                                            std::int64_t d, const float* x);

/// As FlatOperators::top_k().
///
/// By radix: the magnitudes' 31 bits in digits of 11, 11 and 9, whose histograms give the K-th
/// largest magnitude; then each tile of x counts what is above and what equals it, and writes
/// behind the tiles before it. Five reads of x.
///
/// Throws std::invalid_argument if k > d or d >= 2^32, or if x holds a NaN or an infinity.
[[nodiscard]] Largest top_k(const std::shared_ptr<const Stream>& stream, std::int64_t d,
                            const float* x, std::int64_t k);

/// Throws std::invalid_argument if v holds a NaN or an infinity.
[[nodiscard]] Extremes extremes(const std::shared_ptr<const Stream>& stream, std::int64_t count,
                                const float* v);

/// The codes and the level means of eq 18 as compress::FractionalQuantizer has them, for its
/// boundaries b_0, ..., b_(L-1), L <= 128.
///
/// A mean is defined by a sum in increasing index. Where sums are exact in double whatever their
/// order, as they are unless magnitudes are very far apart, all blocks add; where they are not, one
/// thread a level adds in that order.
[[nodiscard]] LevelCodes quantize(const std::shared_ptr<const Stream>& stream, std::int64_t count,
                                  const float* v, const Extremes& extremes,
                                  const std::vector<double>& boundaries);

}  // namespace mvsgd::nn::cuda
