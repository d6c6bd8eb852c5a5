// A worker's whole vote in one pass over memory: Algorithm 1, lines 9 and 10.
#pragma once

#include <cstddef>
#include <span>

#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// e <- (theta_H - theta_0) + e, and the top-K support of the new e. Both equal, to the bit, the
/// results of add_difference(theta_h, theta_0, e) and then top_k_support(e, k, options).
///
///   theta_h, theta_0, e  [d]
///
/// Throws std::invalid_argument if the lengths differ, or as top_k_support does. e is then
/// unchanged, unless a difference is not finite: then e has all differences.
///
/// Cost: three reads and one write of d values, and reads of e if hint and sample mislead.
[[nodiscard]] TopK add_difference_top_k(std::span<const float> theta_h,
                                        std::span<const float> theta_0, std::span<float> e,
                                        std::size_t k, const TopKOptions& options = {});

}  // namespace mvsgd::compress
