#include "sim/plan/decimal.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace mvsgd::sim {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr int kMostExponent = 1000;  // far more than any value has; sums with it do not overflow
constexpr unsigned kMaxPlaces = 18;  // 10^18 and any 18 digits fit 64 bits

std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument("'" + std::string(text) +
                              "' is not a decimal number of at most 18 digits");
}

}  // namespace

Decimal Decimal::parse(std::string_view text) {
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, e);
  int exponent = 0;
  if (e < text.size()) {
    const std::string_view tail = text.substr(text.substr(e + 1).starts_with('+') ? e + 2 : e + 1);
    const auto [end, error] = std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
    if (error != std::errc() || end != tail.data() + tail.size()) refuse(text);
    if (exponent < -kMostExponent || exponent > kMostExponent) refuse(text);
  }

  std::uint64_t digits = 0;
  int places = -exponent;
  bool point = false;
  bool any = false;
  for (const char c : mantissa) {
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      if (digits >= power_of_ten(kMaxPlaces - 1)) refuse(text);
      digits = 10 * digits + static_cast<std::uint64_t>(c - '0');
      places += point ? 1 : 0;
      any = true;
    } else {
      refuse(text);
    }
  }
  if (!any) refuse(text);
  for (; places > 0 && digits % 10 == 0 && digits > 0; --places) digits /= 10;
  if (digits == 0) places = 0;
  for (; places < 0; ++places) {
    if (digits >= power_of_ten(kMaxPlaces - 1)) refuse(text);
    digits *= 10;
  }
  if (places > static_cast<int>(kMaxPlaces)) refuse(text);
  return {digits, static_cast<unsigned>(places)};
}

std::uint64_t Decimal::ceil_times(std::uint64_t n) const {
  const Wide scale = power_of_ten(places_);
  const Wide product = (Wide{digits_} * n + scale - 1) / scale;
  if (product >> 64 != 0) {
    throw std::invalid_argument(to_string() + " * " + std::to_string(n) + " is 2^64 or more");
  }
  return static_cast<std::uint64_t>(product);
}

std::uint64_t Decimal::rounded_reciprocal(std::uint32_t n) const {
  const Wide digits = Wide{digits_} * n;
  if (digits == 0) throw std::invalid_argument("1 / 0");
  const Wide rounded = (2 * Wide{power_of_ten(places_)} + digits) / (2 * digits);
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rounded));
}

double Decimal::to_double() const {
  return static_cast<double>(digits_) / static_cast<double>(power_of_ten(places_));
}

std::string Decimal::to_string() const {
  const std::uint64_t scale = power_of_ten(places_);
  std::string text = std::to_string(digits_ / scale);
  if (places_ > 0) {
    const std::string fraction = std::to_string(digits_ % scale);
    text += '.';
    text.append(places_ - fraction.size(), '0');
    text += fraction;
  }
  return text;
}

bool operator<(const Decimal& a, const Decimal& b) {
  return Wide{a.digits_} * power_of_ten(b.places_) < Wide{b.digits_} * power_of_ten(a.places_);
}

bool operator==(const Decimal& a, const Decimal& b) {
  return Wide{a.digits_} * power_of_ten(b.places_) == Wide{b.digits_} * power_of_ten(a.places_);
}

}  // namespace mvsgd::sim
