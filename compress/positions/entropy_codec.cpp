#include "compress/positions/entropy_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace mvsgd::compress {
namespace {

constexpr std::uint64_t kLeastRange = std::uint64_t{1} << 32;
constexpr unsigned kWordBits = 32;
constexpr std::uint64_t kMostPerBit = 256;

struct Probability {
  std::uint32_t of_one = 0;
  std::uint32_t seen = 24;

  // The 16 bits with which a decision is coded. They are never 0, since of_one stays in
  // [kLeast, kMost].
  [[nodiscard]] std::uint64_t scaled() const { return of_one >> 16; }
  void learn(bool one);
};

constexpr std::int64_t kLeast = std::int64_t{1} << 22;
constexpr std::int64_t kMost = (std::int64_t{1} << 32) - kLeast;
constexpr std::uint32_t kMostSeen = 500;

constexpr auto kRates = [] {
  std::array<std::uint32_t, kMostSeen + 1> rates{};
  for (std::uint32_t c = 0; c <= kMostSeen; ++c) rates[c] = 131072 / (2 * c + 1);
  return rates;
}();

void Probability::learn(bool one) {
  seen = std::min(seen + 1, kMostSeen);
  const std::int64_t p = of_one;
  const std::int64_t target = kLeast + ((kMost - kLeast) & -std::int64_t{one});
  of_one = static_cast<std::uint32_t>(p + ((target - p) * kRates[seen] >> 16));
}

// The probabilities learnt of gaps at one scale.
struct Shape {
  Probability half;
  std::array<Probability, 4> more;                        // [min(g, 3)]
  std::array<std::array<Probability, 4>, 2> quarter_bit;  // [min(g, 1)][1: high bit; 2 + that: low]

  Shape(std::uint32_t more_start, std::uint32_t high_start, std::uint32_t low_start,
        std::uint32_t half_start) {
    half.of_one = half_start << 16;
    for (Probability& p : more) p.of_one = more_start << 16;
    for (auto& bits : quarter_bit) {
      bits[1].of_one = high_start << 16;
      bits[2].of_one = bits[3].of_one = low_start << 16;
    }
  }
};

constexpr unsigned kEvenGroups = 6;

// The gaps begin..begin + 2^bits - 1.
struct Bucket {
  std::uint64_t begin;
  unsigned bits;
};

// Codes the buckets of gaps with a coder that makes decisions: an Encoder, or a Decoder that finds
// them.
class Model {
 public:
  Model(std::uint64_t d, std::uint64_t count)
      : distance_((d << 16) / std::max<std::uint64_t>(count, 1)) {
    shapes_.reserve(2 * 33);
    for (int e = 0; e <= 32; ++e) {
      shapes_.emplace_back(12806, 20090, 26172, 29434);
      shapes_.emplace_back(20557, 23527, 28052, 30398);
    }
  }

  // coder.decide(bit, p) returns the bit that is coded; a decoder ignores the `bit` of `gap`. Stops
  // once the gap is known to be `limit` or above; the bucket then begins there or above.
  template <typename Coder>
  Bucket code(std::uint64_t gap, std::uint64_t limit, Coder& coder) {
    const auto e = static_cast<unsigned>(std::bit_width(distance_)) - 17;
    Shape& shape = shapes_[2 * e + (distance_ >> (e + 15) & 1)];
    unsigned bits = e < 1 ? 0 : e - 1;
    std::uint64_t begin = 0;  // the first gap of group g
    unsigned g = 0;
    while (coder.decide((gap - begin) >> bits >= 4, shape.more[std::min(g, 3U)])) {
      begin += std::uint64_t{4} << bits;
      if (begin >= limit) return {begin, 0};
      if (++g >= kEvenGroups) ++bits;
    }
    auto& quarter_bit = shape.quarter_bit[std::min(g, 1U)];
    const std::uint64_t quarter = (gap - begin) >> bits;
    const bool high = coder.decide(quarter >> 1 & 1, quarter_bit[1]);
    const bool low = coder.decide(quarter & 1, quarter_bit[high ? 3 : 2]);
    begin += (std::uint64_t{high} * 2 + std::uint64_t{low}) << bits;
    if (begin == 0 && bits > 0) {
      --bits;
      begin = std::uint64_t{coder.decide(gap >> bits & 1, shape.half)} << bits;
    }
    distance_ += ((2 * begin + (std::uint64_t{1} << bits) + 1) << 11) - (distance_ >> 4);
    return {begin, bits};
  }

 private:
  std::uint64_t distance_;  // between positions, times 2^16; at least 2^16, so e >= 0
  std::vector<Shape> shapes_;
};

// The shortest fraction that no other interval has: low + above, of which `bits` are written.
struct End {
  std::uint64_t above;
  unsigned bits;
};

End end_of(std::uint64_t low, std::uint64_t range) {
  for (unsigned bits = 1;; ++bits) {  // ends at 33 at the latest, since the range is 2^32 or more
    const std::uint64_t step = std::uint64_t{1} << (64 - bits);
    const std::uint64_t above = (0 - low) & (step - 1);
    if (range >= step && above <= range - step) return {above, bits};
  }
}

// The stream's first bit is the highest of a fraction, and the lowest of a word.
std::uint32_t reversed(std::uint32_t word) {
  word = (word >> 1 & 0x55555555) | (word & 0x55555555) << 1;
  word = (word >> 2 & 0x33333333) | (word & 0x33333333) << 2;
  word = (word >> 4 & 0x0f0f0f0f) | (word & 0x0f0f0f0f) << 4;
  word = (word >> 8 & 0x00ff00ff) | (word & 0x00ff00ff) << 8;
  return word >> 16 | word << 16;
}

// The masks make a decision without a branch, of which half would be mispredicted.
constexpr std::uint64_t zero_mask(bool one) { return std::uint64_t{one} - 1; }

constexpr std::uint64_t narrowed(std::uint64_t range, std::uint64_t bound, bool one) {
  return bound + ((range - 2 * bound) & zero_mask(one));
}

[[noreturn]] void refuse(const std::string& what, std::uint64_t read, std::uint64_t size) {
  throw comm::DecodeError("entropy code: " + what + ", " + std::to_string(read) + " of " +
                          std::to_string(size) + " bits read");
}

class Encoder {
 public:
  bool decide(bool one, Probability& p) {
    const std::uint64_t bound = (range_ >> 16) * p.scaled();
    const std::uint64_t skipped = bound & zero_mask(one);
    add(skipped);
    range_ = narrowed(range_, bound, one);
    p.learn(one);
    normalize();
    return one;
  }

  [[nodiscard]] comm::Bits size() const {
    return comm::Bits(kWordBits * std::uint64_t{words_.size()} + end_of(low_, range_).bits);
  }

  void finish(comm::BitWriter& out) {
    const End end = end_of(low_, range_);
    out.reserve(size());
    add(end.above);
    for (const std::uint32_t word : words_) out.put(reversed(word), kWordBits);
    const std::uint32_t first = reversed(static_cast<std::uint32_t>(low_ >> kWordBits));
    if (end.bits <= kWordBits)
      return out.put(first & (~std::uint32_t{0} >> (32 - end.bits)), end.bits);
    out.put(first, kWordBits);
    out.put(low_ >> 31 & 1, 1);
  }

 private:
  void add(std::uint64_t more) {
    low_ += more;
    if (low_ >= more) return;
    auto word = words_.end();  // the carry; V < 1, so a word can take it
    while (++*--word == 0) {
    }
  }

  void normalize() {
    if (range_ >= kLeastRange) return;
    words_.push_back(static_cast<std::uint32_t>(low_ >> kWordBits));
    low_ <<= kWordBits;
    range_ <<= kWordBits;
  }

  std::vector<std::uint32_t> words_;  // words of V, before low_
  std::uint64_t low_ = 0;
  std::uint64_t range_ = std::numeric_limits<std::uint64_t>::max();
};

// Reads the number from `ahead`, and up to 64 bits beyond it.
class Decoder {
 public:
  explicit Decoder(comm::BitReader& ahead) : ahead_(&ahead), size_(ahead.remaining().count()) {
    if (size_ == 0) refuse("no bits", 0, 0);
    window_ = next_word() << kWordBits;
    window_ |= next_word();
    above_ = window_;
    if (above_ >= range_) refuse("a fraction that no set has", 0, size_);
  }

  bool decide(bool, Probability& p) {
    const std::uint64_t bound = (range_ >> 16) * p.scaled();
    const bool one = above_ < bound;
    above_ -= bound & zero_mask(one);
    range_ = narrowed(range_, bound, one);
    p.learn(one);
    normalize();
    return one;
  }

  // The stream's length in bits. Throws comm::DecodeError if the encoder would have ended
  // otherwise.
  [[nodiscard]] comm::Bits finish() const {
    const End end = end_of(window_ - above_, range_);
    if (above_ - end.above >= std::uint64_t{1} << (64 - end.bits)) {
      refuse("a fraction that is not the shortest", shifted_, size_);
    }
    if (size_ - shifted_ < end.bits) refuse("it is cut short", shifted_, size_);
    return comm::Bits(shifted_ + end.bits);
  }

 private:
  // The next bits, with zeros after the last: what follows the stream cannot change what is read.
  std::uint64_t next_word() {
    const auto bits = std::min<std::uint64_t>(ahead_->remaining().count(), kWordBits);
    return reversed(static_cast<std::uint32_t>(ahead_->get(static_cast<unsigned>(bits))));
  }

  void normalize() {
    if (range_ >= kLeastRange) return;
    shifted_ += kWordBits;
    if (shifted_ >= size_) refuse("it is cut short", shifted_, size_);  // one more bit must follow
    window_ = window_ << kWordBits | next_word();
    above_ = above_ << kWordBits | (window_ & ~std::uint32_t{0});
    range_ <<= kWordBits;
  }

  comm::BitReader* ahead_;
  std::uint64_t size_;         // bits of the stream and of what follows it
  std::uint64_t shifted_ = 0;  // bits of V above the window
  std::uint64_t window_ = 0;   // 64 bits of V
  std::uint64_t above_ = 0;    // window_ - low; always below range_
  std::uint64_t range_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace

EntropyCodec::EntropyCodec(std::uint64_t d) : d_(d) {
  if (d == 0 || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("EntropyCodec: d = " + std::to_string(d));
  }
}

namespace {

void check_positions(std::uint64_t d, std::span<const Index> positions) {
  for (std::size_t j = 0; j < positions.size(); ++j) {
    if (positions[j] >= d || (j > 0 && positions[j] <= positions[j - 1])) {
      throw std::invalid_argument("EntropyCodec::encode: positions[" + std::to_string(j) +
                                  "] = " + std::to_string(positions[j]) +
                                  " of d = " + std::to_string(d) + " is out of range or order");
    }
  }
}

// Calls plain(value, bits) for the plain bits of each gap.
template <typename Plain>
Encoder encoded(std::uint64_t d, std::span<const Index> positions, Plain plain) {
  check_positions(d, positions);
  Encoder encoder;
  Model model(d, positions.size());
  std::uint64_t next = 0;
  for (const Index position : positions) {
    const std::uint64_t gap = position - next;
    const Bucket bucket = model.code(gap, d, encoder);
    plain(gap - bucket.begin, bucket.bits);
    next = std::uint64_t{position} + 1;
  }
  return encoder;
}

}  // namespace

comm::Bits EntropyCodec::size(std::span<const Index> positions) const {
  std::uint64_t plain = 0;
  const Encoder encoder =
      encoded(d_, positions, [&](std::uint64_t, unsigned bits) { plain += bits; });
  return encoder.size() + comm::Bits(plain);
}

void EntropyCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  struct Plain {
    std::uint32_t value;
    std::uint32_t bits;
  };
  std::vector<Plain> plain;
  plain.reserve(positions.size());
  std::uint64_t bits_in_all = 0;
  Encoder encoder = encoded(d_, positions, [&](std::uint64_t value, unsigned bits) {
    plain.push_back({static_cast<std::uint32_t>(value), bits});
    bits_in_all += bits;
  });
  out.reserve(encoder.size() + comm::Bits(bits_in_all));
  encoder.finish(out);
  for (const auto& [value, bits] : plain) out.put(value, bits);
}

std::vector<Index> EntropyCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  const std::uint64_t size = in.remaining().count();
  if (count > d_ || count / kMostPerBit > size) {
    refuse(std::to_string(count) + " positions of d = " + std::to_string(d_), 0, size);
  }
  std::vector<Index> positions(count);
  std::vector<std::uint8_t> plain_bits(count);
  const auto too_far = [&](std::uint64_t position) {
    refuse("position " + std::to_string(position) + " of d = " + std::to_string(d_),
           size - in.remaining().count(), size);
  };

  // The number comes first, for the buckets: positions[j] is where the gap's bucket begins.
  comm::BitReader ahead = in;
  Decoder decoder(ahead);
  Model model(d_, count);
  std::uint64_t left = d_;  // coordinates left after the least gaps
  std::uint64_t plain = 0;  // bits after the number
  for (std::uint64_t j = 0; j < count; ++j) {
    const Bucket bucket = model.code(0, left, decoder);
    if (bucket.begin >= left) too_far(d_ - left + bucket.begin);
    left -= bucket.begin + 1;
    positions[j] = static_cast<Index>(bucket.begin);
    plain_bits[j] = static_cast<std::uint8_t>(bucket.bits);
    plain += bucket.bits;
  }
  std::uint64_t number = decoder.finish().count();
  for (; number > kWordBits; number -= kWordBits) (void)in.get(kWordBits);
  (void)in.get(static_cast<unsigned>(number));

  std::uint64_t next = 0;
  std::uint64_t word = 0;  // plain bits read ahead
  unsigned held = 0;
  for (std::uint64_t j = 0; j < count; ++j) {
    const unsigned bits = plain_bits[j];  // at most 32
    if (held < bits) {
      const auto more = static_cast<unsigned>(std::min<std::uint64_t>(plain, kWordBits));
      word |= in.get(more) << held;
      held += more;
      plain -= more;
    }
    next += positions[j] + (word & ((std::uint64_t{1} << bits) - 1));
    word >>= bits;
    held -= bits;
    if (next >= d_) too_far(next);
    positions[j] = static_cast<Index>(next++);
  }
  return positions;
}

}  // namespace mvsgd::compress
