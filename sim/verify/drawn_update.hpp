// Model differences that are drawn instead of trained, to verify what comes after them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/round/local_update.hpp"

namespace mvsgd::sim {

/// theta^(H) = theta^(0) + eta g, where g is a function of (seed, round, worker, coordinate) alone.
/// g has heavy tails, as gradients have, and a part that all workers share, so that votes partly
/// agree. eta is the round's rate, or 1 if the round has none. A worker with a velocity takes one
/// step of SGD with momentum instead, with -g as gradient.
class DrawnUpdate final : public LocalUpdate {
 public:
  /// `d` coordinates; `slots` workers can run at once. `settings`: of the velocity.
  DrawnUpdate(std::size_t d, std::size_t slots, std::uint64_t seed, const Settings& settings = {});

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override;

 private:
  std::uint64_t seed_;
  float momentum_;
  bool nesterov_;
  std::vector<std::vector<float>> theta_;  ///< theta^(H), one for each slot
};

}  // namespace mvsgd::sim
