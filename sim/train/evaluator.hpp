// Evaluation: loss and accuracy of parameters on the test images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sim/round/evaluation.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/slots.hpp"
#include "sim/train/compute.hpp"

namespace mvsgd::sim {

/// The size of the authors' test batches. With bn_eval = batch, results depend on it.
inline constexpr std::size_t kEvaluationBatch = 64;

/// Evaluates on the compute slots, as many batches at once as slots are free. The result does not
/// depend on their number: batches are added up in their order.
class Evaluator {
 public:
  /// All arguments but `settings` must outlive it. `give_up` is asked between two operations, and
  /// ends an evaluation with EvaluationGivenUp.
  Evaluator(const Settings& settings, const SlotImages& training, const SlotImages& test,
            std::span<Compute> compute, Slots& slots, GiveUp* give_up = nullptr);

  /// The batch-norm statistics with which to evaluate theta [d]. With bn_eval = recompute they come
  /// from the training images, else they are `buffers`.
  [[nodiscard]] std::vector<float> statistics(std::span<const float> theta,
                                              std::span<const float> buffers) const;

  /// Evaluates theta [d]. With bn_eval = batch, `statistics` are ignored.
  [[nodiscard]] Evaluation operator()(std::span<const float> theta,
                                      std::span<const float> statistics) const;

 private:
  /// Runs `batch(compute, i)` for i in 0..count-1 on the slots.
  template <typename Batch>
  void for_each_batch(std::size_t count, const Batch& batch) const;

  [[nodiscard]] std::vector<float> recomputed_buffers(std::span<const float> theta,
                                                      std::size_t size) const;

  Settings settings_;
  const SlotImages* training_;
  const SlotImages* test_;
  std::span<Compute> compute_;
  Slots* slots_;
  std::function<void()> between_;  ///< may be empty
};

}  // namespace mvsgd::sim
