#include "nn/exp_log.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

namespace mvsgd::nn {
namespace {

// ln 2 in two parts. The last 32 bits of the first are zero, so that k * kLn2High is exact for |k|
// up to 2^11. The second has the rest, to 2^-86.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLog2E = 0x1.71547652b82fep+0;

constexpr int kExponentBias = 1023;
constexpr int kMantissaBits = 52;

// 2^k for -1022 <= k <= 1023.
double power_of_two(int k) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k + kExponentBias) << kMantissaBits);
}

}  // namespace

double exact_order_exp(double x) {
  if (x != x) return x;
  if (x > 709.782712893384) return std::numeric_limits<double>::infinity();
  if (x < -745.2) return 0.0;

  // x = k ln 2 + r, |r| <= 0.347.
  const int k = static_cast<int>(x * kLog2E + (x < 0 ? -0.5 : 0.5));
  const double high = x - k * kLn2High;
  const double low = k * kLn2Low;
  const double r = high - low;

  // e^r - 1 - r by Taylor's series to r^13; the rest is below 0.347^14 / 14! = 5e-18 of the sum.
  constexpr std::array kReciprocalFactorials{
      1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
      1.0 / 362880.0,     1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,
      1.0 / 120.0,        1.0 / 24.0,        1.0 / 6.0,        1.0 / 2.0};
  double series = 0.0;
  for (const double c : kReciprocalFactorials) series = series * r + c;
  const double power = 1.0 + (high + (r * r * series - low));

  // Two factors, because 2^k itself may be infinite or subnormal where the result is neither.
  const int half = k / 2;
  return power * power_of_two(half) * power_of_two(k - half);
}

double exact_order_log(double x) {
  if (x != x || x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x < std::numeric_limits<double>::min()) return -std::numeric_limits<double>::infinity();
  if (x > std::numeric_limits<double>::max()) return x;

  // x = m 2^k with sqrt(1/2) <= m < sqrt(2).
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int k = static_cast<int>(bits >> kMantissaBits) - kExponentBias;
  double m = x * power_of_two(-k / 2) * power_of_two(-k - (-k / 2));
  if (m >= 0x1.6a09e667f3bcdp+0) {
    m *= 0.5;
    ++k;
  }

  // log m = 2 artanh(s) = f - s (f - 2 s^2 Q(s^2)), where f = m - 1 is exact and s = f / (2 + f).
  // Q is artanh's series, sum of s^(2n-2) / (2n+1); |s| <= 0.172, so past n = 11 the rest is below
  // 0.172^24 / 25 = 2e-20 of the first term. Beside f everything is small, and so are its errors.
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double s2 = s * s;
  double series = 0.0;
  for (int n = 11; n >= 1; --n) series = series * s2 + 1.0 / (2 * n + 1);
  return k * kLn2High + (f - (s * (f - 2.0 * s2 * series) - k * kLn2Low));
}

}  // namespace mvsgd::nn
