#include "compress/entropy_codec.hpp"

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
constexpr unsigned kPlainBits = 16;  // of a plain field
constexpr std::uint64_t kMostPerBit = 256;

struct Probability {
  std::uint32_t of_one = 0;
  std::uint32_t seen = 24;

  // The 16 bits that a decision is coded with: never 0, since of_one stays within [kLeast, kMost].
  [[nodiscard]] std::uint64_t scaled() const { return of_one >> 16; }
  void learn(bool one);
};

constexpr std::int64_t kLeast = std::int64_t{1} << 22;
constexpr std::int64_t kMost = (std::int64_t{1} << 32) - kLeast;
constexpr std::uint32_t kMostSeen = 1000;

constexpr auto kRates = [] {
  std::array<std::uint32_t, kMostSeen + 1> rates{};
  for (std::uint32_t c = 0; c <= kMostSeen; ++c) rates[c] = 131072 / (2 * c + 1);
  return rates;
}();

void Probability::learn(bool one) {
  seen = std::min(seen + 1, kMostSeen);
  const std::int64_t p = of_one;
  of_one = static_cast<std::uint32_t>(p + (((one ? kMost : kLeast) - p) * kRates[seen] >> 16));
}

// What is known of gaps at one scale.
struct Shape {
  std::array<Probability, 4> more;                       // [min(g, 3)]
  std::array<std::array<Probability, 4>, 2> offset_bit;  // [min(g, 1)][1 high bit, 2 + that: low]

  Shape(std::uint32_t more_start, std::uint32_t high_start, std::uint32_t low_start) {
    for (Probability& p : more) p.of_one = more_start << 16;
    for (auto& bits : offset_bit) {
      bits[1].of_one = high_start << 16;
      bits[2].of_one = bits[3].of_one = low_start << 16;
    }
  }
};

constexpr unsigned kEvenGroups = 8;

// Codes gaps with whatever makes decisions: an Encoder, or a Decoder that finds the gap instead.
class Model {
 public:
  Model(std::uint64_t d, std::uint64_t count)
      : mean_((d << 16) / std::max<std::uint64_t>(count, 1)) {
    shapes_.reserve(2 * 33);
    for (int e = 0; e <= 32; ++e) {
      shapes_.emplace_back(28966, 26173, 29434);
      shapes_.emplace_back(36707, 28053, 30398);
    }
  }

  // A coder's decide(bit, p) and plain(value, bits) return what is coded: their argument in an
  // encoder, what they read in a decoder. Stops early in a decoder once the gap is `limit` or more.
  template <typename Coder>
  std::uint64_t code(std::uint64_t gap, std::uint64_t limit, Coder& coder) {
    const auto log2 = static_cast<unsigned>(std::bit_width(mean_)) - 17;
    Shape& shape = shapes_[2 * log2 + (mean_ >> (log2 + 15) & 1)];
    unsigned quarter = log2 < 2 ? 0 : log2 - 2;  // of a group's width, its logarithm

    std::uint64_t begin = 0;  // of group g
    unsigned g = 0;
    while (coder.decide((gap - begin) >> quarter >= 4, shape.more[std::min(g, 3U)])) {
      begin += std::uint64_t{4} << quarter;
      if (begin >= limit) return begin;
      if (++g >= kEvenGroups) ++quarter;
    }
    auto& bits = shape.offset_bit[std::min(g, 1U)];
    const std::uint64_t offset = gap - begin;
    const std::uint64_t high = coder.decide(offset >> quarter >> 1 & 1, bits[1]);
    const std::uint64_t low = coder.decide(offset >> quarter & 1, bits[2 + high]);
    std::uint64_t found = begin + ((2 * high + low) << quarter);
    while (quarter > 0) {
      const unsigned width = std::min(quarter, kPlainBits);
      quarter -= width;
      found += coder.plain(offset >> quarter & ((std::uint64_t{1} << width) - 1), width) << quarter;
    }
    mean_ += ((found + 1) << 11) - (mean_ >> 5);
    return found;
  }

 private:
  std::uint64_t mean_;  // distance of positions, times 2^16; at least 2^16, so log2 >= 0
  std::vector<Shape> shapes_;
};

// The shortest fraction that no other interval has: low + above, of which `bits` are written.
struct End {
  std::uint64_t above;
  unsigned bits;
};

End end_of(std::uint64_t low, std::uint64_t range) {
  for (unsigned bits = 1;; ++bits) {  // at 33 at the latest, since the range is 2^32 or more
    const std::uint64_t step = std::uint64_t{1} << (64 - bits);
    const std::uint64_t above = (0 - low) & (step - 1);
    if (range >= step && above <= range - step) return {above, bits};
  }
}

// The stream's first bit is a fraction's highest, and a word's lowest.
std::uint32_t reversed(std::uint32_t word) {
  word = (word >> 1 & 0x55555555) | (word & 0x55555555) << 1;
  word = (word >> 2 & 0x33333333) | (word & 0x33333333) << 2;
  word = (word >> 4 & 0x0f0f0f0f) | (word & 0x0f0f0f0f) << 4;
  word = (word >> 8 & 0x00ff00ff) | (word & 0x00ff00ff) << 8;
  return word >> 16 | word << 16;
}

class Encoder {
 public:
  bool decide(bool one, Probability& p) {
    const std::uint64_t bound = (range_ >> 16) * p.scaled();
    if (one) {
      range_ = bound;
    } else {
      add(bound);
      range_ -= bound;
    }
    p.learn(one);
    normalize();
    return one;
  }

  std::uint64_t plain(std::uint64_t value, unsigned bits) {
    range_ >>= bits;
    add(value * range_);
    normalize();
    return value;
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
    auto word = words_.end();  // carry; V < 1, so there is a word to take it
    while (++*--word == 0) {
    }
  }

  void normalize() {
    if (range_ >= kLeastRange) return;
    words_.push_back(static_cast<std::uint32_t>(low_ >> kWordBits));
    low_ <<= kWordBits;
    range_ <<= kWordBits;
  }

  std::vector<std::uint32_t> words_;  // of V, before low_
  std::uint64_t low_ = 0;
  std::uint64_t range_ = std::numeric_limits<std::uint64_t>::max();
};

class Decoder {
 public:
  explicit Decoder(const comm::BitReader& in) : ahead_(in), size_(in.remaining().count()) {
    if (size_ == 0) refuse("no bits");
    window_ = next_word() << kWordBits;
    window_ |= next_word();
    above_ = window_;
  }

  bool decide(bool, Probability& p) {
    const std::uint64_t bound = (range_ >> 16) * p.scaled();
    const bool one = above_ < bound;
    range_ = one ? bound : range_ - bound;
    above_ -= one ? 0 : bound;
    p.learn(one);
    normalize();
    return one;
  }

  std::uint64_t plain(std::uint64_t, unsigned bits) {
    range_ >>= bits;
    const std::uint64_t value = above_ / range_;
    // The shift rounds down, so the last of the range is no value's.
    if (value >> bits != 0) refuse("a fraction that no set has");
    above_ -= value * range_;
    normalize();
    return value;
  }

  // Moves `in` to the end of the stream.
  void finish(comm::BitReader& in) const {
    const End end = end_of(window_ - above_, range_);
    if (above_ - end.above >= std::uint64_t{1} << (64 - end.bits)) {
      refuse("a fraction that is not the shortest");
    }
    if (size_ - shifted_ < end.bits) refuse("it is cut short");
    std::uint64_t left = shifted_ + end.bits;
    for (; left > kWordBits; left -= kWordBits) (void)in.get(kWordBits);
    (void)in.get(static_cast<unsigned>(left));
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw comm::DecodeError("entropy code: " + what + ", " + std::to_string(shifted_) + " of " +
                            std::to_string(size_) + " bits read");
  }

 private:
  // The next bits, and zeros after the last: what follows the stream cannot change what is read.
  std::uint64_t next_word() {
    const auto bits = std::min<std::uint64_t>(ahead_.remaining().count(), kWordBits);
    return reversed(static_cast<std::uint32_t>(ahead_.get(static_cast<unsigned>(bits))));
  }

  void normalize() {
    if (range_ >= kLeastRange) return;
    shifted_ += kWordBits;
    if (shifted_ >= size_) refuse("it is cut short");  // at least one bit is to come
    window_ = window_ << kWordBits | next_word();
    above_ = above_ << kWordBits | (window_ & ~std::uint32_t{0});
    range_ <<= kWordBits;
  }

  comm::BitReader ahead_;
  std::uint64_t size_;         // bits of the stream and whatever follows it
  std::uint64_t shifted_ = 0;  // bits of V above the window
  std::uint64_t window_ = 0;   // 64 bits of V
  std::uint64_t above_ = 0;    // window_ - low
  std::uint64_t range_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace

EntropyCodec::EntropyCodec(std::uint64_t d) : d_(d) {
  if (d == 0 || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("EntropyCodec: d = " + std::to_string(d));
  }
}

namespace {

Encoder encoded(std::uint64_t d, std::span<const Index> positions) {
  for (std::size_t j = 0; j < positions.size(); ++j) {
    if (positions[j] >= d || (j > 0 && positions[j] <= positions[j - 1])) {
      throw std::invalid_argument("EntropyCodec::encode: positions[" + std::to_string(j) +
                                  "] = " + std::to_string(positions[j]) +
                                  " of d = " + std::to_string(d) + " is out of range or order");
    }
  }
  Encoder encoder;
  Model model(d, positions.size());
  std::uint64_t next = 0;
  for (const Index position : positions) {
    model.code(position - next, d, encoder);
    next = std::uint64_t{position} + 1;
  }
  return encoder;
}

}  // namespace

comm::Bits EntropyCodec::size(std::span<const Index> positions) const {
  return encoded(d_, positions).size();
}

void EntropyCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  encoded(d_, positions).finish(out);
}

std::vector<Index> EntropyCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  Decoder decoder(in);
  if (count > d_ || count / kMostPerBit > in.remaining().count()) {
    decoder.refuse(std::to_string(count) + " positions of d = " + std::to_string(d_));
  }
  Model model(d_, count);
  std::vector<Index> positions;
  positions.reserve(count);
  std::uint64_t next = 0;
  for (std::uint64_t j = 0; j < count; ++j) {
    next += model.code(0, d_ - next, decoder);
    if (next >= d_)
      decoder.refuse("position " + std::to_string(next) + " of d = " + std::to_string(d_));
    positions.push_back(static_cast<Index>(next++));
  }
  decoder.finish(in);
  return positions;
}

}  // namespace mvsgd::compress
