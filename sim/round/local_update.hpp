// Local SGD: what a worker computes between receiving theta_t and voting (eqs 10-12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "sim/plan/schedule.hpp"
#include "sim/round/flat_view.hpp"

namespace mvsgd::sim {

/// The run produced NaN or infinity. what() names round, worker and parameter.
class NonFiniteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LocalResult {
  FlatView theta;   ///< theta^(H), [d]; lives in the slot until its next run
  double loss = 0;  ///< sum over the local steps of the mean batch loss
  std::uint64_t images = 0;
};

/// Computes model differences. Training is one kind; `mvsgd verify` has one that draws them.
class LocalUpdate {
 public:
  LocalUpdate() = default;
  virtual ~LocalUpdate() = default;
  LocalUpdate(const LocalUpdate&) = delete;
  LocalUpdate& operator=(const LocalUpdate&) = delete;

  /// H = round.steps local steps from theta^(0) = `theta` [d], in compute slot `slot`; calls with
  /// different slots may be concurrent. `buffers`, the worker's batch-norm statistics, take the
  /// batches in. The result's theta is where `theta` is. Throws NonFiniteError.
  virtual LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker,
                          const FlatView& theta, std::span<float> buffers) = 0;
};

}  // namespace mvsgd::sim
