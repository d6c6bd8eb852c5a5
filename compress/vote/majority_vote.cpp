#include "compress/vote/majority_vote.hpp"

#include <array>
#include <stdexcept>
#include <string>

#include "compress/vote/mask_passes.hpp"
#include "compress/vote/ties.hpp"

namespace mvsgd::compress {
namespace {

// Appends the mask of k of the `voted` coordinates, with_count[c] of which have c votes.
void append_mask(std::span<const Index> voted, std::span<const std::uint32_t> counts,
                 std::span<const std::size_t> with_count, std::size_t k, const TieBreak& tie,
                 Isa isa, std::vector<Index>& mask) {
  check_mask_size(k, voted.size());
  if (k == 0) return;
  const VoteThreshold threshold = vote_threshold(with_count, k);
  const auto last = static_cast<std::uint32_t>(threshold.votes);
  const auto enters = draw_ties(tie, threshold.wanted, with_count[last], isa);
  const std::size_t before = mask.size();
  mask.resize(before + k + kListOverrun);
  with_mask_passes(isa, [&](auto passes) {
    passes.mask_of_list(voted.data(), counts.data(), voted.size(), last, {.bits = enters.data()},
                        mask.data() + before);
  });
  mask.resize(before + k);
}

}  // namespace

void check_mask_size(std::size_t k, std::size_t voted) {
  if (k > voted) {
    throw std::invalid_argument("majority_mask: k = " + std::to_string(k) + " of " +
                                std::to_string(voted) + " coordinates with a vote");
  }
}

std::vector<Index> majority_mask(const VoteTally& tally, std::size_t k, const TieBreak& tie,
                                 Isa isa) {
  std::vector<Index> mask;
  append_mask(tally.voted(), tally.counts(), tally.with_count(), k, tie, isa, mask);
  return mask;
}

std::vector<Index> majority_mask(const VoteTally& tally, std::span<const Layer> layers,
                                 const TieBreak& tie, Isa isa) {
  check_layers("majority_mask", layers, tally.dimension());
  std::size_t kept = 0;
  for (const Layer& layer : layers) kept += layer.k;
  std::vector<Index> mask;
  mask.reserve(kept + kListOverrun);
  // Four histograms, so that an increment need not wait for the one before.
  std::vector<std::array<std::size_t, 4>> histogram(tally.with_count().size());
  std::vector<std::size_t> with_count(histogram.size());
  std::size_t begin = 0;
  TieBreak of_layer = tie;
  of_layer.part = 0;
  for (const std::span<const Index> voted : by_layer(tally.voted(), layers)) {
    const auto counts = tally.counts().subspan(begin, voted.size());
    histogram.assign(histogram.size(), {});
    for (std::size_t j = 0; j < counts.size(); ++j) ++histogram[counts[j]][j % 4];
    for (std::size_t c = 0; c < histogram.size(); ++c) {
      with_count[c] = histogram[c][0] + histogram[c][1] + histogram[c][2] + histogram[c][3];
    }
    const std::size_t k = layers[of_layer.part++].k;
    append_mask(voted, counts, with_count, k, of_layer, isa, mask);
    begin += voted.size();
  }
  return mask;
}

}  // namespace mvsgd::compress
