// B of each list of positions that a run sends.
#pragma once

#include <cstdint>

namespace mvsgd::sim {

struct Settings;

/// The blocks of the codes that have any, in coordinates of what a list's positions are in.
struct BlockSizes {
  std::uint64_t votes = 0;  ///< round(1 / phi), or as the settings say
  std::uint64_t masks = 0;  ///< as votes; of top-K's union round(1 / (N phi))
  std::uint64_t adds = 0;   ///< round(1 / phi_ad)
  std::uint64_t drops = 0;  ///< as adds; of ranks in a vote round(K / K_ad)
};

/// In a run of d parameters.
[[nodiscard]] BlockSizes block_sizes(const Settings& settings, std::uint64_t d);

}  // namespace mvsgd::sim
