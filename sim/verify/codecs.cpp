// The codes of positions and values at the paper's d and K, each against its exact or expected law.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <numbers>
#include <utility>

#include "comm/bit_stream.hpp"
#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/change_codec.hpp"
#include "compress/positions/delta_codec.hpp"
#include "compress/positions/elias_fano_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/radix_codec.hpp"
#include "compress/positions/rank_codec.hpp"
#include "compress/positions/ranks.hpp"
#include "compress/positions/rans_codec.hpp"
#include "compress/positions/rice_codec.hpp"
#include "compress/select/error_memory.hpp"
#include "compress/values/code_entropy.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "sim/law/law.hpp"
#include "sim/law/position_lengths.hpp"
#include "sim/law/value_lengths.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/text/numbers.hpp"
#include "sim/verify/drawn_update.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;

constexpr std::uint64_t kD = 11'173'962;
constexpr std::uint64_t kK = 111'740;
constexpr std::uint64_t kKad = 11'174;

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

std::uint64_t block_bits(std::uint64_t d, std::uint64_t k, std::uint64_t block) {
  return position_law({}, d, k, block).count();
}

// log2 C(d, k): on average, no code of all k-subsets of d positions takes fewer bits.
double entropy_bits(std::uint64_t d, std::uint64_t k) {
  const auto log_factorial = [](std::uint64_t n) {
    return std::lgamma(static_cast<double>(n) + 1);
  };
  return (log_factorial(d) - log_factorial(k) - log_factorial(d - k)) / std::numbers::ln2;
}

// The supports of two workers' drawn differences. Every coordinate is drawn alike and
// independently, so all sets are equally likely. Half of each value is common to both workers, so
// the sets overlap as votes do.
std::pair<std::vector<Index>, std::vector<Index>> two_supports() {
  DrawnUpdate update(kD, 1, kVerifySeed);
  Round round;
  round.t = 1;
  const std::vector<float> origin(kD);
  const auto support = [&](std::uint32_t worker) {
    return compress::top_k_support(update.run(0, round, worker, origin, {}).theta.host(), kK);
  };
  auto first = support(0);
  return {std::move(first), support(1)};
}

/// A set after coding and decoding.
struct Coded {
  std::uint64_t bits = 0;
  bool is_read_back = false;
};

Coded code(const compress::PositionCodec& codec, std::span<const Index> positions) {
  comm::BitWriter out;
  codec.encode(positions, out);
  const comm::Bits size = out.size();
  const auto bytes = out.take();
  comm::BitReader in(bytes, size);
  const bool is_equal = std::ranges::equal(codec.decode(in, positions.size()), positions);
  return {.bits = size.count(), .is_read_back = is_equal && in.remaining() == comm::Bits(0)};
}

/// Whether the bits of a set are those that the law counts in this code.
bool is_lawful(const Coded& coded, const compress::PositionCodec& codec, std::uint64_t d,
               std::span<const Index> set) {
  const CodeOfPositions code{.code = codec.id(), .n = d, .block_size = codec.parameter()};
  return law_of_set({}, code, set) == comm::Bits(coded.bits);
}

std::string per_position(const Coded& coded, std::uint64_t positions) {
  return fmt::format("{} bits, {:.4f} a position", grouped(coded.bits),
                     static_cast<double>(coded.bits) / static_cast<double>(positions));
}

Check exactly(std::string name, std::string claim, const Coded& coded, std::uint64_t law,
              std::uint64_t positions) {
  return {.subject = std::move(name),
          .claim = std::move(claim),
          .holds = coded.is_read_back && coded.bits == law,
          .detail = per_position(coded, positions)};
}

Check check_block(std::span<const Index> support, std::uint64_t block) {
  return exactly(
      fmt::format("block, B = {}", block), "exactly K (1 + ceil(log2 B)) + ceil(d / B) bits",
      code(compress::BlockPositionCodec(kD, block), support), block_bits(kD, kK, block), kK);
}

Check check_elias_fano(std::span<const Index> support) {
  return exactly("elias-fano", "exactly K (l + 1) + ceil(d / 2^l) bits, l = floor(log2(d / K))",
                 code(compress::EliasFanoCodec(kD), support), elias_fano_law({}, kD, kK).count(),
                 kK);
}

Check check_radix(std::span<const Index> support) {
  // Three offsets of B = 100 take 20 bits, the remaining one or two take 7 or 14.
  const std::uint64_t law = kK + ceil_div(kD, 100) + kK / 3 * 20 + kK % 3 * 7;
  Check check =
      exactly("radix, B = 100",
              "exactly K + ceil(d / B) + floor(K / 3) 20 + w(K mod 3) bits, within half a "
              "percent of eq 14 unrounded",
              code(compress::RadixCodec(kD, 100), support), law, kK);
  const double equation = static_cast<double>(kD) * 0.01 * (std::log2(100.0) + 2);
  const double over = static_cast<double>(law) / equation;
  check.holds = check.holds && over < 1.005;
  check.detail += fmt::format(", {:.4f} of eq 14", over);
  return check;
}

Check check_rice(std::span<const Index> support) {
  const unsigned r = compress::rice_parameter(kD, kK);
  const compress::RiceCodec codec(kD, std::uint64_t{1} << r);
  const Coded coded = code(codec, support);
  // The high part of a gap is geometric with q = (1 - K / d)^(2^r). Its mean is q / (1 - q), its
  // variance q / (1 - q)^2.
  const auto k = static_cast<double>(kK);
  const double q = std::pow(1 - k / static_cast<double>(kD), static_cast<double>(1U << r));
  const double expected = k * (1 + r + q / (1 - q));
  const double deviations =
      (static_cast<double>(coded.bits) - expected) / (std::sqrt(k * q) / (1 - q));
  return {.subject = fmt::format("rice, r = {}", r),
          .claim =
              "K (1 + r + q / (1 - q)) bits expected, q = (1 - K / d)^(2^r): within 5 deviations, "
              "and exactly as the law counts them",
          .holds = coded.is_read_back && is_lawful(coded, codec, kD, support) &&
                   std::abs(deviations) < 5,
          .detail = fmt::format("{}, {:+.2f} deviations", per_position(coded, kK), deviations)};
}

Check check_entropy(std::span<const Index> support) {
  const compress::EntropyCodec codec(kD);
  const Coded coded = code(codec, support);
  const double over = static_cast<double>(coded.bits) / entropy_bits(kD, kK);
  return {.subject = "entropy",
          .claim = "as the law counts, and at most 1.002 log2 C(d, K) bits on a uniform support",
          .holds = coded.is_read_back && is_lawful(coded, codec, kD, support) && over <= 1.002,
          .detail = fmt::format("{}, {:.5f} log2 C(d, K)", per_position(coded, kK), over)};
}

Check check_rans(std::span<const Index> support) {
  const compress::RansCodec codec(kD);
  const Coded coded = code(codec, support);
  const double over = static_cast<double>(coded.bits) / entropy_bits(kD, kK);
  return {.subject = "rans",
          .claim = "as the law counts, and at most 1.005 log2 C(d, K) bits on a uniform support",
          .holds = coded.is_read_back && is_lawful(coded, codec, kD, support) && over <= 1.005,
          .detail = fmt::format("{}, {:.5f} log2 C(d, K)", per_position(coded, kK), over)};
}

/// The B of drops that both ends of a run use.
std::uint64_t block_of_drops(const Settings& settings) {
  const RoundShape shape =
      round_shape(settings, dimensions(settings, kD, 0), plain_rounds(0, 2).back());
  return std::ranges::find(shape, comm::Kind::drop, &MessageShape::kind)->block;
}

Check check_rank(std::span<const Index> support) {
  // Every tenth member is dropped.
  std::vector<Index> drops;
  for (std::size_t j = 0; j < kKad; ++j) drops.push_back(support[10 * j]);
  Settings settings = preset("ssgd-mv-ad").settings;
  settings.drop_codec = DropCoding::rank;
  const std::uint64_t block = block_of_drops(settings);
  const compress::RankCodec codec(std::make_shared<compress::BlockPositionCodec>(kK, block),
                                  {support.begin(), support.end()});
  return exactly(fmt::format("rank, B = {}", block),
                 "drops in the last vote: exactly k_t (1 + ceil(log2 B)) + ceil(K / B) bits",
                 code(codec, drops), block_bits(kK, kKad, block), kKad);
}

Check check_delta(std::span<const Index> last, std::span<const Index> mask) {
  std::vector<Index> kept;
  std::ranges::set_intersection(last, mask, std::back_inserter(kept));
  const std::uint64_t left = kK - kept.size();
  const std::uint64_t listed = std::min(left, kK - left);
  const auto list_bits = [](std::uint64_t n, std::uint64_t members) {
    return members == 0 ? 0 : block_bits(n, members, compress::shortest_block(n, members));
  };
  const compress::DeltaCodec codec(kD, {last.begin(), last.end()});
  return exactly("delta", "the bits of r, and both lists exactly by the block code of their ranks",
                 code(codec, mask),
                 static_cast<std::uint64_t>(std::bit_width(kK)) + list_bits(kK, listed) +
                     list_bits(kD - kK, left),
                 kK);
}

Check check_change(std::span<const Index> last, std::span<const Index> vote) {
  std::vector<Index> kept;
  std::ranges::set_intersection(last, vote, std::back_inserter(kept));
  const std::uint64_t left = kK - kept.size();
  const compress::ChangeCodec codec(kD, {last.begin(), last.end()},
                                    std::make_shared<compress::EntropyCodec>(kD));
  const Coded coded = code(codec, vote);
  const comm::Bits law =
      law_of_change({}, {.code = compress::EntropyCodec::kId, .n = kD}, last, vote);
  const double over =
      static_cast<double>(coded.bits) / (entropy_bits(kK, left) + entropy_bits(kD - kK, left));
  return {.subject = "change",
          .claim =
              "a vote as r changes: as the law counts, and within two percent of log2 C(K, r) + "
              "log2 C(d - K, r)",
          .holds = coded.is_read_back && coded.bits == law.count() && over < 1.02,
          .detail = fmt::format("{}, {:.5f} of it", per_position(coded, kK), over)};
}

/// Codes worker 0's drawn values at `mask`. `vote` is its own vote.
Check check_values(std::span<const Index> vote, std::span<const Index> mask) {
  constexpr unsigned kBits = 4;
  DrawnUpdate update(kD, 1, kVerifySeed);
  Round round;
  round.t = 1;
  const std::vector<float> origin(kD);
  std::vector<float> values(mask.size());
  compress::gather(update.run(0, round, 0, origin, {}).theta.host(), mask, values);
  const auto codes = compress::FractionalQuantizer(kBits).quantize(values).codes;
  const auto own = compress::marks_of(mask, vote);

  std::map<std::pair<unsigned, unsigned>, double> counts;
  std::map<unsigned, double> of;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    ++counts[{own[i], codes[i] % (1U << (kBits - 1))}];
    ++of[own[i]];
  }
  auto entropy = static_cast<double>(codes.size());  // of the signs
  for (const auto& [key, n] : counts) entropy += n * std::log2(of[key.first] / n);

  comm::BitWriter out;
  compress::encode_codes_by_entropy(codes, kBits, own, out);
  const comm::Bits size = out.size();
  const auto bytes = out.take();
  comm::BitReader in(bytes, size);
  const bool is_equal = compress::decode_codes_by_entropy(in, codes.size(), kBits, own) == codes;
  const double over = static_cast<double>(size.count()) / entropy;
  return {.subject = "values",
          .claim =
              "4-bit values: as the law counts, and within two percent of their entropy given "
              "the own vote",
          .holds = is_equal && in.remaining() == comm::Bits(0) && over < 1.02 &&
                   size == law_of_codes(codes, kBits, own),
          .detail = fmt::format("{} bits, {:.4f} a value, {:.5f} of it", grouped(size.count()),
                                static_cast<double>(size.count()) / static_cast<double>(kK), over)};
}

}  // namespace

std::vector<Check> check_codecs() {
  const auto [support, other] = two_supports();
  return {check_block(support, 100),    check_block(support, 64),    check_radix(support),
          check_elias_fano(support),    check_rice(support),         check_entropy(support),
          check_rans(support),          check_rank(support),         check_delta(support, other),
          check_change(support, other), check_values(support, other)};
}

}  // namespace mvsgd::sim
