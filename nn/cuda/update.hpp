// A worker's operators on flat arrays that stay on the device: the difference and its error memory,
// the support of the top-K operator, values under a mask, and the fractional quantiser.
//
// Each gives the bits of compress/, which defines them: sums and products are rounded once each in
// the order written, and sets do not depend on how threads share the work. A worker whose theta and
// e are on the device calls them between its last local step and its vote, and when the mask has
// come; what crosses to the host is what is sent. Pointers are to device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/cuda/runtime.hpp"

namespace mvsgd::nn::cuda {

/// e <- (theta_h - theta_0) + e, elementwise: Algorithm 1 line 9. All [d].
void add_difference(std::int64_t d, const float* theta_h, const float* theta_0, float* e,
                    cudaStream_t stream);

/// values[j] = x[mask[j]].   mask, values [count]
void gather(std::int64_t count, const float* x, const std::uint32_t* mask, float* values,
            cudaStream_t stream);
/// e[mask[j]] <- e[mask[j]] - sent[j]: Algorithm 1 line 22. No index twice.
void subtract_sent(std::int64_t count, const std::uint32_t* mask, const float* sent, float* e,
                   cudaStream_t stream);
/// y[mask[j]] <- y[mask[j]] + values[j]. No index twice.
void scatter_add(std::int64_t count, const std::uint32_t* mask, const float* values, float* y,
                 cudaStream_t stream);

/// The support of the top-K operator: the k coordinates of x of largest magnitude, of equals the
/// lower index first; in increasing order.
///
/// By radix: the magnitudes' 31 bits in digits of 11, 11 and 9, whose histograms give the K-th
/// largest magnitude; then each tile of x counts what is above and what equals it, and writes
/// behind the tiles before it. Five reads of x.
class TopKSelection {
 public:
  /// For arrays of d values. Throws std::invalid_argument unless 0 <= d < 2^32.
  TopKSelection(std::shared_ptr<const Stream> stream, std::int64_t d);

  /// Throws std::invalid_argument if k > d or if x holds a NaN or an infinity.
  [[nodiscard]] std::vector<std::uint32_t> support(const float* x, std::int64_t k) const;

 private:
  std::shared_ptr<const Stream> stream_;
  std::int64_t d_;
  DeviceBuffer state_;
  DeviceBuffer histogram_;
  DeviceBuffer above_;  // of each tile
  DeviceBuffer equal_;
};

/// What the boundaries of eq 18's levels are made from.
struct Extremes {
  float v_max = 0;  ///< the largest |v_i|
  float v_min = 0;  ///< the smallest that is not 0; 0 if there is none
};
/// Throws std::invalid_argument if v holds a NaN or an infinity.
[[nodiscard]] Extremes extremes(const std::shared_ptr<const Stream>& stream, std::int64_t count,
                                const float* v);

/// The codes and the level means of eq 18 as compress::FractionalQuantizer has them, for its
/// boundaries b_0, ..., b_(L-1), L <= 128.
///
/// A level's magnitudes are summed in increasing index by one thread, as its mean is defined by
/// that order; the levels side by side.
struct QuantizedValues {
  std::vector<std::uint8_t> codes;  ///< [count]
  std::vector<float> magnitudes;    ///< [L]
};
[[nodiscard]] QuantizedValues quantize(const std::shared_ptr<const Stream>& stream,
                                       std::int64_t count, const float* v,
                                       const std::vector<double>& boundaries);

}  // namespace mvsgd::nn::cuda
