// The random numbers of compress/: functions of (seed, purpose, round), with no state to save.
// Private to ties.cpp, random_selection.cpp and random_mask.cpp.
//
// Uniform numbers below n are made in two ways, both part of a run's bits. Ties and random masks
// take halves of words, and the high half of their product with n: there may be a million ties a
// round, and vector units draw 64 at a time. The random selection takes whole words, and their
// remainder, since votes may be more than 2^32. data/random.hpp has the second way again, since
// neither folder knows the other.
#pragma once

#include <Random123/philox.h>

#include <cstddef>
#include <cstdint>

namespace mvsgd::compress {

/// What a random number is for: the second word of Philox's key. The high half spells "vote". Other
/// folders have letters of their own there, so their numbers are never the same.
enum class Purpose : std::uint64_t {
  kTieBreak = 0x766f7465'00000001,
  kRandomSelection = 0x766f7465'00000002,
  kRandomMask = 0x766f7465'00000003,
};

/// The random words of one round, four at a time: those of Philox4x64-10 under the key {seed,
/// purpose} at the counters {round, part, 0, 0}, {round, part, 0, 1}, ... Part 0 is of choices
/// among all coordinates, part l + 1 of those in layer l, counted from 0.
class RandomWords {
 public:
  RandomWords(std::uint64_t seed, Purpose purpose, std::uint64_t round, std::uint64_t part)
      : key_{{seed, static_cast<std::uint64_t>(purpose)}}, counter_{{round, part, 0, 0}} {}

  r123::Philox4x64::ctr_type next() {
    const auto words = r123::Philox4x64{}(counter_, key_);
    ++counter_[3];
    return words;
  }

 private:
  r123::Philox4x64::key_type key_;
  r123::Philox4x64::ctr_type counter_;
};

/// Whether below() refuses a half with this `product` with n. It refuses 2^32 mod n of the 2^32
/// values of a half, those with the lowest remainders, so that each answer has equally many.
inline bool is_refused(std::uint64_t product, std::uint32_t n) {
  const auto low = static_cast<std::uint32_t>(product);
  return low < n && low < (0 - n) % n;  // at n or above no division is needed
}

/// The random numbers of one round, one after another.
class Draws {
 public:
  Draws(std::uint64_t seed, Purpose purpose, std::uint64_t round, std::uint64_t part = 0)
      : source_(seed, purpose, round, part) {}

  /// Uniform over 0..n-1, exactly; n >= 1. Takes 32-bit halves, the low one of a word first, and
  /// returns the high half of the product with n.
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = half() * n;
    while (is_refused(product, n)) product = half() * n;
    return static_cast<std::uint32_t>(product >> 32);
  }

  /// Uniform over 0..n-1, exactly; n >= 1. Takes whole words, and returns the remainder of the
  /// first one that is not among the lowest 2^64 mod n.
  std::uint64_t below_wide(std::uint64_t n) {
    std::uint64_t drawn = word();
    while (drawn < n && drawn < (0 - n) % n) drawn = word();
    return drawn % n;
  }

 private:
  std::uint64_t word() {
    if (used_ == words_.size()) {
      words_ = source_.next();
      used_ = 0;
    }
    return words_[used_++];
  }

  std::uint64_t half() {
    if (!high_half_next_) pair_ = word();
    const std::uint64_t taken = high_half_next_ ? pair_ >> 32 : pair_ & 0xffffffff;
    high_half_next_ = !high_half_next_;
    return taken;
  }

  RandomWords source_;
  r123::Philox4x64::ctr_type words_{};
  std::size_t used_ = 4;
  std::uint64_t pair_ = 0;  // the word whose halves half() returns
  bool high_half_next_ = false;
};

}  // namespace mvsgd::compress
