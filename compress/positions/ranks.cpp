#include "compress/positions/ranks.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>

#include "comm/bit_stream.hpp"

namespace mvsgd::compress {
namespace {

std::string at(const char* list, std::span<const Index> values, std::size_t j) {
  return std::string(list) + "[" + std::to_string(j) + "] = " + std::to_string(values[j]);
}

// Throws an Error unless `values` are strictly increasing and each below `bound`.
template <typename Error>
void check_set(const std::string& who, const char* list, std::span<const Index> values,
               std::uint64_t bound) {
  for (std::size_t j = 0; j < values.size(); ++j) {
    if (values[j] >= bound || (j > 0 && values[j] <= values[j - 1])) {
      throw Error(who + ": " + at(list, values, j) + " is out of order, or not below " +
                  std::to_string(bound));
    }
  }
}

constexpr std::uint64_t kAnyIndex = std::uint64_t{1} << 32;

}  // namespace

std::vector<Index> ranks_of(std::span<const Index> subset, std::span<const Index> superset) {
  check_set<std::invalid_argument>("ranks_of", "subset", subset, kAnyIndex);
  check_set<std::invalid_argument>("ranks_of", "superset", superset, kAnyIndex);
  std::vector<Index> ranks;
  ranks.reserve(subset.size());
  std::size_t rank = 0;
  for (std::size_t j = 0; j < subset.size(); ++j) {
    while (rank < superset.size() && superset[rank] < subset[j]) ++rank;
    if (rank == superset.size() || superset[rank] != subset[j]) {
      throw std::invalid_argument("ranks_of: " + at("subset", subset, j) +
                                  " is not in the superset of " + std::to_string(superset.size()));
    }
    ranks.push_back(static_cast<Index>(rank));
  }
  return ranks;
}

std::vector<Index> members_of(std::span<const Index> ranks, std::span<const Index> superset) {
  check_set<std::invalid_argument>("members_of", "superset", superset, kAnyIndex);
  check_set<comm::DecodeError>("members_of", "ranks", ranks, superset.size());
  std::vector<Index> members;
  members.reserve(ranks.size());
  for (const Index rank : ranks) members.push_back(superset[rank]);
  return members;
}

std::vector<Index> ranks_outside(std::span<const Index> set, std::span<const Index> excluded) {
  check_set<std::invalid_argument>("ranks_outside", "set", set, kAnyIndex);
  check_set<std::invalid_argument>("ranks_outside", "excluded", excluded, kAnyIndex);
  std::vector<Index> ranks;
  ranks.reserve(set.size());
  std::size_t below = 0;
  for (std::size_t j = 0; j < set.size(); ++j) {
    while (below < excluded.size() && excluded[below] < set[j]) ++below;
    if (below < excluded.size() && excluded[below] == set[j]) {
      throw std::invalid_argument("ranks_outside: " + at("set", set, j) + " is excluded");
    }
    ranks.push_back(set[j] - static_cast<Index>(below));
  }
  return ranks;
}

std::vector<Index> members_outside(std::span<const Index> ranks, std::span<const Index> excluded,
                                   std::uint64_t d) {
  check_set<std::invalid_argument>("members_outside", "excluded", excluded, d);
  check_set<comm::DecodeError>("members_outside", "ranks", ranks, d - excluded.size());
  std::vector<Index> members;
  members.reserve(ranks.size());
  std::size_t below = 0;
  for (const Index rank : ranks) {
    // excluded[below] - below members of the complement come before excluded[below].
    while (below < excluded.size() && excluded[below] - below <= rank) ++below;
    members.push_back(rank + static_cast<Index>(below));
  }
  return members;
}

std::vector<std::uint8_t> marks_of(std::span<const Index> set, std::span<const Index> other) {
  std::vector<std::uint8_t> marks(set.size());
  std::size_t below = 0;  // index in `other`
  for (std::size_t j = 0; j < set.size(); ++j) {
    while (below < other.size() && other[below] < set[j]) ++below;
    marks[j] = below < other.size() && other[below] == set[j] ? 1 : 0;
  }
  return marks;
}

}  // namespace mvsgd::compress
