#include "compress/vote/majority_vote.hpp"

#include <stdexcept>
#include <string>

#include "compress/vote/mask_passes.hpp"
#include "compress/vote/ties.hpp"

namespace mvsgd::compress {

void check_mask_size(std::size_t k, std::size_t voted) {
  if (k > voted) {
    throw std::invalid_argument("majority_mask: k = " + std::to_string(k) + " of " +
                                std::to_string(voted) + " coordinates with a vote");
  }
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
