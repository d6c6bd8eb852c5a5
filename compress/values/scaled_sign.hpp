// The scaled sign of eq 17, q = 1.
#pragma once

#include <cstddef>
#include <span>

#include "compress/values/quantizer.hpp"

namespace mvsgd::compress {

/// Q(v) = (||v||_1 / d) sign(v), eq 17, for a whole vector or for each of its blocks. The d of eq
/// 17 is the length of what is quantised (K, or the block's length), not that of the model.
/// A code is 1 for a negative value and 0 for any other. The magnitudes are the scales ||v||_1 / d,
/// one a block, summed in double in increasing index and rounded to float once. With blocks of 3
///
///     v           3     -1     -2   |   0     -4
///     scale              2          |      2
///     codes       0      1      1   |   0      1
///     recovered   2     -2     -2   |   2     -2
///
/// One bit has no third state: a zero of either sign is recovered as +scale. That costs scale^2,
/// which recovering it as 0 would not. And yet for every v, zeros or not, up to the scale's
/// rounding
///
///     ||Q(v) - v||^2 = sum_i (scale - |v_i|)^2 = ||v||^2 - ||v||_1^2 / d <= (1 - 1/d) ||v||^2
///
/// since ||v||_1 >= ||v||_2. So Q is a contraction, as the error memory needs. The scale is the
/// best one for its block, so dividing blocks into smaller ones never makes the error larger.
class ScaledSign final : public Quantizer {
 public:
  /// `block_size` values share a scale; the last block may be shorter. 0: all values share one.
  explicit ScaledSign(std::size_t block_size);

  /// ceil(count / block_size); for whole vectors 1, or 0 if count is 0.
  [[nodiscard]] std::size_t magnitudes(std::size_t count) const override;

  /// The constructor's block size, or `count` if all values share a scale.
  [[nodiscard]] std::size_t block_size(std::size_t count) const override;

  /// Cost: two reads of v.
  [[nodiscard]] Quantized quantize(std::span<const float> v) const override;

  void recover(const Quantized& quantized, std::span<float> v) const override;

 private:
  std::size_t block_size_;
};

}  // namespace mvsgd::compress
