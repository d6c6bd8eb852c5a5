// The innermost loop of bfloat16 convolutions: products into a block of results, for any unit of
// tiles_units.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "nn/lanes/tiles_units.hpp"

namespace mvsgd::nn::lanes::detail {

/// Calls body(0), ..., body(Count - 1) with arguments that are constants.
template <int Count, typename Body>
[[gnu::always_inline]] inline void unrolled(const Body& body) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, I>()), ...);
  }
  (std::make_integer_sequence<int, Count>());
}

/// Tiles in memory, `step` bytes apart.
struct Factors {
  const std::byte* at = nullptr;
  std::int64_t step = 0;
};

/// Adds `count` products to each of Lefts x Rights results; result (l, r) is tile l * Rights + r. A
/// result takes its products in order, whatever stands beside it.
template <int Lefts, int Rights, typename Unit>
[[gnu::always_inline]] inline void accumulate(Unit& unit, const std::array<Factors, Lefts>& lefts,
                                              std::int64_t left_row_bytes,
                                              const std::array<Factors, Rights>& rights,
                                              std::int64_t count) {
  static_assert(Lefts <= 2 && Lefts * Rights <= kFirstLeft);
  for (std::int64_t k = 0; k < count; ++k) {
    unrolled<Rights>([&](auto r) __attribute__((always_inline)) {
      constexpr int kRight = kFirstRight + r % 2;
      unit.template load<kRight>(rights[r].at + k * rights[r].step, kRowBytes);
      unrolled<Lefts>([&](auto l) __attribute__((always_inline)) {
        if constexpr (r == 0) {
          unit.template load<kFirstLeft + l>(lefts[l].at + k * lefts[l].step, left_row_bytes);
        }
        unit.template product<l * Rights + r, kFirstLeft + l, kRight>();
      });
    });
  }
}

}  // namespace mvsgd::nn::lanes::detail
