#include "compress/values/fractional_quantizer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace mvsgd::compress {
namespace {

constexpr unsigned kMostBits = 8;
constexpr std::size_t kMostLevels = std::size_t{1} << (kMostBits - 1);

std::size_t levels(unsigned value_bits) { return std::size_t{1} << (value_bits - 1); }

// |x| as an integer of the same order.
std::uint32_t magnitude(float x) { return std::bit_cast<std::uint32_t>(x) & 0x7fffffff; }

// The magnitude of the largest float that is at most b, 0 <= b <= the largest float.
std::uint32_t float_at_most(double b) {
  const auto nearest = static_cast<float>(b);
  return magnitude(nearest) - (nearest > b ? 1 : 0);
}

std::uint8_t code(std::size_t level_from_0, float x, unsigned value_bits) {
  const unsigned sign = x < 0 ? 1 : 0;
  return static_cast<std::uint8_t>(level_from_0 | sign << (value_bits - 1));
}

// Level - 1 of a magnitude m: the number of thresholds[1..] that it does not exceed. Thresholds
// fall.
class LevelSearch {
 public:
  explicit LevelSearch(std::span<const std::uint32_t> thresholds) : thresholds_(thresholds) {}

  // Bit by bit, and without branches, since no predictor can learn them.
  std::size_t operator()(std::uint32_t m) const {
    std::size_t level = 0;
    for (std::size_t step = thresholds_.size() / 2; step > 0; step /= 2) {
      level += m <= thresholds_[level + step] ? step : 0;
    }
    return level;
  }

 private:
  std::span<const std::uint32_t> thresholds_;
};

// The same by one comparison. The bits of a float rise nearly with its logarithm, in which levels
// are equally wide. So a table of a few equal buckets a level has at most one threshold a bucket.
class LevelTable {
 public:
  // False if some thresholds are too near each other, as among denormals or if all are equal.
  static bool fits(std::span<const std::uint32_t> thresholds) {
    const std::uint32_t distance = smallest_distance(thresholds);
    return distance > 0 && buckets(thresholds, shift(distance)) <= kMostBuckets;
  }

  explicit LevelTable(std::span<const std::uint32_t> thresholds)
      : shift_(shift(smallest_distance(thresholds))), first_(thresholds.back() >> shift_) {
    std::size_t above = 0;  // thresholds in later buckets
    for (std::size_t bucket = buckets(thresholds, shift_); bucket-- > 0;) {
      entries_[bucket] = {.threshold = 0, .above = static_cast<std::uint32_t>(above)};
      if (above + 1 < thresholds.size() && thresholds[above + 1] >> shift_ == first_ + bucket) {
        entries_[bucket].threshold = thresholds[++above];
      }
    }
  }

  std::size_t operator()(std::uint32_t m) const {
    const Entry& entry = entries_[std::max(m >> shift_, first_) - first_];
    return entry.above + (m <= entry.threshold ? 1 : 0);
  }

 private:
  static constexpr std::size_t kMostBuckets = 1024;

  static std::uint32_t smallest_distance(std::span<const std::uint32_t> thresholds) {
    std::uint32_t distance = 0x7fffffff;
    for (std::size_t l = 2; l < thresholds.size(); ++l) {
      distance = std::min(distance, thresholds[l - 1] - thresholds[l]);
    }
    return distance;
  }

  // The log2 of a bucket's width. A width is at most `distance`, so no two thresholds share a
  // bucket.
  static unsigned shift(std::uint32_t distance) {
    return static_cast<unsigned>(std::bit_width(distance)) - 1;
  }

  static std::size_t buckets(std::span<const std::uint32_t> thresholds, unsigned shift) {
    return (thresholds.front() >> shift) - (thresholds.back() >> shift) + std::size_t{1};
  }

  struct Entry {
    std::uint32_t threshold;  // in this bucket, else 0: only 0, in the first bucket, is <= 0
    std::uint32_t above;
  };

  unsigned shift_;
  std::uint32_t first_;
  std::array<Entry, kMostBuckets> entries_;
};

// Whether the sum of up to `count` magnitudes of a level is exact in double, in any order. All of
// them are multiples of the last place of the smallest, which is more than 2^-24 of it. So their
// sum is exact if no sum of them passes 2^53 of these units. Half of that allows for the rounding
// of the boundaries.
bool is_exact(std::span<const double> boundaries, double v_min, std::size_t count) {
  for (std::size_t l = 1; l <= boundaries.size(); ++l) {
    const double least = l < boundaries.size() ? boundaries[l] : v_min;
    if (boundaries[l - 1] * static_cast<double>(count) > 0x1p28 * least) return false;
  }
  return true;
}

float mean(double sum, std::size_t count) {
  return count == 0 ? 0.0F : static_cast<float>(sum / static_cast<double>(count));
}

constexpr std::size_t kChunk = 256;
constexpr std::size_t kLanes = 4;

// The sums of the levels. Exact sums are the same in any order: then there are kLanes sums side by
// side, each of every kLanes-th value, so that an addition need not wait for the last one of its
// level.
class Sums {
 public:
  template <std::size_t Lanes>
  void add(std::span<const float> v, const std::array<std::uint16_t, kChunk>& level) {
    for (std::size_t i = 0; i < v.size(); ++i) {
      Level& its = levels_[i % Lanes][level[i]];
      its.sum += std::fabs(v[i]);
      ++its.count;
    }
  }

  [[nodiscard]] float mean_of(std::size_t level) const {
    Level all;
    for (const auto& lane : levels_) {
      all.sum += lane[level].sum;
      all.count += lane[level].count;
    }
    return mean(all.sum, all.count);
  }

 private:
  struct Level {
    double sum = 0;
    std::uint64_t count = 0;
  };
  std::array<std::array<Level, kMostLevels>, kLanes> levels_{};
};

}  // namespace

FractionalQuantizer::FractionalQuantizer(unsigned value_bits) : Quantizer(value_bits) {
  if (value_bits < 2 || value_bits > kMostBits) {
    throw std::invalid_argument("FractionalQuantizer: q = " + std::to_string(value_bits));
  }
}

std::size_t FractionalQuantizer::magnitudes(std::size_t /*count*/) const {
  return levels(value_bits());
}

FractionalQuantizer::Extremes FractionalQuantizer::extremes_of(std::span<const float> v) {
  // Signed, because every vector unit compares signed integers; and no zero counts as the smallest.
  constexpr std::int32_t kInfinity = 0x7f800000;
  std::int32_t largest = 0;
  std::int32_t smallest = kInfinity;
  for (const float x : v) {
    const auto m = static_cast<std::int32_t>(magnitude(x));
    largest = std::max(largest, m);
    smallest = std::min(smallest, m == 0 ? kInfinity : m);
  }
  if (largest >= kInfinity) check_finite(v);
  if (largest == 0) return {.v_max = 0, .v_min = 0};
  return {.v_max = std::bit_cast<float>(largest), .v_min = std::bit_cast<float>(smallest)};
}

std::vector<double> FractionalQuantizer::boundaries(std::span<const float> v) const {
  return boundaries_of(extremes_of(v));
}

std::vector<double> FractionalQuantizer::boundaries_of(const Extremes& extremes) const {
  const auto [v_max, v_min] = extremes;
  std::vector<double> b(levels(value_bits()));
  if (v_max == 0) return b;
  std::array<double, kMostBits> root;  // [j]: (v_max / v_min)^(2^-j)
  root[0] = v_max / v_min;
  for (unsigned j = 1; j < value_bits(); ++j) root[j] = std::sqrt(root[j - 1]);
  for (std::size_t l = 0; l < b.size(); ++l) {
    double power = 1;  // alpha^l
    for (unsigned j = 1; j < value_bits(); ++j) {
      if ((l >> (value_bits() - 1 - j) & 1) != 0) power *= root[j];
    }
    b[l] = v_max / power;
  }
  return b;
}

Quantized FractionalQuantizer::quantize(std::span<const float> v) const {
  const Extremes extremes = extremes_of(v);
  const std::vector<double> b = boundaries_of(extremes);
  std::vector<std::uint32_t> thresholds(b.size());  // |x| <= b[l] as integers
  std::transform(b.begin(), b.end(), thresholds.begin(), float_at_most);

  const unsigned q = value_bits();
  const bool any_order = is_exact(b, extremes.v_min, v.size());
  Quantized quantized;
  quantized.codes.resize(v.size());
  Sums sums;
  // A chunk at a time in three steps, the last of which is vectorised.
  const auto quantize_all = [&](const auto& level_of) {
    std::array<std::uint16_t, kChunk> of;
    for (std::size_t begin = 0; begin < v.size(); begin += kChunk) {
      const auto chunk = v.subspan(begin, std::min(kChunk, v.size() - begin));
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        of[i] = static_cast<std::uint16_t>(level_of(magnitude(chunk[i])));
      }
      if (any_order) {
        sums.add<kLanes>(chunk, of);
      } else {
        sums.add<1>(chunk, of);
      }
      std::uint8_t* const codes = quantized.codes.data() + begin;
      for (std::size_t i = 0; i < chunk.size(); ++i) codes[i] = code(of[i], chunk[i], q);
    }
  };
  if (LevelTable::fits(thresholds)) {
    quantize_all(LevelTable(thresholds));
  } else {
    quantize_all(LevelSearch(thresholds));
  }
  for (std::size_t l = 0; l < b.size(); ++l) quantized.magnitudes.push_back(sums.mean_of(l));
  return quantized;
}

Quantized FractionalQuantizer::quantize_by_definition(std::span<const float> v) const {
  const std::vector<double> b = boundaries(v);
  Quantized quantized;
  for (const float x : v) {
    std::size_t level = 1;
    for (std::size_t l = 1; l < b.size(); ++l) level += std::fabs(x) <= b[l] ? 1 : 0;
    quantized.codes.push_back(code(level - 1, x, value_bits()));
  }
  for (std::size_t level = 1; level <= b.size(); ++level) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (quantized.codes[i] % b.size() != level - 1) continue;
      sum += std::fabs(v[i]);
      ++count;
    }
    quantized.magnitudes.push_back(mean(sum, count));
  }
  return quantized;
}

void FractionalQuantizer::recover(const Quantized& quantized, std::span<float> v) const {
  check_recoverable(quantized, v.size());
  std::array<float, 2 * kMostLevels> value;  // for each code: mu_1, ..., mu_L, -mu_1, ..., -mu_L
  const std::span<const float> mu = quantized.magnitudes;
  std::copy(mu.begin(), mu.end(), value.begin());
  std::transform(mu.begin(), mu.end(), value.begin() + static_cast<std::ptrdiff_t>(mu.size()),
                 std::negate<>());
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = value[quantized.codes[i]];
}

}  // namespace mvsgd::compress
