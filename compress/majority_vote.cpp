#include "compress/majority_vote.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "compress/reaching.hpp"

namespace mvsgd::compress {
namespace {

// The second word of Philox's key: "vote", so that no other use of the seed draws these numbers.
constexpr std::uint64_t kPurpose = 0x766f7465'00000001;

// The 32-bit halves, low one first, of the words of Philox4x64-10 under the key {seed, kPurpose} at
// the counters {round, 0, 0, 0}, {round, 0, 0, 1}, ...
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t round)
      : key_{{seed, kPurpose}}, counter_{{round, 0, 0, 0}} {}

  // Uniform over 0..n-1, exactly; n >= 1. Of the 2^32 values of a half, the product with n carries
  // equally many to each answer once those with the lowest 2^32 mod n remainders are refused.
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = half() * n;
    if (static_cast<std::uint32_t>(product) < n) {  // else no need for the division
      const std::uint32_t refused = (0 - n) % n;    // 2^32 mod n
      while (static_cast<std::uint32_t>(product) < refused) product = half() * n;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

 private:
  std::uint64_t half() {
    if (used_ == 2 * words_.size()) {
      words_ = r123::Philox4x64{}(counter_, key_);
      ++counter_[3];
      used_ = 0;
    }
    const std::uint64_t word = words_[used_ / 2] >> 32 * (used_ % 2);
    ++used_;
    return word & 0xffffffff;
  }

  r123::Philox4x64::key_type key_;
  r123::Philox4x64::ctr_type counter_;
  r123::Philox4x64::ctr_type words_{};
  std::size_t used_ = 8;
};

// Decides, for one tied coordinate after the other, which enter. The random rule is selection
// sampling: with `wanted` still to take of `left`, the next is taken with probability wanted /
// left, which makes every subset equally likely.
class Ties {
 public:
  Ties(const TieBreak& tie, std::size_t wanted, std::size_t tied)
      : rule_(tie.rule), draws_(tie.seed, tie.round), wanted_(wanted), left_(tied) {}

  bool takes_next() {
    const bool taken = rule_ == TieBreak::Rule::index
                           ? wanted_ > 0
                           : draws_.below(static_cast<std::uint32_t>(left_)) < wanted_;
    --left_;
    wanted_ -= taken ? 1 : 0;
    return taken;
  }

 private:
  TieBreak::Rule rule_;
  Draws draws_;
  std::size_t wanted_;
  std::size_t left_;
};

}  // namespace

VoteCounts::VoteCounts(std::size_t d) {
  if (d == 0 || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("VoteCounts: d = " + std::to_string(d));
  }
  counts_.resize(d);
}

void VoteCounts::add(std::span<const Index> support) {
  for (std::size_t j = 0; j < support.size(); ++j) {
    if (support[j] >= counts_.size() || (j > 0 && support[j] <= support[j - 1])) {
      throw std::invalid_argument(
          "VoteCounts::add: support[" + std::to_string(j) + "] = " + std::to_string(support[j]) +
          " of d = " + std::to_string(counts_.size()) + " is out of range or order");
    }
  }
  for (const Index i : support) ++counts_[i];
}

void VoteCounts::clear() { std::fill(counts_.begin(), counts_.end(), 0); }

std::vector<Index> majority_mask(const VoteCounts& votes, std::size_t k, const TieBreak& tie) {
  const std::span<const std::uint32_t> counts = votes.counts();
  const auto itself = [](std::uint32_t count) { return count; };

  std::vector<std::size_t> with_count(1);  // [c]: how many coordinates have c >= 1 votes
  std::size_t voted = 0;
  for_each_reaching(counts, itself, std::uint32_t{1}, [&](std::size_t i) {
    if (counts[i] >= with_count.size()) with_count.resize(std::size_t{counts[i]} + 1);
    ++with_count[counts[i]];
    ++voted;
  });
  if (k > voted) {
    throw std::invalid_argument("majority_mask: k = " + std::to_string(k) + " of " +
                                std::to_string(voted) + " coordinates with a vote");
  }
  if (k == 0) return {};

  std::size_t last = with_count.size() - 1;  // the threshold count
  std::size_t wanted = k;                    // of the coordinates at it
  while (with_count[last] < wanted) wanted -= with_count[last--];

  Ties ties(tie, wanted, with_count[last]);
  std::vector<Index> mask;
  mask.reserve(k);
  for_each_reaching(counts, itself, static_cast<std::uint32_t>(last), [&](std::size_t i) {
    if (counts[i] > last || ties.takes_next()) mask.push_back(static_cast<Index>(i));
  });
  return mask;
}

}  // namespace mvsgd::compress
