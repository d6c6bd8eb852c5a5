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
  /// In local step `step` of `worker`. Steps count from 1; step H + 1 is after the last one.
  NonFiniteError(const std::string& what, std::uint32_t step, std::uint32_t worker)
      : runtime_error(what), place_(step, worker) {}

  /// Which of two errors of a round is reported: that of the earlier step, then that of the lower
  /// worker. An error in an evaluation belongs to the round before and comes first.
  [[nodiscard]] bool is_before(const NonFiniteError& other) const { return place_ < other.place_; }
  /// The order of is_before().
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> place() const { return place_; }

 private:
  std::pair<std::uint32_t, std::uint32_t> place_;
};

struct LocalResult {
  FlatView theta;   ///< theta^(H), [d]; lives in the slot until its next run
  double loss = 0;  ///< sum over the local steps of the mean batch loss
  std::uint64_t images = 0;
};

/// What the local steps change of a worker besides theta. It keeps both from round to round.
struct LocalMemory {
  std::span<float> buffers = {};   ///< batch-norm statistics
  std::span<float> velocity = {};  ///< of SGD with momentum, [d]; empty if there is none
};

/// Computes model differences: by training, or in `mvsgd verify` by drawing them.
class LocalUpdate {
 public:
  LocalUpdate() = default;
  virtual ~LocalUpdate() = default;
  LocalUpdate(const LocalUpdate&) = delete;
  LocalUpdate& operator=(const LocalUpdate&) = delete;

  /// Runs H = round.steps local steps from theta^(0) = `theta` [d], in compute slot `slot`. Calls
  /// with different slots may be concurrent. The steps update `memory`, or leave it as it was if
  /// the round is given up in them. The result's theta is where `theta` is, on the host or on the
  /// device. Throws NonFiniteError.
  virtual LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker,
                          const FlatView& theta, LocalMemory memory) = 0;
};

}  // namespace mvsgd::sim
