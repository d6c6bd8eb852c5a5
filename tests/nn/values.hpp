// Values in and out of tensors, seeded values, and a comparison that says where it fails.
#pragma once

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/backend.hpp"

namespace mvsgd::nn::testing {

inline Tensor make(Backend& backend, const Shape& shape, const std::vector<float>& values) {
  Tensor x = backend.allocate(shape);
  backend.write(x, values);
  return x;
}

inline std::vector<float> read(Backend& backend, const Tensor& x) {
  std::vector<float> values(static_cast<std::size_t>(elements(x.shape)));
  backend.read(x, values);
  return values;
}

/// Uniform in (-1, 1), with 24 bits.
inline std::vector<float> uniform(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = r123::Philox4x64()({{0, 0, i, 0}}, {{seed, 0}})[0] >> 40U;
    values[i] = (static_cast<float>(bits) + 0.5F) * 0x1p-23F - 1.0F;
  }
  return values;
}

/// Integers in [-3, 3].
inline std::vector<float> small_integers(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values = uniform(count, seed);
  for (float& value : values) value = std::round(3.4F * value);
  return values;
}

inline std::vector<std::uint8_t> labels(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint8_t> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<std::uint8_t>(r123::Philox4x64()({{1, 0, i, 0}}, {{seed, 0}})[0] % 10);
  }
  return values;
}

/// Whether |got[i] - want[i]| <= bound(i) for every i. If not, says how many differ, and the worst.
template <typename Got, typename Want, typename Bound>
::testing::AssertionResult all_near(const std::vector<Got>& got, const std::vector<Want>& want,
                                    Bound bound) {
  if (got.size() != want.size()) {
    return ::testing::AssertionFailure() << got.size() << " values, not " << want.size();
  }
  std::size_t differ = 0;
  std::size_t worst = 0;
  double worst_excess = -1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (difference <= bound(i)) continue;  // a NaN is never near
    ++differ;
    const double excess = std::isnan(difference) ? HUGE_VAL : difference / bound(i);
    if (excess > worst_excess) {
      worst = i;
      worst_excess = excess;
    }
  }
  if (differ == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << differ << " of " << got.size() << " differ; worst at [" << worst << "]: " << got[worst]
         << ", not " << want[worst] << " within " << bound(worst);
}

template <typename Got, typename Want>
::testing::AssertionResult all_near(const std::vector<Got>& got, const std::vector<Want>& want,
                                    double bound) {
  return all_near(got, want, [bound](std::size_t) { return bound; });
}

}  // namespace mvsgd::nn::testing
