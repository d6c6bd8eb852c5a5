#include "compress/vote/add_drop.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace mvsgd::compress {
namespace {

void check_increasing(const std::string& name, std::span<const Index> list) {
  for (std::size_t j = 1; j < list.size(); ++j) {
    if (list[j] <= list[j - 1]) {
      throw std::invalid_argument(name + "[" + std::to_string(j) +
                                  "] = " + std::to_string(list[j]) + " after " +
                                  std::to_string(list[j - 1]) + " does not increase");
    }
  }
}

void check_support(const std::string& name, std::span<const Index> support,
                   std::span<const float> x) {
  check_increasing(name, support);
  for (const Index i : support) {
    if (i >= x.size()) {
      throw std::invalid_argument(name + " has " + std::to_string(i) +
                                  " of d = " + std::to_string(x.size()));
    }
    if (!std::isfinite(x[i])) {
      throw std::invalid_argument(name + " has " + std::to_string(i) + ", where x is " +
                                  std::to_string(x[i]));
    }
  }
}

void check_arguments(std::span<const float> x, std::span<const Index> top,
                     std::span<const Index> previous) {
  if (top.size() != previous.size()) {
    throw std::invalid_argument("add_drop: " + std::to_string(top.size()) + " of top and " +
                                std::to_string(previous.size()) + " of previous");
  }
  check_support("add_drop: top", top, x);
  check_support("add_drop: previous", previous, x);
}

std::vector<Index> difference(std::span<const Index> from, std::span<const Index> taken) {
  std::vector<Index> rest;
  std::set_difference(from.begin(), from.end(), taken.begin(), taken.end(),
                      std::back_inserter(rest));
  return rest;
}

// A coordinate as a number: larger for one that is earlier in the order of top_k_support. It has
// the bits of |x|, then those of the index, lower indices first.
std::uint64_t priority(std::span<const float> x, Index i) {
  const std::uint64_t magnitude = std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffff;
  return magnitude << 32 | (0xffffffff - i);
}

// The `count` members of `among` whose priorities go first in `before`, in increasing order.
template <typename Before>
std::vector<Index> select(std::span<const float> x, std::vector<Index> among, std::size_t count,
                          Before before) {
  if (count == 0) return {};
  std::vector<std::uint64_t> priorities(among.size());
  std::transform(among.begin(), among.end(), priorities.begin(),
                 [&](Index i) { return priority(x, i); });
  const auto last = priorities.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(priorities.begin(), last, priorities.end(), before);
  std::erase_if(among, [&](Index i) { return before(*last, priority(x, i)); });
  return among;
}

}  // namespace

VoteChange add_drop(std::span<const float> x, std::span<const Index> top,
                    std::span<const Index> previous, std::size_t k_ad) {
  check_arguments(x, top, previous);
  std::vector<Index> entering = difference(top, previous);
  std::vector<Index> leaving = difference(previous, top);
  const std::size_t k_t = std::min(k_ad, entering.size());
  return {.add = select(x, std::move(entering), k_t, std::greater<>()),
          .drop = select(x, std::move(leaving), k_t, std::less<>())};
}

VoteChange add_drop_by_sorting(std::span<const float> x, std::span<const Index> top,
                               std::span<const Index> previous, std::size_t k_ad) {
  check_arguments(x, top, previous);
  std::vector<bool> in_top(x.size());
  std::vector<bool> in_previous(x.size());
  for (const Index i : top) in_top[i] = true;
  for (const Index i : previous) in_previous[i] = true;
  VoteChange change;
  for (Index i = 0; i < x.size(); ++i) {
    if (in_top[i] && !in_previous[i]) change.add.push_back(i);
    if (in_previous[i] && !in_top[i]) change.drop.push_back(i);
  }
  const auto goes_before = [&](Index i, Index j) {
    if (std::fabs(x[i]) != std::fabs(x[j])) return std::fabs(x[i]) > std::fabs(x[j]);
    return i < j;
  };
  std::sort(change.add.begin(), change.add.end(), goes_before);
  std::sort(change.drop.rbegin(), change.drop.rend(), goes_before);
  for (std::vector<Index>* list : {&change.add, &change.drop}) {
    list->resize(std::min(k_ad, list->size()));
    std::sort(list->begin(), list->end());
  }
  return change;
}

std::vector<Index> changed_vote(std::span<const Index> previous, const VoteChange& change) {
  const auto& [add, drop] = change;
  check_increasing("changed_vote: previous", previous);
  check_increasing("changed_vote: add", add);
  check_increasing("changed_vote: drop", drop);
  if (add.size() != drop.size()) {
    throw std::invalid_argument("changed_vote: " + std::to_string(add.size()) + " adds and " +
                                std::to_string(drop.size()) + " drops");
  }
  const std::vector<Index> kept = difference(previous, drop);
  std::vector<Index> vote;
  vote.reserve(previous.size());
  std::set_union(kept.begin(), kept.end(), add.begin(), add.end(), std::back_inserter(vote));
  // Each drop that `previous` lacks leaves one too many, each add that it has leaves one too few.
  const std::vector<Index> added = difference(add, previous);
  if (kept.size() + drop.size() != previous.size() || added.size() != add.size()) {
    throw std::invalid_argument("changed_vote: " + std::to_string(add.size() - added.size()) +
                                " adds are in the vote and " +
                                std::to_string(kept.size() + drop.size() - previous.size()) +
                                " drops are not");
  }
  return vote;
}

}  // namespace mvsgd::compress
