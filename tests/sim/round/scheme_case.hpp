// The schemes that groups are run with, and what their results are compared by.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <ostream>
#include <span>
#include <string_view>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// A scheme, the bits of its values, and whether the error of quantising them is fed back.
struct SchemeCase {
  const char* name;
  std::string_view scheme;
  std::uint32_t q = 32;
  bool quantization_error = true;
};

inline std::ostream& operator<<(std::ostream& out, const SchemeCase& c) { return out << c.name; }

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

}  // namespace mvsgd::sim
