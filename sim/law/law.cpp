#include "sim/law/law.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace mvsgd::sim {
namespace {

std::uint64_t ceil_log2(std::uint64_t n) {
  return static_cast<std::uint64_t>(std::bit_width(n - 1));
}
std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

}  // namespace

comm::Bits position_law(const LawConstants& law, std::uint64_t d, std::uint64_t k,
                        std::uint64_t block_size) {
  return comm::Bits(k * (law.flag_bits + ceil_log2(block_size)) +
                    law.block_end_bits * ceil_div(d, block_size));
}

comm::Bits elias_fano_law(const LawConstants& law, std::uint64_t d, std::uint64_t k) {
  if (k == 0) return comm::Bits(0);
  const auto low = static_cast<std::uint64_t>(std::bit_width(d / k)) - 1;
  return comm::Bits(k * (law.flag_bits + low) +
                    law.block_end_bits * ceil_div(d, std::uint64_t{1} << low));
}

comm::Bits radix_law(const LawConstants& law, std::uint64_t d, std::uint64_t k,
                     std::uint64_t block_size) {
  // bits[i] is ceil(log2 B^i), for every B^i below 2^64.
  std::vector<std::uint64_t> bits = {0};
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  for (std::uint64_t power = 1; power <= kMost / block_size && bits.size() <= 64;) {
    power *= block_size;
    bits.push_back(ceil_log2(power));
  }
  std::size_t m = 1;
  for (std::size_t i = 2; i < bits.size(); ++i) {
    if (bits[i] * m < bits[m] * i) m = i;
  }
  return comm::Bits(k * law.flag_bits + law.block_end_bits * ceil_div(d, block_size) +
                    k / m * bits[m] + bits[k % m]);
}

std::optional<comm::Bits> position_law_of_code(const LawConstants& law, std::uint8_t code,
                                               std::uint64_t d, std::uint64_t k,
                                               std::uint64_t block_size) {
  constexpr std::uint8_t kBlock = 1;
  constexpr std::uint8_t kEliasFano = 2;
  constexpr std::uint8_t kRadix = 4;
  if (code == kBlock) return position_law(law, d, k, block_size);
  if (code == kEliasFano) return elias_fano_law(law, d, k);
  if (code == kRadix) return radix_law(law, d, k, block_size);
  return std::nullopt;
}

comm::Bits value_law(std::uint64_t k, std::uint64_t value_bits) {
  return comm::Bits(k * value_bits);
}

comm::Bits level_mean_law(const LawConstants& law, std::uint64_t k, std::uint64_t value_bits,
                          std::uint64_t block) {
  constexpr std::uint64_t kMostOfLevels = 8;
  if (value_bits > kMostOfLevels) return comm::Bits(0);
  const std::uint64_t scales = block == 0 ? 1 : ceil_div(k, block);
  const std::uint64_t means = value_bits == 1 ? scales : std::uint64_t{1} << (value_bits - 1);
  return comm::Bits(means * law.float_bits);
}

std::uint64_t stair_law(std::uint64_t d, std::uint64_t k, std::uint32_t stair) {
  if (stair == 0) return k;
  return std::max(k, ceil_div(d, std::uint64_t{1} << (2 * stair)));
}

std::uint64_t senders_law(std::uint64_t workers, std::uint64_t participation, bool begins_votes) {
  return participation == 0 || begins_votes ? workers : participation;
}

std::uint64_t ring_law(std::uint64_t n, std::uint64_t workers, std::uint64_t place, RingPass pass) {
  const std::uint64_t kept = (place + (pass == RingPass::reduce ? 1 : 2)) % workers;
  return n - ((kept + 1) * n / workers - kept * n / workers);
}

comm::Bits padding_law(comm::Bits message) { return comm::Bits((8 - message.count() % 8) % 8); }

double equation_14(double d, double phi) { return d * phi * (std::log2(1 / phi) + 2); }

double equation_13(double d, double phi, double value_bits) { return value_bits * phi * d; }

PositionDifference position_difference(double d, double phi, std::uint64_t k,
                                       std::uint64_t block_size) {
  const auto kept = static_cast<double>(k);
  const double log = std::log2(1 / phi);
  return {.rounding_of_k = (kept - phi * d) * (log + 2),
          .rounding_of_log2 = kept * (static_cast<double>(ceil_log2(block_size)) - log),
          .block_count = std::ceil(d / static_cast<double>(block_size)) - kept};
}

}  // namespace mvsgd::sim
