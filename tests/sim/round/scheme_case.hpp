// The schemes with which groups are run, and how their results are compared.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <ostream>
#include <span>
#include <string_view>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// A scheme, its bits per value, whether the error of quantisation is fed back, its momentum, and
/// the bits per value of what the server sends.
struct SchemeCase {
  const char* name;
  std::string_view scheme;
  std::uint32_t q = 32;
  bool quantization_error = true;
  double momentum = 0;
  bool nesterov = false;
  bool momentum_correction = false;
  std::uint32_t aggregate_q = 32;
};

inline std::ostream& operator<<(std::ostream& out, const SchemeCase& c) { return out << c.name; }

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

}  // namespace mvsgd::sim
