#include "compress/vote/vote_sum.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "comm/bit_stream.hpp"
#include "compress/vote/mask_passes.hpp"
#include "compress/vote/ties.hpp"

namespace mvsgd::compress {
namespace {

[[noreturn]] void refuse(std::uint32_t worker, const std::string& why) {
  throw comm::DecodeError("VoteSum: worker " + std::to_string(worker) + ": " + why);
}

// The first coordinate in both increasing lists. It has no branch on which of two is less.
std::optional<Index> first_common(std::span<const Index> a, std::span<const Index> b) {
  std::size_t in_a = 0;
  std::size_t in_b = 0;
  while (in_a < a.size() && in_b < b.size()) {
    const Index i = a[in_a];
    const Index j = b[in_b];
    if (i == j) return i;
    in_a += i < j ? 1 : 0;
    in_b += j < i ? 1 : 0;
  }
  return std::nullopt;
}

}  // namespace

VoteSum::VoteSum(std::size_t d, const Options& options)
    : d_(d), options_(options), planes_(static_cast<unsigned>(std::bit_width(options.workers))) {
  if (d == 0 || d > std::numeric_limits<Index>::max() || options.workers == 0 || options.k > d) {
    throw std::invalid_argument("VoteSum: d = " + std::to_string(d) +
                                ", k = " + std::to_string(options.k) + ", " +
                                std::to_string(options.workers) + " workers");
  }
  bits_.resize((d + 63) / 64 * planes_);
  const std::size_t counts = std::size_t{options.workers} + 1;
  if (options.layers.empty()) {
    with_count_.resize(counts);
    with_count_[0] = d;
  } else {
    check_layers("VoteSum", options.layers, d);
    std::size_t k = 0;
    with_count_.resize(options.layers.size() * counts);
    for (std::size_t l = 0; l < options.layers.size(); ++l) {
      with_count_[l * counts] = options.layers[l].size;
      k += options.layers[l].k;
    }
    if (k != options.k) {
      throw std::invalid_argument("VoteSum: k = " + std::to_string(options.k) + ", in layers " +
                                  std::to_string(k));
    }
  }
  has_voted_.resize(options.workers);
  votes_.resize(options.workers);
}

void VoteSum::first(std::uint32_t worker, std::span<const Index> vote) {
  check_worker(worker, false);
  if (vote.size() != options_.k) {
    refuse(worker, "a first vote of " + std::to_string(vote.size()) +
                       " coordinates, not k = " + std::to_string(options_.k));
  }
  check_list(worker, "vote", vote);
  std::size_t l = 0;
  for (const std::span<const Index> part : by_layer(vote, options_.layers)) {
    if (part.size() != options_.layers[l].k) {
      refuse(worker, "a first vote of " + std::to_string(part.size()) + " coordinates in layer " +
                         std::to_string(l) + ", not k = " + std::to_string(options_.layers[l].k));
    }
    ++l;
  }
  std::vector<Index> kept;
  if (options_.check_votes) kept.assign(vote.begin(), vote.end());
  if (const auto i = move<Direction::up>(vote)) {
    refuse(worker, "votes for " + std::to_string(*i) + ", which has every worker's vote");
  }
  votes_[worker] = std::move(kept);
  has_voted_[worker] = true;
}

void VoteSum::change(std::uint32_t worker, const VoteChange& change) {
  check_worker(worker, true);
  check_change(worker, change);
  std::vector<Index> changed;
  if (options_.check_votes) changed = changed_vote(votes_[worker], change);
  if (const auto i = move<Direction::up>(change.add)) {
    refuse(worker, "adds " + std::to_string(*i) + ", which has every worker's vote");
  }
  if (const auto i = move<Direction::down>(change.drop)) {
    move<Direction::down>(change.add);
    refuse(worker, "drops " + std::to_string(*i) + ", which has no vote");
  }
  votes_[worker] = std::move(changed);
}

std::uint32_t VoteSum::count(Index i) const {
  const std::uint64_t* planes = bits_.data() + std::size_t{i / 64} * planes_;
  std::uint32_t votes = 0;
  for (unsigned p = 0; p < planes_; ++p) {
    votes |= static_cast<std::uint32_t>(planes[p] >> i % 64 & 1) << p;
  }
  return votes;
}

// A sum that turns out wrong is taken back. So the counts of a right one are looked at only once;
// most of them are in a cache line of their own.
template <VoteSum::Direction Way>
std::optional<Index> VoteSum::move(std::span<const Index> list) {
  if (!options_.layers.empty()) return move_in_layers<Way>(list);
  const std::uint32_t end = Way == Direction::up ? options_.workers : 0;
  // Four histograms, so that an increment need not wait for the one before.
  std::vector<std::array<std::size_t, 4>> before(std::size_t{1} << planes_);
  for (std::size_t j = 0; j < list.size(); ++j) {
    constexpr std::size_t kAhead = 24;  // cache lines being prefetched at a time
    if (j + kAhead < list.size()) {
      __builtin_prefetch(bits_.data() + std::size_t{list[j + kAhead] / 64} * planes_, 1);
    }
    ++before[step<Way>(list[j])][j % 4];
  }
  if (before[end] != std::array<std::size_t, 4>{}) {
    constexpr Direction kBack = Way == Direction::up ? Direction::down : Direction::up;
    for (const Index i : list) step<kBack>(i);
    return *std::find_if(list.begin(), list.end(), [&](Index i) { return count(i) == end; });
  }
  for (std::uint32_t c = 0; c <= options_.workers; ++c) {
    const std::size_t moved = before[c][0] + before[c][1] + before[c][2] + before[c][3];
    if (moved == 0) continue;
    with_count_[c] -= moved;
    with_count_[Way == Direction::up ? c + 1 : c - 1] += moved;
  }
  return std::nullopt;
}

// As move(), with the counts of each layer.
template <VoteSum::Direction Way>
std::optional<Index> VoteSum::move_in_layers(std::span<const Index> list) {
  const std::uint32_t end = Way == Direction::up ? options_.workers : 0;
  std::vector<std::uint32_t> before(list.size());
  bool is_at_end = false;
  for (std::size_t j = 0; j < list.size(); ++j) {
    constexpr std::size_t kAhead = 24;  // as in move()
    if (j + kAhead < list.size()) {
      __builtin_prefetch(bits_.data() + std::size_t{list[j + kAhead] / 64} * planes_, 1);
    }
    before[j] = step<Way>(list[j]);
    is_at_end = is_at_end || before[j] == end;
  }
  if (is_at_end) {
    constexpr Direction kBack = Way == Direction::up ? Direction::down : Direction::up;
    for (const Index i : list) step<kBack>(i);
    return *std::find_if(list.begin(), list.end(), [&](Index i) { return count(i) == end; });
  }
  const std::size_t counts = std::size_t{options_.workers} + 1;
  std::size_t* with_count = with_count_.data();
  auto of = before.begin();
  for (const std::span<const Index> part : by_layer(list, options_.layers)) {
    for (const auto part_end = of + static_cast<std::ptrdiff_t>(part.size()); of != part_end;
         ++of) {
      --with_count[*of];
      ++with_count[Way == Direction::up ? *of + 1 : *of - 1];
    }
    with_count += counts;
  }
  return std::nullopt;
}

// Counts modulo 2^planes, with a carry or a borrow from bit to bit. Returns the count before.
template <VoteSum::Direction Way>
std::uint32_t VoteSum::step(Index i) {
  std::uint64_t* planes = bits_.data() + std::size_t{i / 64} * planes_;
  const std::size_t shift = i % 64;
  std::uint64_t carry = std::uint64_t{1} << shift;
  std::uint32_t before = 0;
  for (unsigned p = 0; p < planes_; ++p) {
    const std::uint64_t plane = planes[p];
    before |= static_cast<std::uint32_t>(plane >> shift & 1) << p;
    planes[p] = plane ^ carry;
    carry &= Way == Direction::up ? plane : ~plane;
  }
  return before;
}

std::vector<Index> VoteSum::majority_mask(std::size_t k, const TieBreak& tie) const {
  check_mask_size(k, d_ - with_count_[0]);
  if (k == 0) return {};

  const VoteThreshold threshold = vote_threshold(with_count_, k);
  const auto last = static_cast<std::uint32_t>(threshold.votes);
  const auto enters = draw_ties(tie, threshold.wanted, with_count_[last], options_.isa);
  std::vector<Index> mask(k + kListOverrun);
  with_mask_passes(options_.isa, [&](auto passes) {
    passes.mask_of_planes(bits_.data(), bits_.size() / planes_, planes_, last,
                          {.bits = enters.data()}, mask.data());
  });
  mask.resize(k);
  return mask;
}

std::vector<Index> VoteSum::layers_majority_mask(const TieBreak& tie) const {
  std::vector<Index> mask;
  mask.reserve(options_.k + kListOverrun);
  TieBreak of_layer = tie;
  of_layer.part = 0;
  const std::size_t counts = std::size_t{options_.workers} + 1;
  std::size_t begin = 0;
  for (const auto& [size, k] : options_.layers) {
    const auto with_count = std::span(with_count_).subspan(of_layer.part++ * counts, counts);
    check_mask_size(k, size - with_count[0]);
    if (k > 0) append_mask(begin, begin + size, with_count, k, of_layer, mask);
    begin += size;
  }
  return mask;
}

void VoteSum::append_mask(std::size_t begin, std::size_t end,
                          std::span<const std::size_t> with_count, std::size_t k,
                          const TieBreak& tie, std::vector<Index>& mask) const {
  const std::size_t first = begin / 64;
  const std::size_t words = (end - 1) / 64 + 1 - first;
  const std::uint64_t* bits = bits_.data() + first * planes_;
  std::vector<std::uint64_t> own;
  if (begin % 64 != 0 || (end % 64 != 0 && end != d_)) {
    // The counts of other layers' coordinates in the first and the last word become 0.
    own.assign(bits, bits + words * planes_);
    for (unsigned p = 0; p < planes_; ++p) {
      own[p] &= ~std::uint64_t{0} << begin % 64;
      own[(words - 1) * planes_ + p] &= ~std::uint64_t{0} >> (63 - (end - 1) % 64);
    }
    bits = own.data();
  }
  const VoteThreshold threshold = vote_threshold(with_count, k);
  const auto last = static_cast<std::uint32_t>(threshold.votes);
  const auto enters = draw_ties(tie, threshold.wanted, with_count[last], options_.isa);
  const std::size_t before = mask.size();
  mask.resize(before + k + kListOverrun);
  with_mask_passes(options_.isa, [&](auto passes) {
    passes.mask_of_planes(bits, words, planes_, last, {.bits = enters.data()},
                          mask.data() + before);
  });
  mask.resize(before + k);
  for (std::size_t j = before; j < mask.size(); ++j) mask[j] += static_cast<Index>(64 * first);
}

std::uint64_t VoteSum::votes_for(std::span<const Index> mask) const {
  std::uint64_t votes = 0;
  for (const Index i : mask) votes += count(i);
  return votes;
}

std::vector<std::uint32_t> VoteSum::counts() const {
  std::vector<std::uint32_t> all(d_);
  for (std::size_t i = 0; i < d_; ++i) all[i] = count(static_cast<Index>(i));
  return all;
}

void VoteSum::check_worker(std::uint32_t worker, bool has_voted) const {
  if (worker >= options_.workers) {
    throw std::invalid_argument("VoteSum: worker " + std::to_string(worker) + " of " +
                                std::to_string(options_.workers));
  }
  if (has_voted_[worker] != has_voted) {
    throw std::logic_error("VoteSum: worker " + std::to_string(worker) +
                           (has_voted ? " changes a vote before its first" : " votes first twice"));
  }
}

void VoteSum::check_list(std::uint32_t worker, const char* name,
                         std::span<const Index> list) const {
  for (std::size_t j = 0; j < list.size(); ++j) {
    if (list[j] >= d_ || (j > 0 && list[j] <= list[j - 1])) {
      refuse(worker, std::string(name) + "[" + std::to_string(j) +
                         "] = " + std::to_string(list[j]) + " of d = " + std::to_string(d_) +
                         " is out of range or order");
    }
  }
}

void VoteSum::check_change(std::uint32_t worker, const VoteChange& change) const {
  const auto& [add, drop] = change;
  const std::size_t most = std::min(options_.k_ad, options_.k);
  if (add.size() != drop.size() || add.size() > most) {
    refuse(worker, std::to_string(add.size()) + " adds and " + std::to_string(drop.size()) +
                       " drops, not equally many and " + std::to_string(most) + " at most");
  }
  check_list(worker, "add", add);
  check_list(worker, "drop", drop);
  if (const auto i = first_common(add, drop)) {
    refuse(worker, "both adds and drops " + std::to_string(*i));
  }
  const auto added = by_layer(add, options_.layers);
  const auto dropped = by_layer(drop, options_.layers);
  for (std::size_t l = 0; l < added.size(); ++l) {
    if (added[l].size() == dropped[l].size()) continue;
    refuse(worker, std::to_string(added[l].size()) + " adds and " +
                       std::to_string(dropped[l].size()) + " drops in layer " + std::to_string(l) +
                       ", not equally many");
  }
  if (options_.check_votes) check_against_vote(worker, change);
}

void VoteSum::check_against_vote(std::uint32_t worker, const VoteChange& change) const {
  const std::vector<Index>& vote = votes_[worker];
  if (const auto i = first_common(change.add, vote)) {
    refuse(worker, "adds " + std::to_string(*i) + ", which its vote has");
  }
  auto at = vote.begin();
  for (const Index i : change.drop) {
    while (at != vote.end() && *at < i) ++at;
    if (at == vote.end() || *at != i) {
      refuse(worker, "drops " + std::to_string(i) + ", which its vote lacks");
    }
  }
}

std::span<const Index> VoteSum::vote(std::uint32_t worker) const {
  if (worker >= options_.workers) {
    throw std::invalid_argument("VoteSum::vote: worker " + std::to_string(worker) + " of " +
                                std::to_string(options_.workers));
  }
  if (!options_.check_votes) throw std::logic_error("VoteSum::vote: votes are not kept");
  return votes_[worker];
}

}  // namespace mvsgd::compress
