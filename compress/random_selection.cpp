// Weighted sampling without replacement: a Fenwick tree over the votes of the voted coordinates, in
// increasing coordinate, from which each draw removes what it takes.
#include "compress/random_selection.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/draws.hpp"

namespace mvsgd::compress {
namespace {

void check_arguments(std::size_t k, std::size_t voted) {
  if (k > voted) {
    throw std::invalid_argument("random_selection: k = " + std::to_string(k) + " of " +
                                std::to_string(voted) + " coordinates with a vote");
  }
}

// The same coordinates, increasing: a radix sort, the lowest of three digits first.
std::vector<Index> increasing(std::span<const Index> coordinates) {
  constexpr unsigned kDigitBits = 11;
  constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
  std::vector<Index> sorted(coordinates.begin(), coordinates.end());
  std::vector<Index> scratch(sorted.size());
  for (unsigned shift = 0; shift < 32; shift += kDigitBits) {
    std::array<std::size_t, kDigits> end{};
    for (const Index i : sorted) ++end[(i >> shift) % kDigits];
    std::exclusive_scan(end.begin(), end.end(), end.begin(), std::size_t{0});
    for (const Index i : sorted) scratch[end[(i >> shift) % kDigits]++] = i;
    std::swap(sorted, scratch);
  }
  return sorted;
}

// Sums of the votes of `voted`, places numbered from 1: node p holds those of the lowbit(p) places
// that end at p.
class FenwickTree {
 public:
  FenwickTree(std::span<const Index> voted, std::span<const std::uint32_t> counts)
      : nodes_(voted.size() + 1) {
    for (std::size_t p = 1; p < nodes_.size(); ++p) {
      nodes_[p] += counts[voted[p - 1]];
      const std::size_t parent = p + lowbit(p);
      if (parent < nodes_.size()) nodes_[parent] += nodes_[p];
    }
  }

  // The place, from 0, whose votes hold vote number `vote`, counted from 0 in increasing place.
  [[nodiscard]] std::size_t find(std::uint64_t vote) const {
    std::size_t before = 0;
    for (std::size_t step = std::bit_floor(nodes_.size() - 1); step > 0; step /= 2) {
      if (before + step < nodes_.size() && nodes_[before + step] <= vote) {
        before += step;
        vote -= nodes_[before];
      }
    }
    return before;
  }

  void remove(std::size_t place, std::uint64_t votes) {
    for (std::size_t p = place + 1; p < nodes_.size(); p += lowbit(p)) nodes_[p] -= votes;
  }

 private:
  static std::size_t lowbit(std::size_t p) { return p & (0 - p); }

  std::vector<std::uint64_t> nodes_;
};

}  // namespace

std::vector<Index> random_selection(const VoteCounts& votes, std::size_t k, std::uint64_t seed,
                                    std::uint64_t round) {
  check_arguments(k, votes.voted().size());
  const std::span<const std::uint32_t> counts = votes.counts();
  const std::vector<Index> voted = increasing(votes.voted());
  std::uint64_t left = 0;
  for (const Index i : voted) left += counts[i];

  FenwickTree tree(voted, counts);
  Draws draws(seed, Purpose::kRandomSelection, round);
  std::vector<std::size_t> taken(k);  // places in voted
  for (std::size_t& place : taken) {
    place = tree.find(draws.below_wide(left));
    tree.remove(place, counts[voted[place]]);
    left -= counts[voted[place]];
  }
  std::vector<bool> is_taken(voted.size());
  for (const std::size_t place : taken) is_taken[place] = true;
  std::vector<Index> mask;
  mask.reserve(k);
  for (std::size_t j = 0; j < voted.size(); ++j) {
    if (is_taken[j]) mask.push_back(voted[j]);
  }
  return mask;
}

std::vector<Index> random_selection_by_scanning(std::span<const std::uint32_t> counts,
                                                std::size_t k, std::uint64_t seed,
                                                std::uint64_t round) {
  std::vector<std::uint32_t> rest(counts.begin(), counts.end());
  check_arguments(k, rest.size() - static_cast<std::size_t>(
                                       std::count(rest.begin(), rest.end(), std::uint32_t{0})));
  Draws draws(seed, Purpose::kRandomSelection, round);
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
