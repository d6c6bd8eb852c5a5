// Local SGD: what a worker computes between receiving theta_t and voting (eqs 10-12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "sim/plan/schedule.hpp"
#include "sim/round/flat_view.hpp"

namespace mvsgd::sim {

/// The run produced NaN or infinity. what() names round, worker and parameter.
class NonFiniteError : public std::runtime_error {
 public:
  explicit NonFiniteError(const std::string& what) : runtime_error(what) {}
  /// In local step `step` of `worker`, 1 the first; after the last one step is H + 1.
  NonFiniteError(const std::string& what, std::uint32_t step, std::uint32_t worker)
      : runtime_error(what), place_(step, worker) {}

  /// Of two of one round the one that is told: of the earlier step, then of the lower worker. An
  /// evaluation, which is of the round before, comes first.
  [[nodiscard]] bool is_before(const NonFiniteError& other) const { return place_ < other.place_; }

 private:
  std::pair<std::uint32_t, std::uint32_t> place_;
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
