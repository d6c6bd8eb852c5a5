// Algorithms 1 and 2 and the top-K baseline once more, in whole vectors and obvious loops: the
// definition that `mvsgd verify` and the tests hold the real workers and server against, bit for
// bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/top_k.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/protocol.hpp"

namespace mvsgd::sim {

/// What one round of the definition gives. A dense round has only the last two.
struct DefinedRound {
  std::vector<std::vector<compress::Index>> votes;  ///< supp M_{n,t}; of AD's own votes, M~_{n,t}
  std::vector<std::uint32_t> counts;                ///< sum_n of them, [d]
  std::vector<compress::Index> mask;  ///< supp M_t; of top-K the union of the workers' supports
  std::vector<std::vector<float>>
      sent;                      ///< Q(M_t (x) D_n) or of top-K Q(M_{n,t} (x) D_n), [d] each
  std::vector<float> mean;       ///< (1 / N) sum_n D_n, before any mask, [d]
  std::vector<float> aggregate;  ///< (1 / N) sum_n of what was sent, [d]
};

/// Any scheme but sm. O(N d log d) a round, RS O(K d).
class Definition {
 public:
  /// theta [d].
  Definition(const Settings& settings, std::vector<float> theta);

  /// One round with the model differences that `update` gives in slot 0.
  DefinedRound run(const Round& round, LocalUpdate& update);

  [[nodiscard]] std::span<const float> theta() const { return theta_; }
  [[nodiscard]] std::span<const float> error(std::uint32_t worker) const { return e_[worker]; }

 private:
  void vote(const Round& round, DefinedRound& defined);
  [[nodiscard]] std::vector<compress::Index> choose_mask(const Round& round,
                                                         const DefinedRound& defined) const;
  [[nodiscard]] std::vector<float> masked(std::span<const float> difference,
                                          std::span<const compress::Index> mask) const;

  Settings settings_;
  Protocol protocol_;
  std::vector<float> theta_;
  std::vector<std::vector<float>> e_;
  std::vector<std::vector<compress::Index>> votes_;  ///< AD's, of the round before
};

}  // namespace mvsgd::sim
