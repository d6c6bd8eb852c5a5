// The sizes of a round's messages that only the run decides.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "comm/message.hpp"

namespace mvsgd::sim {

/// The sizes of a sparse round's messages that do not follow from the settings.
struct RoundSizes {
  std::uint32_t union_size = 0;  ///< top-K: the size of the union of the workers' supports
  /// AD after its first vote: k_t = |add| = |drop| of each worker that takes part, in their order.
  std::vector<std::uint32_t> changes;

  /// The bits that the law counts of each decoded message in a code whose length depends on the
  /// positions (position_lengths.hpp) or on the values (value_lengths.hpp). The key is kind and
  /// worker; mask and aggregate, one for all, are under worker 0.
  std::map<std::pair<comm::Kind, std::uint32_t>, comm::Bits> coded_bits;

  friend bool operator==(const RoundSizes&, const RoundSizes&) = default;
};

}  // namespace mvsgd::sim
