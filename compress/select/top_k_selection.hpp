// How a top-K support is selected: the pass that collects candidates and what is between passes.
// Private: top_k.cpp and difference_top_k.cpp are its users.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compress/select/isa.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// |x| as an integer of the same order: IEEE 754 magnitudes compare as their bits do. Signed,
/// because every vector unit compares signed integers.
using Magnitude = std::int32_t;
inline constexpr Magnitude kInfinity = 0x7f800000;  // and NaNs above it

/// What is ranked: x as it stands.
struct Plain {
  const float* x;
};

/// What is ranked: (theta_H - theta_0) + e, which a pass also writes to e.
struct Difference {
  const float* theta_h;
  const float* theta_0;
  float* e;
};

/// Coordinates in increasing order with their magnitudes, in somebody else's arrays.
struct Candidates {
  Index* index;
  Magnitude* magnitude;
  std::size_t capacity;
  std::size_t count;
};

/// Coordinates that a pass looks at together; no pass writes to Candidates with room for fewer.
inline constexpr std::size_t kBlock = 64;

template <Isa Path, typename Source>
struct Kernel {
  /// Appends the coordinates of [begin, end) whose magnitude is above `floor`. Returns end, or the
  /// coordinate before which there was no room for a whole block.
  static std::size_t collect(const Source& source, std::size_t begin, std::size_t end,
                             Magnitude floor, Candidates& to);
};

/// The support of the d values of `source`, 0 < d < 2^32, k <= d. Throws std::invalid_argument in
/// the name of `who` for options that cannot be, before any pass, and for a value that is not
/// finite, after a whole one.
template <typename Source>
[[nodiscard]] TopK select(const char* who, const Source& source, std::size_t d, std::size_t k,
                          const TopKOptions& options);

/// Throws std::invalid_argument in the name of `who` unless k <= d < 2^32.
void check_top_k(const char* who, std::size_t d, std::size_t k);

[[noreturn]] void throw_not_finite(const char* who, std::size_t i, float value);

}  // namespace mvsgd::compress
