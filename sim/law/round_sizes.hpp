// The sizes of a round's messages that only the run decides.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "comm/message.hpp"

namespace mvsgd::sim {

/// What the settings alone do not say of a sparse round's messages.
struct RoundSizes {
  std::uint32_t union_size =
      0;  ///< top-K: how many coordinates the workers' supports have together
  std::vector<std::uint32_t> changes;  ///< AD after its first vote: k_t = |add| = |drop|, by worker

  /// What was decoded costs in a code whose length depends on it, of positions (rice, entropy,
  /// delta) or of values: by kind and worker, one mask for all under worker 0.
  std::map<std::pair<comm::Kind, std::uint32_t>, comm::Bits> coded_bits;

  friend bool operator==(const RoundSizes&, const RoundSizes&) = default;
};

}  // namespace mvsgd::sim
