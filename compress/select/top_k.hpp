// S_top, the top-K operator of eqs 6 and 9.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compress/select/index.hpp"
#include "compress/select/isa.hpp"

namespace mvsgd::compress {

/// The support of the top-K operator: the k coordinates of `x` of largest magnitude.
///
/// Which. i goes before j when |x[i]| > |x[j]|, or when the two are equal and i < j. That is a
/// total order, so the answer is one set, the same for every backend and run. Workers that vote on
/// supports depend on it.
///
/// In what order. Increasing index, as BlockPositionCodec takes it.
///
///   x        [d], finite
///   k        0 <= k <= d
///   returns  [k], strictly increasing, each in [0, d)
///
/// Throws std::invalid_argument if k > d or d >= 2^32. Also if some x[i] is NaN or infinite, naming
/// the first such i: a diverged gradient says something about the run, and must not be ranked.
///
/// Cost: O(d) time; see compress/README.md.
[[nodiscard]] std::vector<Index> top_k_support(std::span<const float> x, std::size_t k);

/// Options of top_k_support. They affect only the time, not the support.
struct TopKOptions {
  /// An estimate of the k-th magnitude, such as the last round's. It is ignored unless positive and
  /// finite; a sample of x then takes its place.
  float hint = 0.0F;
  Isa isa = best_isa();
};

struct TopK {
  std::vector<Index> support;
  float magnitude = 0.0F;  ///< the k-th magnitude, the next round's hint; 0 if k = 0
  unsigned reads = 0;      ///< reads of all of x, 0 to 3: 1 unless hint or sample misled
};

/// The same support, with the hint for the next round.
///
/// Throws std::invalid_argument also if options.isa is not supported.
///
/// Cost: 8 min(d, 2k + 4096) bytes of scratch, touched only as candidates need it.
[[nodiscard]] TopK top_k_support(std::span<const float> x, std::size_t k,
                                 const TopKOptions& options);

/// The definition of top_k_support: sort all coordinates, keep the first k. O(d log d). For tests.
[[nodiscard]] std::vector<Index> top_k_support_by_sorting(std::span<const float> x, std::size_t k);

}  // namespace mvsgd::compress
