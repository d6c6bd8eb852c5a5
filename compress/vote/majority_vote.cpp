#include "compress/vote/majority_vote.hpp"

#include <limits>
#include <stdexcept>
#include <string>

#include "compress/vote/draws.hpp"
#include "compress/vote/mask_passes.hpp"
#include "compress/vote/reaching.hpp"
#include "compress/vote/ties.hpp"

namespace mvsgd::compress {
namespace {

// Decides, for one tied coordinate after the other, which enter. The random rule is selection
// sampling: with `wanted` still to take of `left`, the next is taken with probability wanted /
// left, which makes every subset equally likely.
class Ties {
 public:
  Ties(const TieBreak& tie, std::size_t wanted, std::size_t tied)
      : rule_(tie.rule),
        draws_(tie.seed, Purpose::kTieBreak, tie.round),
        wanted_(wanted),
        left_(tied) {}

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
  for (const Index i : support) {
    if (counts_[i]++ == 0) voted_.push_back(i);
  }
}

void VoteCounts::clear() {
  for (const Index i : voted_) counts_[i] = 0;
  voted_.clear();
}

void check_mask_size(std::size_t k, std::size_t voted) {
  if (k > voted) {
    throw std::invalid_argument("majority_mask: k = " + std::to_string(k) + " of " +
                                std::to_string(voted) + " coordinates with a vote");
  }
}

std::vector<Index> majority_mask(std::span<const std::uint32_t> counts, std::size_t k,
                                 const TieBreak& tie) {
  const auto itself = [](std::uint32_t count) { return count; };

  std::vector<std::size_t> with_count(1);  // [c]: how many coordinates have c >= 1 votes
  std::size_t voted = 0;
  for_each_reaching(counts, itself, std::uint32_t{1}, [&](std::size_t i) {
    if (counts[i] >= with_count.size()) with_count.resize(std::size_t{counts[i]} + 1);
    ++with_count[counts[i]];
    ++voted;
  });
  check_mask_size(k, voted);
  if (k == 0) return {};

  const VoteThreshold threshold = vote_threshold(with_count, k);
  const auto last = static_cast<std::uint32_t>(threshold.votes);
  Ties ties(tie, threshold.wanted, with_count[last]);
  std::vector<Index> mask;
  mask.reserve(k);
  for_each_reaching(counts, itself, last, [&](std::size_t i) {
    if (counts[i] > last || ties.takes_next()) mask.push_back(static_cast<Index>(i));
  });
  return mask;
}

std::vector<Index> majority_mask(const VoteTally& tally, std::size_t k, const TieBreak& tie,
                                 Isa isa) {
  check_mask_size(k, tally.voted().size());
  if (k == 0) return {};

  const VoteThreshold threshold = vote_threshold(tally.with_count(), k);
  const auto last = static_cast<std::uint32_t>(threshold.votes);
  const auto enters = draw_ties(tie, threshold.wanted, tally.with_count()[last], isa);
  std::vector<Index> mask(k + kListOverrun);
  with_mask_passes(isa, [&](auto passes) {
    passes.mask_of_list(tally.voted().data(), tally.counts().data(), tally.voted().size(), last,
                        {.bits = enters.data()}, mask.data());
  });
  mask.resize(k);
  return mask;
}

}  // namespace mvsgd::compress
