// The fractional quantiser of eq 18, q = 2 to 8.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compress/values/quantizer.hpp"

namespace mvsgd::compress {

/// Replaces each value by the mean magnitude of its level, with the value's sign: eq 18.
///
/// Levels. v_max is the largest |v_i| and v_min the smallest that is not zero. L = 2^(q-1) levels
/// divide [v_min, v_max] in equal ratios alpha = (v_max / v_min)^(1/L). With the boundaries
/// b_l = v_max / alpha^l, level l = 1..L-1 holds the magnitudes in (b_l, b_(l-1)]. Level L holds
/// all that are at most b_(L-1): v_min, and the zeros. So
/// level = 1 + #{l in 1..L-1 : |v_i| <= b_l}. If all magnitudes are equal, alpha is 1 and all are
/// in level L.
///
/// Codes. level - 1 is in the low q-1 bits and the sign, 1 for negative, above them. A zero of
/// either sign has sign 0.
///
/// Magnitudes. There are always L: the mean of |v_i| over each level, zeros belonging to level L.
/// Sums are in double in increasing index, and means are rounded to float once. The mean of an
/// empty level is 0, and no code names it. With q = 3, so alpha = (16 / 1)^(1/4) = 2 and boundaries
/// 8, 4, 2:
///
///     v           16     -10     -4      1      0      2     -6
///     level        1      1       3      4      4      4      2
///     code       000     100    110    011    011    011    101
///     recovered   13     -13     -4      1      1      1     -6        mu = 13, 6, 4, 1
///
/// Numerics. With r_1 = sqrt(v_max / v_min) and r_j = sqrt(r_(j-1)), in double, alpha^l is the
/// product, from r_1 downwards, of the r_j whose bit is set in l / L as a binary fraction of q-1
/// bits. So the boundaries at q are, to the bit, every second one at q + 1: each level is divided,
/// and none is moved. The error ||Q(v) - v||^2 is the squared distance of the magnitudes from their
/// levels' means. Hence it does not rise with q, up to the rounding of the means.
class FractionalQuantizer final : public Quantizer {
 public:
  /// Throws std::invalid_argument if value_bits is not 2 to 8.
  explicit FractionalQuantizer(unsigned value_bits);

  /// L, whatever the count.
  [[nodiscard]] std::size_t magnitudes(std::size_t count) const override;

  /// Cost: two reads of v, and one comparison a value, or q - 1 if magnitudes are denormal.
  [[nodiscard]] Quantized quantize(std::span<const float> v) const override;

  void recover(const Quantized& quantized, std::span<float> v) const override;

  /// b_0 = v_max, b_1, ..., b_(L-1); all 0 if v has only zeros. Throws as quantize.
  [[nodiscard]] std::vector<double> boundaries(std::span<const float> v) const override;

  /// The definition of quantize: each value against each boundary, in double. For tests.
  [[nodiscard]] Quantized quantize_by_definition(std::span<const float> v) const override;

 private:
  struct Extremes {
    double v_max;
    double v_min;  // 0 if v has only zeros
  };
  static Extremes extremes_of(std::span<const float> v);
  [[nodiscard]] std::vector<double> boundaries_of(const Extremes& extremes) const;
};

}  // namespace mvsgd::compress
