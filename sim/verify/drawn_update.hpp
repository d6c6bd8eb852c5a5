// Model differences that are drawn, not trained: for verifying what comes after them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/round/local_update.hpp"

namespace mvsgd::sim {

/// theta^(H) = theta^(0) + eta g with g a function of (seed, round, worker, coordinate) alone:
/// heavy tails, as gradients have, and a part that workers share, so that votes agree and differ.
/// eta is the round's rate, 1 where it has none.
class DrawnUpdate final : public LocalUpdate {
 public:
  /// `d` coordinates, as many workers at once as `slots`.
  DrawnUpdate(std::size_t d, std::size_t slots, std::uint64_t seed);

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  std::span<float> buffers) override;

 private:
  std::uint64_t seed_;
  std::vector<std::vector<float>> theta_;  ///< theta^(H), one a slot
};

}  // namespace mvsgd::sim
