// The shared part of the position codecs: the check of a set, and items, of which each code
// consists. Private to compress/.
//
// An item is a run of zeros, a 1 and an offset of a fixed width, which may be 0:
//
//     stream    0 ... 0   1   offset
//               '- z -'       '- w bits -'
//
// In the block position code z blocks end before the item's block; in the Rice code z is the high
// part of a gap. Both writer and reader handle an item in a few word operations, whatever z is.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "comm/bit_stream.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// Throws std::invalid_argument unless `positions` are strictly increasing and less than d. The
/// message calls them `list`.
void check_positions(const char* who, std::span<const Index> positions, std::uint64_t d,
                     const char* list = "positions");

/// ceil(n / by).
[[nodiscard]] constexpr std::uint64_t ceil_div(std::uint64_t n, std::uint64_t by) {
  return n / by + (n % by != 0 ? 1 : 0);
}

/// Divides positions by a block size known only at run time, without a division.
class BlockDivider {
 public:
  explicit BlockDivider(std::uint64_t block_size)
      : block_size_(block_size), reciprocal_((std::uint64_t{1} << 32) / block_size) {}

  struct Divided {
    std::uint64_t block;
    std::uint64_t offset;
  };

  /// floor(position / B) and the remainder. The product with the rounded reciprocal is too low by
  /// at most 1, since position is below 2^32.
  [[nodiscard]] Divided divide(Index position) const {
    const std::uint64_t low = position * reciprocal_ >> 32;
    const std::uint64_t rest = position - low * block_size_;
    const bool is_low = rest >= block_size_;
    return {.block = low + (is_low ? 1 : 0), .offset = rest - (is_low ? block_size_ : 0)};
  }

 private:
  std::uint64_t block_size_;
  std::uint64_t reciprocal_;
};

/// Appends items to a stream. It collects words of its own and appends them all in finish(), so
/// that the loop over the positions calls no function.
class ItemWriter {
 public:
  /// `most` bounds the bits that will be put.
  ItemWriter(comm::BitWriter& out, comm::Bits most)
      : out_(out),
        words_(std::make_unique_for_overwrite<std::uint64_t[]>(most.count() / kWord + 1)),
        next_(words_.get()) {}

  /// Puts the low `width` bits of value, which has no others; 1 <= width <= 64. The branch for the
  /// end of a word is hard to predict, and yet faster than storing a word each time: 3.8 ns a
  /// position of the block position code, against 4.0.
  void put(std::uint64_t value, unsigned width) {
    word_ |= value << used_;
    if (used_ + width < kWord) {
      used_ += width;
      return;
    }
    *next_++ = word_;
    word_ = value >> 1 >> (kWord - 1 - used_);
    used_ = used_ + width - kWord;
  }

  void zeros(std::uint64_t count) {
    for (; count >= kWord; count -= kWord) put(0, kWord);
    if (count > 0) put(0, static_cast<unsigned>(count));
  }

  /// Puts an item; width <= 31.
  void item(std::uint64_t run, std::uint64_t offset, unsigned width) {
    if (run + 1 + width > kWord) {
      zeros(run);
      run = 0;
    }
    put((offset << 1 | 1) << run, static_cast<unsigned>(run) + 1 + width);
  }

  void finish() {
    for (const std::uint64_t* word = words_.get(); word != next_; ++word) out_.put(*word, kWord);
    out_.put(word_, used_);
  }

 private:
  static constexpr unsigned kWord = 64;

  comm::BitWriter& out_;
  std::unique_ptr<std::uint64_t[]> words_;
  std::uint64_t* next_;
  std::uint64_t word_ = 0;
  unsigned used_ = 0;  // bits of word_ in use; the others are zero
};

struct Item {
  std::uint64_t run;
  std::uint64_t offset;
};

/// Reads items. Total: it refuses a run longer than `longest_run`, which may be up to 2^32. What
/// lies past the end is refused by the next call that needs it, rest() at the latest.
class ItemReader {
 public:
  /// width <= 31.
  ItemReader(const comm::BitReader& in, unsigned width, std::uint64_t longest_run)
      : in_(in), longest_run_(longest_run), width_(width), window_(in_.peek()) {}

  /// Throws comm::DecodeError.
  Item next() {
    auto run = static_cast<unsigned>(std::countr_zero(window_));
    if (used_ + run + 1 + width_ > kWord) {  // the window ends before the item does
      refill();
      run = static_cast<unsigned>(std::countr_zero(window_));
      if (run + 1 + width_ > kWord) return next_long();
    }
    const std::uint64_t from_one = window_ >> run;
    window_ = from_one >> (1 + width_);
    used_ += run + 1 + width_;
    return {.run = run, .offset = from_one >> 1 & ((std::uint64_t{1} << width_) - 1)};
  }

  /// The stream after the items that were read. Throws comm::DecodeError if the last item is cut.
  [[nodiscard]] comm::BitReader rest() const {
    comm::BitReader after = in_;
    after.skip(comm::Bits(used_));
    return after;
  }

 private:
  static constexpr unsigned kWord = 64;

  void refill() {
    in_.skip(comm::Bits(used_));
    window_ = in_.peek();
    used_ = 0;
  }

  Item next_long();

  comm::BitReader in_;  // stands at the first bit of the window
  std::uint64_t longest_run_;
  unsigned width_;
  unsigned used_ = 0;     // bits of the window that were read and shifted out
  std::uint64_t window_;  // the next kWord - used_ bits
};

/// Skips `count` bits, which must be zero. Throws comm::DecodeError.
void read_zeros(comm::BitReader& in, std::uint64_t count);

}  // namespace mvsgd::compress
