// The sizes of a round's messages that only the run decides.
#pragma once

#include <cstdint>
#include <vector>

namespace mvsgd::sim {

/// What the settings alone do not say of a sparse round's messages.
struct RoundSizes {
  std::uint32_t union_size =
      0;  ///< top-K: how many coordinates the workers' supports have together
  std::vector<std::uint32_t> changes;  ///< AD after its first vote: k_t = |add| = |drop|, by worker

  friend bool operator==(const RoundSizes&, const RoundSizes&) = default;
};

}  // namespace mvsgd::sim
