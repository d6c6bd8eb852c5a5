// The random numbers of compress/: functions of (seed, purpose, round), with no state to save.
// Private: the draws of majority_vote.cpp and random_selection.cpp.
#pragma once

#include <Random123/philox.h>

#include <cstddef>
#include <cstdint>

namespace mvsgd::compress {

/// What a random number is for: the second word of Philox's key. The high half spells "vote", so
/// that no number of another folder, which has letters of its own there, is ever the same.
enum class Purpose : std::uint64_t {
  kTieBreak = 0x766f7465'00000001,
  kRandomSelection = 0x766f7465'00000002,
};

/// The random numbers of one round, one after the other: the words of Philox4x64-10 under the key
/// {seed, purpose} at the counters {round, 0, 0, 0}, {round, 0, 0, 1}, ...
class Draws {
 public:
  Draws(std::uint64_t seed, Purpose purpose, std::uint64_t round)
      : key_{{seed, static_cast<std::uint64_t>(purpose)}}, counter_{{round, 0, 0, 0}} {}

  /// Uniform over 0..n-1, exactly; n >= 1. From 32-bit halves, the low one of a word first. Of the
  /// 2^32 values of a half, the product with n carries equally many to each answer once those with
  /// the lowest 2^32 mod n remainders are refused.
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = half() * n;
    if (static_cast<std::uint32_t>(product) < n) {  // else no need for the division
      const std::uint32_t refused = (0 - n) % n;    // 2^32 mod n
      while (static_cast<std::uint32_t>(product) < refused) product = half() * n;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  /// Uniform over 0..n-1, exactly; n >= 1. From whole words: the remainder of the first one that is
  /// not among the lowest 2^64 mod n.
  std::uint64_t below_wide(std::uint64_t n) {
    const std::uint64_t refused = (0 - n) % n;  // 2^64 mod n
    std::uint64_t drawn = word();
    while (drawn < refused) drawn = word();
    return drawn % n;
  }

 private:
  std::uint64_t word() {
    if (used_ == words_.size()) {
      words_ = r123::Philox4x64{}(counter_, key_);
      ++counter_[3];
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

  r123::Philox4x64::key_type key_;
  r123::Philox4x64::ctr_type counter_;
  r123::Philox4x64::ctr_type words_{};
  std::size_t used_ = 4;
  std::uint64_t pair_ = 0;  // the word that half() is at
  bool high_half_next_ = false;
};

}  // namespace mvsgd::compress
