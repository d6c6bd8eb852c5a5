// The selection of a top-K support: the pass that collects candidates, and the work between passes.
// Private to top_k.cpp and difference_top_k.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compress/select/isa.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// |x| as an integer of the same order: IEEE 754 magnitudes compare as their bits do. Signed,
/// because every vector unit compares signed integers.
using Magnitude = std::int32_t;
inline constexpr Magnitude kInfinity = 0x7f800000;  // NaNs are above it

/// A vector to rank: x itself.
struct Plain {
  const float* x;
};

/// A vector to rank: (theta_H - theta_0) + e, which a pass also writes to e.
struct Difference {
  const float* theta_h;
  const float* theta_0;
  float* e;
};

/// Coordinates in increasing order, with their magnitudes. The arrays belong to somebody else.
struct Candidates {
  Index* index;
  Magnitude* magnitude;
  std::size_t capacity;
  std::size_t count;
};

/// The number of coordinates that a pass takes together. No pass writes to Candidates with less
/// room.
inline constexpr std::size_t kBlock = 64;

template <Isa Path, typename Source>
struct Kernel {
  /// Appends the coordinates of [begin, end) whose magnitude is above `floor`. Returns end, or the
  /// first coordinate for which there was no room for a whole block.
  static std::size_t collect(const Source& source, std::size_t begin, std::size_t end,
                             Magnitude floor, Candidates& to);
};

/// The support of the d values of `source`, 0 < d < 2^32, k <= d. Throws std::invalid_argument in
/// the name of `who`: before any pass for impossible options, and after a whole pass for a value
/// that is not finite.
template <typename Source>
[[nodiscard]] TopK select(const char* who, const Source& source, std::size_t d, std::size_t k,
                          const TopKOptions& options);

/// Throws std::invalid_argument in the name of `who` unless k <= d < 2^32.
void check_top_k(const char* who, std::size_t d, std::size_t k);

[[noreturn]] void throw_not_finite(const char* who, std::size_t i, float value);

}  // namespace mvsgd::compress
