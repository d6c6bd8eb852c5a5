#include "nn/lanes/tiles.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace mvsgd::nn::lanes {
namespace {

constexpr std::uint32_t kSign = 0x80000000U;
constexpr std::uint32_t kExponent = 0x7F800000U;
constexpr std::uint32_t kQuiet = 0x00400000U;
// The result of an invalid operation.
constexpr std::uint32_t kIndefinite = 0xFFC00000U;

enum class Kind : std::uint8_t { zero, finite, infinite, nan };

struct Number {
  std::uint32_t bits;
  Kind kind;

  // Takes subnormals for zeros of their sign.
  explicit Number(std::uint32_t x) : bits(x), kind(Kind::finite) {
    const std::uint32_t exponent = x & kExponent;
    if (exponent == 0) {
      bits = x & kSign;
      kind = Kind::zero;
    } else if (exponent == kExponent) {
      kind = (x & ~(kSign | kExponent)) == 0 ? Kind::infinite : Kind::nan;
    }
  }
  [[nodiscard]] double value() const { return std::bit_cast<float>(bits); }
};

// p + s, rounded to float32 once. s is a float32; p is one, too, or a product of two bfloat16.
// Their sum in double is exact unless one is below 2^-28 of the other, which has no more than 24
// bits. Such a sum is no tie of float32 and near none, so rounding it a second time does no harm.
std::uint32_t rounded_sum(double p, double s) {
  const double exact = p + s;
  const std::uint32_t sign = std::signbit(exact) ? kSign : 0;
  const double magnitude = std::fabs(exact);
  // A tie half a step above the largest float32 goes to infinity.
  if (magnitude >= 0x1.ffffffp127) return sign | kExponent;
  // Scaled, so that the ends of float32's range are not near.
  if (magnitude < 0x1p-125 && static_cast<float>(magnitude * 0x1p80) < 0x1p-46F) return sign;
  return sign | std::bit_cast<std::uint32_t>(static_cast<float>(magnitude));
}

}  // namespace

std::uint16_t nearest_bf16(std::uint32_t x) {
  const Number number(x);
  if (number.kind == Kind::nan) return static_cast<std::uint16_t>((x | kQuiet) >> 16U);
  const std::uint32_t odd = number.bits >> 16U & 1U;
  return static_cast<std::uint16_t>((number.bits + 0x7FFFU + odd) >> 16U);
}

std::uint32_t fused_product(std::uint16_t a, std::uint16_t b, std::uint32_t s) {
  const std::array<Number, 3> terms = {Number(std::uint32_t{a} << 16U),
                                       Number(std::uint32_t{b} << 16U), Number(s)};
  for (const Number& term : terms) {
    if (term.kind == Kind::nan) return term.bits | kQuiet;
  }
  const auto& [left, right, sum] = terms;
  const std::uint32_t sign = (left.bits ^ right.bits) & kSign;
  if (left.kind == Kind::infinite || right.kind == Kind::infinite) {
    if (left.kind == Kind::zero || right.kind == Kind::zero) return kIndefinite;
    const bool opposed = sum.kind == Kind::infinite && (sum.bits & kSign) != sign;
    return opposed ? kIndefinite : sign | kExponent;
  }
  if (sum.kind == Kind::infinite) return sum.bits;
  return rounded_sum(left.value() * right.value(), sum.value());
}

std::uint32_t flushed_sum(std::uint32_t x, std::uint32_t y) {
  const Number left(x);
  const Number right(y);
  if (left.kind == Kind::nan) return left.bits | kQuiet;
  if (right.kind == Kind::nan) return right.bits | kQuiet;
  if (left.kind == Kind::infinite) {
    const bool opposed = right.kind == Kind::infinite && left.bits != right.bits;
    return opposed ? kIndefinite : left.bits;
  }
  if (right.kind == Kind::infinite) return right.bits;
  return rounded_sum(left.value(), right.value());
}

std::uint32_t tile_element(std::uint32_t c, const std::uint32_t* a, const std::uint32_t* b,
                           std::size_t b_step, int pairs) {
  std::uint32_t even = 0;
  std::uint32_t odd = 0;
  for (std::size_t k = 0; k < static_cast<std::size_t>(pairs); ++k) {
    const std::uint32_t left = a[k];
    const std::uint32_t right = b[k * b_step];
    even = fused_product(static_cast<std::uint16_t>(left), static_cast<std::uint16_t>(right), even);
    odd = fused_product(static_cast<std::uint16_t>(left >> 16U),
                        static_cast<std::uint16_t>(right >> 16U), odd);
  }
  return flushed_sum(c, flushed_sum(even, odd));
}

void tile_product(std::uint32_t* c, const std::byte* a, std::int64_t a_row_bytes,
                  const std::byte* b, TileShape shape) {
  constexpr std::size_t kSide = kTileSide;
  std::array<std::uint32_t, kSide> row;
  std::array<std::uint32_t, kSide * kSide> columns;
  std::memcpy(columns.data(), b, static_cast<std::size_t>(shape.pairs * kRowBytes));
  for (int m = 0; m < shape.rows; ++m) {
    std::memcpy(row.data(), a + m * a_row_bytes, 4 * static_cast<std::size_t>(shape.pairs));
    for (std::size_t n = 0; n < kSide; ++n) {
      std::uint32_t& element = c[static_cast<std::size_t>(m) * kSide + n];
      element = tile_element(element, row.data(), columns.data() + n, kSide, shape.pairs);
    }
  }
}

}  // namespace mvsgd::nn::lanes
