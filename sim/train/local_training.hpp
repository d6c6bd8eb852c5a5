// Local SGD on a worker's share of the training images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/batches.hpp"
#include "nn/layout.hpp"
#include "sim/round/local_update.hpp"
#include "sim/train/compute.hpp"

namespace mvsgd::sim {

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
