// Local SGD on a worker's share of the training images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/batches.hpp"
#include "nn/layout.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/worker_arrays.hpp"
#include "sim/train/compute.hpp"

namespace mvsgd::sim {

/// H steps of SGD with weight decay, and with momentum if the settings say so, on a worker's share
/// of the training images.
class LocalTraining final : public LocalUpdate {
 public:
  /// `training`, `compute` and `give_up` must outlive this object. With `give_up`, a round can be
  /// given up between any two operations of a local step.
  LocalTraining(const Settings& settings, const SlotImages& training, std::span<Compute> compute,
                GiveUp* give_up = nullptr);

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override;

 private:
  LocalResult run_on_host(Compute& compute, const Round& round, std::uint32_t worker,
                          std::span<const float> theta, LocalMemory memory);
  LocalResult run_on_device(Compute& compute, const Round& round, std::uint32_t worker,
                            const FlatView::OnDevice& theta, LocalMemory memory);
  /// Runs the local steps on the slot's parameters, which are theta^(H) afterwards.
  LocalResult train(Compute& compute, const Round& round, std::uint32_t worker, LocalMemory memory);
  [[nodiscard]] NonFiniteError not_finite(const Round& round, std::uint32_t worker, std::int64_t i,
                                          float value) const;

  Settings settings_;
  const SlotImages* training_;
  std::span<Compute> compute_;
  GiveUp* give_up_;
  std::vector<data::BatchSource> sources_;  ///< one for each worker
  nn::Layout layout_;
};

/// Makes each worker's arrays: on its device if the backend has operators there, else on the host.
[[nodiscard]] MakeArrays worker_arrays(const Settings& settings);

}  // namespace mvsgd::sim
