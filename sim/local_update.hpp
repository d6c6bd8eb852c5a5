// Local SGD: what a worker computes between receiving theta_t and voting (eqs 10-12).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/batches.hpp"
#include "nn/layout.hpp"
#include "sim/compute.hpp"
#include "sim/schedule.hpp"

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

/// H steps of SGD with weight decay on the worker's share of the training images.
class LocalTraining final : public LocalUpdate {
 public:
  /// `training` and `compute` must outlive it.
  LocalTraining(const Settings& settings, const SlotImages& training, std::span<Compute> compute);

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker,
                  std::span<const float> theta, std::span<float> buffers) override;
  /// On the worker's device, if the backend has operators there.
  [[nodiscard]] std::unique_ptr<WorkerArrays> arrays(std::uint32_t worker) override;

 private:
  /// From the parameters that the slot has, which are theta^(H) then.
  LocalResult train(Compute& compute, const Round& round, std::uint32_t worker,
                    std::span<float> buffers);
  [[nodiscard]] NonFiniteError not_finite(const Round& round, std::uint32_t worker, std::int64_t i,
                                          float value) const;

  Settings settings_;
  const SlotImages* training_;
  std::span<Compute> compute_;
  std::size_t devices_;
  std::vector<data::BatchSource> sources_;  ///< one a worker
  nn::Layout layout_;
};

}  // namespace mvsgd::sim
