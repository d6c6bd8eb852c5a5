#include "compress/vote_sum.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

#include "comm/bit_stream.hpp"
#include "compress/ties.hpp"

namespace mvsgd::compress {
namespace {

[[noreturn]] void refuse(std::uint32_t worker, const std::string& why) {
  throw comm::DecodeError("VoteSum: worker " + std::to_string(worker) + ": " + why);
}

// The first coordinate that both increasing lists have. Without a branch on which of two is less.
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
  with_count_.resize(std::size_t{options.workers} + 1);
  with_count_[0] = d;
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
  if (const auto i = first_with(vote, options_.workers)) {
    refuse(worker, "votes for " + std::to_string(*i) + ", which has every worker's vote");
  }
  if (options_.check_votes) votes_[worker].assign(vote.begin(), vote.end());
  for (const Index i : vote) recount(i, 1);
  has_voted_[worker] = true;
}

void VoteSum::change(std::uint32_t worker, const VoteChange& change) {
  check_worker(worker, true);
  check_change(worker, change);
  if (options_.check_votes) votes_[worker] = changed_vote(votes_[worker], change);
  for_each_fetched(change.add, [&](Index i) { recount(i, 1); });
  for_each_fetched(change.drop, [&](Index i) { recount(i, -1); });
}

template <typename Visit>
void VoteSum::for_each_fetched(std::span<const Index> list, Visit visit) const {
  constexpr std::size_t kAhead = 24;  // cache lines on their way at a time
  for (std::size_t j = 0; j < list.size(); ++j) {
    if (j + kAhead < list.size()) {
      __builtin_prefetch(bits_.data() + std::size_t{list[j + kAhead] / 64} * planes_);
    }
    visit(list[j]);
  }
}

std::uint32_t VoteSum::count(Index i) const {
  const std::uint64_t* planes = bits_.data() + std::size_t{i / 64} * planes_;
  std::uint32_t votes = 0;
  for (unsigned p = 0; p < planes_; ++p) {
    votes |= static_cast<std::uint32_t>(planes[p] >> i % 64 & 1) << p;
  }
  return votes;
}

std::optional<Index> VoteSum::first_with(std::span<const Index> list, std::uint32_t votes) const {
  // A sum rather than a search, so that the next counts are read while this one is waited for.
  unsigned found = 0;
  for_each_fetched(list, [&](Index i) { found |= count(i) == votes ? 1U : 0U; });
  if (found == 0) return std::nullopt;
  return *std::find_if(list.begin(), list.end(), [&](Index i) { return count(i) == votes; });
}

void VoteSum::recount(Index i, int by) {
  const std::uint32_t before = count(i);
  const std::uint32_t after = before + static_cast<std::uint32_t>(by);
  --with_count_[before];
  ++with_count_[after];
  std::uint64_t* planes = bits_.data() + std::size_t{i / 64} * planes_;
  for (unsigned p = 0; p < planes_; ++p) {
    planes[p] ^= std::uint64_t{(before ^ after) >> p & 1} << i % 64;
  }
}

std::vector<Index> VoteSum::majority_mask(std::size_t k, const TieBreak& tie) const {
  check_mask_size(k, d_ - with_count_[0]);
  if (k == 0) return {};

  const auto [last, wanted] = vote_threshold(with_count_, k);
  TieChoice choice(tie, wanted, with_count_[last]);
  std::vector<Index> mask;
  mask.reserve(k);
  for (std::size_t word = 0; word * planes_ < bits_.size(); ++word) {
    // Of these 64 counts, those above `last` and those equal to it, from the highest bit down. At
    // least one vote is wanted, so the places beyond d are in neither.
    std::uint64_t above = 0;
    std::uint64_t tied = ~std::uint64_t{0};
    for (unsigned p = planes_; p-- > 0;) {
      const std::uint64_t plane = bits_[word * planes_ + p];
      const std::uint64_t wants = (last >> p & 1) != 0 ? ~std::uint64_t{0} : 0;
      above |= tied & plane & ~wants;
      tied &= ~(plane ^ wants);
    }
    for (std::uint64_t in = above | choice.among(tied); in != 0; in &= in - 1) {
      mask.push_back(static_cast<Index>(64 * word) + static_cast<Index>(std::countr_zero(in)));
    }
  }
  return mask;
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
  if (const auto i = first_with(add, options_.workers)) {
    refuse(worker, "adds " + std::to_string(*i) + ", which has every worker's vote");
  }
  if (const auto i = first_with(drop, 0)) {
    refuse(worker, "drops " + std::to_string(*i) + ", which has no vote");
  }
  if (options_.check_votes) check_against_vote(worker, change);
}

void VoteSum::check_against_vote(std::uint32_t worker, const VoteChange& change) const {
  // All lists increase, so the vote is searched from where the last search of it ended.
  std::span<const Index> rest = votes_[worker];
  const auto has = [&rest](Index i) {
    const auto at = std::lower_bound(rest.begin(), rest.end(), i);
    rest = rest.subspan(static_cast<std::size_t>(at - rest.begin()));
    return !rest.empty() && rest.front() == i;
  };
  for (const Index i : change.add) {
    if (has(i)) refuse(worker, "adds " + std::to_string(i) + ", which its vote has");
  }
  rest = votes_[worker];
  for (const Index i : change.drop) {
    if (!has(i)) refuse(worker, "drops " + std::to_string(i) + ", which its vote lacks");
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
