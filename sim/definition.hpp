// Algorithm 1 once more, in whole vectors and obvious loops: the definition that `mvsgd verify` and
// the tests hold the real workers and server against, bit for bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/top_k.hpp"
#include "sim/local_update.hpp"
#include "sim/schedule.hpp"

namespace mvsgd::sim {

/// What one round of the definition gives.
struct DefinedRound {
  std::vector<std::vector<compress::Index>> votes;  ///< supp M_{n,t}; none in a dense round
  std::vector<compress::Index> mask;                ///< supp M_t; none in a dense round
  std::vector<float> aggregate;                     ///< M_t (x) mean_n D_n, [d], every coordinate
};

/// Algorithm 1 with ties to the lower index and the mean over workers. O(N d log d) a round.
class Definition {
 public:
  /// theta [d]; k coordinates kept.
  Definition(std::vector<float> theta, std::uint32_t workers, std::size_t k);

  /// One round with the model differences that `update` gives in slot 0.
  DefinedRound run(const Round& round, LocalUpdate& update);

  [[nodiscard]] std::span<const float> theta() const { return theta_; }
  [[nodiscard]] std::span<const float> error(std::uint32_t worker) const { return e_[worker]; }

 private:
  std::vector<float> theta_;
  std::vector<std::vector<float>> e_;
  std::size_t k_;
};

}  // namespace mvsgd::sim
