// One pass over an array that finds its few large elements. Private: the pass of majority_vote.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace mvsgd::compress {

/// Calls visit(i) for each i, increasing, with key(values[i]) >= least, where key makes an integer.
///
/// Two stages, since which elements are large is what no branch predictor can learn: the maximum of
/// a block, a few vector instructions, which most blocks of rare large elements do not pass; and a
/// compaction without branches of those that do.
template <typename Value, typename Key, typename Integer, typename Visit>
void for_each_reaching(std::span<const Value> values, Key key, Integer least, Visit visit) {
  constexpr std::size_t kBlock = 32;
  std::array<std::size_t, kBlock> found;
  const auto visit_block = [&](std::size_t begin, std::size_t size) {
    std::size_t count = 0;
    for (std::size_t j = 0; j < size; ++j) {
      found[count] = begin + j;
      count += key(values[begin + j]) >= least ? 1 : 0;
    }
    for (std::size_t j = 0; j < count; ++j) visit(found[j]);
  };
  const std::size_t whole = values.size() / kBlock * kBlock;
  for (std::size_t begin = 0; begin < whole; begin += kBlock) {
    const Value* block = values.data() + begin;
    Integer largest = key(block[0]);
    for (std::size_t j = 1; j < kBlock; ++j) largest = std::max(largest, key(block[j]));
    if (largest >= least) visit_block(begin, kBlock);
  }
  visit_block(whole, values.size() - whole);
}

}  // namespace mvsgd::compress
