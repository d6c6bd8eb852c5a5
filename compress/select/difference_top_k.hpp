// A worker's whole vote in one pass over memory: Algorithm 1, lines 9 and 10.
#pragma once

#include <cstddef>
#include <span>

#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// e <- (theta_H - theta_0) + e, and the top-K support of what e then holds: to the bit what
/// add_difference(theta_h, theta_0, e) and then top_k_support(e, k, options) leave and return.
///
///   theta_h, theta_0, e  [d]
///
/// Throws std::invalid_argument if the lengths differ or as top_k_support does; e is as it was,
/// unless a difference is not finite: then all of them are in e.
///
/// Cost: three reads and one write of d values; where hint and sample mislead, reads of e follow.
[[nodiscard]] TopK add_difference_top_k(std::span<const float> theta_h,
                                        std::span<const float> theta_0, std::span<float> e,
                                        std::size_t k, const TopKOptions& options = {});

}  // namespace mvsgd::compress
