// The random numbers of data/: functions of (seed, purpose, place), with no state to save. Private.
//
// compress/vote/draws.hpp, among others, draws below n in the same way. Neither folder knows the
// other, and a shared library would be longer than these ten lines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mvsgd::data {

/// What a random number is for: the second word of Philox's key. The high half spells "data". Other
/// folders have letters of their own there, so their numbers are never the same.
enum class Purpose : std::uint64_t {
  kPartition = 0x64617461'00000001,
  kPermutation = 0x64617461'00000002,
  kAugmentation = 0x64617461'00000003,
  kTrainImage = 0x64617461'00000004,
  kTestImage = 0x64617461'00000005,
  kStratifiedPartition = 0x64617461'00000006,
  kDirichletOrder = 0x64617461'00000007,
  kDirichlet = 0x64617461'00000008,
  kEqualDirichlet = 0x64617461'00000009,
  kClassOrder = 0x64617461'0000000a,
  kClassesOfWorkers = 0x64617461'0000000b,
};

/// The place in a run where a random number is used: the first three words of Philox's counter.
struct Place {
  std::uint64_t round = 0;  ///< or epoch
  std::uint64_t worker = 0;
  std::uint64_t index = 0;
};

/// The random numbers of one place, one after another: the words of Philox4x64-10 under the key
/// {seed, purpose} at the counters {round, worker, index, 0}, {round, worker, index, 1}, ...
class Draws {
 public:
  Draws(std::uint64_t seed, Purpose purpose, const Place& place)
      : key_{seed, static_cast<std::uint64_t>(purpose)},
        counter_{place.round, place.worker, place.index, 0} {}

  /// 64 random bits.
  std::uint64_t bits() {
    if (used_ == block_.size()) refill();
    return block_[used_++];
  }

  /// Uniform over 0..n-1, exactly; n >= 1.
  std::uint64_t below(std::uint64_t n) {
    // 2^64 mod n words are rejected, so that every remainder occurs equally often.
    const std::uint64_t refused = (0 - n) % n;
    std::uint64_t word = bits();
    while (word < refused) word = bits();
    return word % n;
  }

 private:
  void refill();

  std::array<std::uint64_t, 2> key_;
  std::array<std::uint64_t, 4> counter_;
  std::array<std::uint64_t, 4> block_{};
  std::size_t used_ = 4;
};

/// The numbers 0..n-1 in random order, all orders equally likely: Fisher and Yates's shuffle, which
/// draws its i-th number at place.index = i. O(n).
[[nodiscard]] std::vector<std::uint32_t> shuffled(std::uint32_t n, std::uint64_t seed,
                                                  Purpose purpose, Place place);

}  // namespace mvsgd::data
