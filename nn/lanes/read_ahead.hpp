// Reading in order what is about to be read out of order.
#pragma once

#include <cstdint>

namespace mvsgd::nn::lanes {

/// One float of each line of the cache. The processor foresees reading in order and has the next
/// lines fetched; reading by tiles or by channels it does not, and asking for lines one by one
/// (__builtin_prefetch) was measured to gain nothing.
[[gnu::always_inline]] inline void read_ahead(const float* x, std::int64_t floats) {
  constexpr std::int64_t kLine = 16;
  for (std::int64_t i = 0; i < floats; i += kLine) {
    static_cast<void>(*static_cast<const volatile float*>(x + i));
  }
}

}  // namespace mvsgd::nn::lanes
