// Weighted sampling without replacement. A bit for each vote, in increasing coordinate, says
// whether a vote may still be drawn, and a tree finds the n-th of these votes.
#include "compress/vote/random_selection.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <stdexcept>
#include <string>

#include "compress/vote/draws.hpp"

namespace mvsgd::compress {
namespace {

void check_arguments(std::size_t k, std::size_t voted) {
  if (k > voted) {
    throw std::invalid_argument("random_selection: k = " + std::to_string(k) + " of " +
                                std::to_string(voted) + " coordinates with a vote");
  }
}

// The place of the n-th one of `word`, where n counts from 0 and is less than the number of ones.
unsigned place_of_one(std::uint64_t word, unsigned n) {
  constexpr std::uint64_t kEachByte = 0x0101010101010101;
  std::uint64_t ones = word - (word >> 1 & 0x5555555555555555);
  ones = (ones & 0x3333333333333333) + (ones >> 2 & 0x3333333333333333);
  ones = ((ones + (ones >> 4)) & 0x0f0f0f0f0f0f0f0f) * kEachByte;  // the ones up to each byte's end
  // The bytes before the wanted one have n ones or fewer up to their ends.
  const std::uint64_t before = (((n * kEachByte) | (0x80 * kEachByte)) - ones) & (0x80 * kEachByte);
  const auto shift = static_cast<unsigned>((before >> 7) * kEachByte >> 56) * 8;
  n -= static_cast<unsigned>(ones << 8 >> shift & 0xff);
  auto byte = static_cast<unsigned>(word >> shift & 0xff);
  for (; n > 0; --n) byte &= byte - 1;
  return shift + static_cast<unsigned>(std::countr_zero(byte));
}

// All votes in a row, the votes of a coordinate side by side.
class Ballots {
 public:
  explicit Ballots(std::span<const std::uint32_t> counts) {
    for (const std::uint32_t count : counts) left_ += count;
    size_ = left_;
    const std::size_t words = static_cast<std::size_t>((size_ + 63) / 64);
    first_.resize(words);
    std::uint64_t at = 0;
    for (const std::uint32_t count : counts) {
      first_[at / 64] |= std::uint64_t{1} << at % 64;
      at += count;
    }
    in_.assign(words, ~std::uint64_t{0});
    if (size_ % 64 != 0) in_.back() = ~std::uint64_t{0} >> (64 - size_ % 64);
    tree_.resize(std::bit_ceil(words));
    for (std::size_t w = 0; w < words; ++w) {
      const std::uint64_t of = std::min<std::uint64_t>(64, size_ - 64 * std::uint64_t{w});
      for (std::size_t node = tree_.size() + w; node > 1; node /= 2) {
        if (node % 2 == 0) tree_[node / 2] += of;
      }
    }
  }

  [[nodiscard]] std::uint64_t left() const { return left_; }

  // Removes the n-th vote that is left, and with it all votes of its coordinate.
  void remove(std::uint64_t n) {
    std::size_t node = 1;
    while (node < tree_.size()) {
      const std::uint64_t left_of = tree_[node];
      const bool right = n >= left_of;
      n -= right ? left_of : 0;
      node = 2 * node + (right ? 1 : 0);
    }
    const std::size_t word = node - tree_.size();
    const unsigned place = place_of_one(in_[word], static_cast<unsigned>(n));
    // From its coordinate's first vote to before the next coordinate's first vote.
    std::size_t begin_word = word;
    std::uint64_t firsts = first_[word] & ~std::uint64_t{0} >> (63 - place);
    while (firsts == 0) firsts = first_[--begin_word];
    const std::uint64_t begin =
        64 * std::uint64_t{begin_word} + 63 - static_cast<unsigned>(std::countl_zero(firsts));
    std::size_t end_word = word;
    firsts = first_[word] & (~std::uint64_t{1} << place);
    while (firsts == 0 && ++end_word < first_.size()) firsts = first_[end_word];
    const std::uint64_t end = firsts == 0 ? size_
                                          : 64 * std::uint64_t{end_word} +
                                                static_cast<unsigned>(std::countr_zero(firsts));
    remove_between(begin, end);
  }

  // Calls visit(place) for each removed coordinate, increasing; `place` is its place in counts.
  template <typename Visit>
  void for_each_removed(Visit visit) const {
    std::size_t before = 0;  // coordinates
    for (std::size_t w = 0; w < first_.size(); ++w) {
      for (std::uint64_t rest = first_[w]; rest != 0; rest &= rest - 1, ++before) {
        if ((in_[w] & rest & (0 - rest)) == 0) visit(before);
      }
    }
  }

 private:
  void remove_between(std::uint64_t begin, std::uint64_t end) {
    left_ -= end - begin;
    while (begin < end) {
      const auto word = static_cast<std::size_t>(begin / 64);
      const std::uint64_t count = std::min(end - begin, 64 - begin % 64);
      in_[word] &= ~(~std::uint64_t{0} >> (64 - count) << begin % 64);
      for (std::size_t node = tree_.size() + word; node > 1; node /= 2) {
        tree_[node / 2] -= node % 2 == 0 ? count : 0;
      }
      begin += count;
    }
  }

  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;
  std::vector<std::uint64_t> first_;  // whether a vote is its coordinate's first
  std::vector<std::uint64_t> in_;     // whether it may still be drawn
  // A complete binary tree over the words: node 1 is its root, and 2 j and 2 j + 1 are the children
  // of j. A node has the number of votes under its left child that may be drawn.
  std::vector<std::uint64_t> tree_;
};

// Appends k of the `voted` coordinates.
void append_selection(std::span<const Index> voted, std::span<const std::uint32_t> counts,
                      std::size_t k, Draws draws, std::vector<Index>& mask) {
  check_arguments(k, voted.size());
  if (k == 0) return;
  Ballots ballots(counts);
  for (std::size_t drawn = 0; drawn < k; ++drawn) {
    ballots.remove(draws.below_wide(ballots.left()));
  }
  ballots.for_each_removed([&](std::size_t place) { mask.push_back(voted[place]); });
}

}  // namespace

std::vector<Index> random_selection(const VoteTally& tally, std::size_t k, std::uint64_t seed,
                                    std::uint64_t round) {
  std::vector<Index> mask;
  mask.reserve(std::min(k, tally.voted().size()));
  append_selection(tally.voted(), tally.counts(), k, Draws(seed, Purpose::kRandomSelection, round),
                   mask);
  return mask;
}

std::vector<Index> random_selection(const VoteTally& tally, std::span<const Layer> layers,
                                    std::uint64_t seed, std::uint64_t round) {
  check_layers("random_selection", layers, tally.dimension());
  std::vector<Index> mask;
  std::size_t begin = 0;
  std::size_t l = 0;
  for (const std::span<const Index> voted : by_layer(tally.voted(), layers)) {
    append_selection(voted, tally.counts().subspan(begin, voted.size()), layers[l].k,
                     Draws(seed, Purpose::kRandomSelection, round, l + 1), mask);
    begin += voted.size();
    ++l;
  }
  return mask;
}

std::vector<Index> random_selection_by_scanning(std::span<const std::uint32_t> counts,
                                                std::size_t k, std::uint64_t seed,
                                                std::uint64_t round, std::uint64_t part) {
  std::vector<std::uint32_t> rest(counts.begin(), counts.end());
  check_arguments(k, rest.size() - static_cast<std::size_t>(
                                       std::count(rest.begin(), rest.end(), std::uint32_t{0})));
  Draws draws(seed, Purpose::kRandomSelection, round, part);
  std::vector<Index> mask(k);
  for (Index& taken : mask) {
    std::uint64_t vote =
        draws.below_wide(std::accumulate(rest.begin(), rest.end(), std::uint64_t{0}));
    for (taken = 0; vote >= rest[taken]; ++taken) vote -= rest[taken];
    rest[taken] = 0;
  }
  std::sort(mask.begin(), mask.end());
  return mask;
}

}  // namespace mvsgd::compress
