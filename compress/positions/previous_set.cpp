#include "compress/positions/previous_set.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {

std::vector<Index> difference(std::span<const Index> from, std::span<const Index> taken) {
  std::vector<Index> left;
  std::ranges::set_difference(from, taken, std::back_inserter(left));
  return left;
}

std::vector<Index> merged(std::span<const Index> a, std::span<const Index> b) {
  std::vector<Index> all(a.size() + b.size());
  std::ranges::merge(a, b, all.begin());
  return all;
}

PreviousSet::PreviousSet(const char* who, std::uint64_t d, std::vector<Index> members)
    : who_(who), d_(d), members_(std::move(members)) {
  if (d == 0 || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument(std::string(who) + ": d = " + std::to_string(d));
  }
  check_positions(who, members_, d, "previous");
}

std::uint64_t PreviousSet::most() const { return std::min(size(), others()); }

unsigned PreviousSet::count_bits() const { return static_cast<unsigned>(std::bit_width(most())); }

void PreviousSet::check(std::span<const Index> set) const {
  if (set.size() != size()) {
    throw std::invalid_argument(std::string(who_) + ": " + std::to_string(set.size()) +
                                " positions, not " + std::to_string(size()));
  }
  check_positions(who_, set, d_);
}

}  // namespace mvsgd::compress
