// Local SGD: what a worker computes between receiving theta_t and voting (eqs 10-12).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>

#include "sim/plan/schedule.hpp"

namespace mvsgd::sim {

class WorkerArrays;

/// The run produced NaN or infinity. what() names round, worker and parameter.
class NonFiniteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LocalResult {
  std::span<const float> theta;  ///< theta^(H), [d]; lives in the slot until its next run
  double loss = 0;               ///< sum over the local steps of the mean batch loss
  std::uint64_t images = 0;
};

/// Computes model differences. Training is one kind; `mvsgd verify` has one that draws them.
class LocalUpdate {
 public:
  LocalUpdate() = default;
  virtual ~LocalUpdate();
  LocalUpdate(const LocalUpdate&) = delete;
  LocalUpdate& operator=(const LocalUpdate&) = delete;

  /// H = round.steps local steps from theta^(0) = `theta` [d], in compute slot `slot`; calls with
  /// different slots may be concurrent. `buffers`, the worker's batch-norm statistics, take the
  /// batches in. Throws NonFiniteError.
  virtual LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker,
                          std::span<const float> theta, std::span<float> buffers) = 0;

  /// Where a worker's theta and e are: on the host, unless an update keeps them elsewhere. It must
  /// outlive them.
  [[nodiscard]] virtual std::unique_ptr<WorkerArrays> arrays(std::uint32_t worker);
};

}  // namespace mvsgd::sim
