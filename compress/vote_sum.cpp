#include "compress/vote_sum.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "comm/bit_stream.hpp"

namespace mvsgd::compress {
namespace {

[[noreturn]] void refuse(std::uint32_t worker, const std::string& why) {
  throw comm::DecodeError("VoteSum: worker " + std::to_string(worker) + ": " + why);
}

}  // namespace

VoteSum::VoteSum(std::size_t d, const Options& options) : options_(options) {
  if (d == 0 || d > std::numeric_limits<Index>::max() || options.workers == 0 || options.k > d) {
    throw std::invalid_argument("VoteSum: d = " + std::to_string(d) +
                                ", k = " + std::to_string(options.k) + ", " +
                                std::to_string(options.workers) + " workers");
  }
  counts_.resize(d);
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
  for (const Index i : vote) {
    if (counts_[i] == options_.workers) {
      refuse(worker, "votes for " + std::to_string(i) + ", which has every worker's vote");
    }
  }
  if (options_.check_votes) votes_[worker].assign(vote.begin(), vote.end());
  for (const Index i : vote) ++counts_[i];
  has_voted_[worker] = true;
}

void VoteSum::change(std::uint32_t worker, const VoteChange& change) {
  check_worker(worker, true);
  check_change(worker, change);
  if (options_.check_votes) votes_[worker] = changed_vote(votes_[worker], change);
  for (const Index i : change.add) ++counts_[i];
  for (const Index i : change.drop) --counts_[i];
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
    if (list[j] >= counts_.size() || (j > 0 && list[j] <= list[j - 1])) {
      refuse(worker, std::string(name) + "[" + std::to_string(j) +
                         "] = " + std::to_string(list[j]) +
                         " of d = " + std::to_string(counts_.size()) + " is out of range or order");
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
  const std::vector<Index>& vote = votes_[worker];
  const auto has = [](const std::vector<Index>& list, Index i) {
    return std::binary_search(list.begin(), list.end(), i);
  };
  for (const Index i : add) {
    if (has(drop, i)) refuse(worker, "both adds and drops " + std::to_string(i));
    if (counts_[i] == options_.workers) {
      refuse(worker, "adds " + std::to_string(i) + ", which has every worker's vote");
    }
    if (options_.check_votes && has(vote, i)) {
      refuse(worker, "adds " + std::to_string(i) + ", which its vote has");
    }
  }
  for (const Index i : drop) {
    if (counts_[i] == 0) refuse(worker, "drops " + std::to_string(i) + ", which has no vote");
    if (options_.check_votes && !has(vote, i)) {
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
