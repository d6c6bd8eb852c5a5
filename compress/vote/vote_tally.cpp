#include "compress/vote/vote_tally.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <string>

#include "compress/vote/mask_passes.hpp"

namespace mvsgd::compress {
namespace {

void check_support(std::size_t n, std::span<const Index> support, std::size_t d) {
  unsigned falls = 0;  // a sum, since no vector unit can do a search
  for (std::size_t j = 1; j < support.size(); ++j) falls |= support[j] <= support[j - 1] ? 1U : 0U;
  if (support.empty() || (falls == 0 && support.back() < d)) return;
  std::size_t j = 0;
  while (support[j] < d && (j == 0 || support[j] > support[j - 1])) ++j;
  throw std::invalid_argument("VoteTally::count: support " + std::to_string(n) + "[" +
                              std::to_string(j) + "] = " + std::to_string(support[j]) +
                              " of d = " + std::to_string(d) + " is out of range or order");
}

// The votes of 2^13 coordinates, and a bit for each coordinate that has any.
struct Block {
  static constexpr unsigned kLog2 = 13;
  static constexpr Index kSize = Index{1} << kLog2;
  std::array<std::uint32_t, kSize> counts{};
  std::array<std::uint64_t, kSize / 64> has_vote{};

  void add(Index i) {
    ++counts[i % kSize];
    has_vote[i % kSize / 64] |= std::uint64_t{1} << i % 64;
  }
};

}  // namespace

VoteTally::VoteTally(std::size_t d, Isa isa) : d_(d), isa_(isa) {
  if (d == 0 || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("VoteTally: d = " + std::to_string(d));
  }
}

void VoteTally::count(std::span<const std::vector<Index>> supports) {
  std::size_t votes = 0;
  for (std::size_t n = 0; n < supports.size(); ++n) {
    check_support(n, supports[n], d_);
    votes += supports[n].size();
  }
  const std::size_t most = std::min(votes, d_) + kListOverrun;
  if (voted_.size() < most) {
    voted_.resize(most);
    counts_.resize(most);
  }
  size_ = 0;
  with_count_.assign(supports.size() + 1, 0);
  if (votes >= d_ / 64) {
    count_by_blocks(supports);
  } else {
    count_by_sorting(supports);
  }
}

void VoteTally::count_by_blocks(std::span<const std::vector<Index>> supports) {
  struct Rest {
    const Index* at;
    const Index* end;
  };
  std::vector<Rest> rests;
  for (const auto& support : supports) {
    if (!support.empty()) rests.push_back({support.data(), support.data() + support.size()});
  }
  // Four histograms, so that an increment need not wait for the one before.
  std::vector<std::array<std::uint32_t, 4>> with_count(supports.size() + 1);
  Block block;
  for (std::uint64_t begin = 0; begin < d_; begin += Block::kSize) {
    for (auto& [at, end] : rests) {
      const Index* from = at;
      while (from != end && *from < begin + Block::kSize) block.add(*from++);
      at = from;
    }
    Index* const first = voted_.data() + size_;
    const Index* const last = with_mask_passes(isa_, [&](auto passes) {
      return passes.list(block.has_vote.data(), block.has_vote.size(), static_cast<Index>(begin),
                         first);
    });
    block.has_vote.fill(0);
    for (const Index* i = first; i != last; ++i, ++size_) {
      std::uint32_t& count = block.counts[*i % Block::kSize];
      counts_[size_] = count;
      ++with_count[count][size_ % 4];
      count = 0;
    }
  }
  for (std::size_t c = 1; c < with_count.size(); ++c) {
    for (const std::size_t part : with_count[c]) with_count_[c] += part;
  }
}

void VoteTally::count_by_sorting(std::span<const std::vector<Index>> supports) {
  std::vector<Index> votes;
  for (const auto& support : supports) votes.insert(votes.end(), support.begin(), support.end());
  std::sort(votes.begin(), votes.end());
  for (std::size_t j = 0; j < votes.size(); ++size_) {
    const std::size_t begin = j;
    while (j < votes.size() && votes[j] == votes[begin]) ++j;
    voted_[size_] = votes[begin];
    counts_[size_] = static_cast<std::uint32_t>(j - begin);
    ++with_count_[j - begin];
  }
}

std::uint64_t VoteTally::votes_for(std::span<const Index> mask) const {
  std::uint64_t votes = 0;
  std::size_t at = 0;
  for (const Index i : mask) {
    std::size_t step = 1;
    while (at + step < size_ && voted_[at + step] <= i) {
      at += step;
      step *= 2;
    }
    for (; step > 0; step /= 2) {
      if (at + step < size_ && voted_[at + step] <= i) at += step;
    }
    if (at < size_ && voted_[at] == i) votes += counts_[at];
  }
  return votes;
}

}  // namespace mvsgd::compress
