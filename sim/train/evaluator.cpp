#include "sim/train/evaluator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "sim/round/evaluation.hpp"
#include "sim/round/local_update.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::size_t kBatch = kEvaluationBatch;

/// Batch i: up to kBatch images from kBatch * i on, without augmentation.
SlotImages::Batch load(const SlotImages& images, std::size_t i, Compute& compute) {
  const std::size_t first = i * kBatch;
  std::vector<data::View> views(std::min(kBatch, images.dataset().size() - first));
  for (std::size_t k = 0; k < views.size(); ++k) {
    views[k].image = static_cast<std::uint32_t>(first + k);
  }
  return images.load(views, compute);
}

std::size_t batches(const data::Dataset& dataset) { return (dataset.size() + kBatch - 1) / kBatch; }

}  // namespace

Evaluator::Evaluator(const Settings& settings, const SlotImages& training, const SlotImages& test,
                     std::span<Compute> compute, Slots& slots, GiveUp* give_up)
    : settings_(settings), training_(&training), test_(&test), compute_(compute), slots_(&slots) {
  if (give_up != nullptr) between_ = [give_up] { give_up->check_evaluation(); };
}

template <typename Batch>
void Evaluator::for_each_batch(std::size_t count, const Batch& batch) const {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      const Slots::Lease lease(*slots_);
      Compute& compute = compute_[lease.index()];
      compute.backend->enter(static_cast<int>(settings_.threads_per_worker));
      bool first = true;
      for (std::size_t i = next++; i < count; i = next++) {
        if (between_) between_();
        batch(compute, i, first);
        first = false;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t i = 1; i < std::min(slots_->count(), count); ++i) threads.emplace_back(work);
    } catch (const std::system_error&) {
      // The threads that could be started do all the work.
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

std::vector<float> Evaluator::statistics(std::span<const float> theta,
                                         std::span<const float> buffers) const {
  if (settings_.bn_eval() == BatchNormEvaluation::recompute) {
    return recomputed_buffers(theta, buffers.size());
  }
  return {buffers.begin(), buffers.end()};
}

Evaluation Evaluator::operator()(std::span<const float> theta,
                                 std::span<const float> statistics) const {
  const auto mode = settings_.bn_eval() == BatchNormEvaluation::batch ? nn::BatchNormMode::batch
                                                                      : nn::BatchNormMode::running;
  std::vector<nn::BatchResult> results(batches(test_->dataset()));
  for_each_batch(results.size(), [&](Compute& compute, std::size_t i, bool first) {
    if (first) {
      compute.backend->write(compute.model->parameters(), theta);
      compute.backend->write(compute.model->buffers(), statistics);
    }
    const SlotImages::Batch loaded = load(*test_, i, compute);
    results[i] = compute.model->evaluate(loaded.images, loaded.labels, mode, 0.1F, between_);
    results[i].loss *= static_cast<double>(loaded.labels.size());
  });
  Evaluation sum;
  for (const nn::BatchResult& result : results) {
    sum.loss += result.loss;
    sum.accuracy += static_cast<double>(result.correct);
  }
  const auto n = static_cast<double>(test_->dataset().size());
  if (!std::isfinite(sum.loss)) {
    throw NonFiniteError(fmt::format(
        "evaluation: the loss on the test images is {}: the training has diverged", sum.loss / n));
  }
  return {.loss = sum.loss / n, .accuracy = sum.accuracy / n};
}

std::vector<float> Evaluator::recomputed_buffers(std::span<const float> theta,
                                                 std::size_t size) const {
  // A last batch of fewer images would weigh as much as a full one, so it is left out.
  const std::size_t count = std::max<std::size_t>(1, training_->dataset().size() / kBatch);
  std::vector<std::vector<float>> statistics(count);
  for_each_batch(count, [&](Compute& compute, std::size_t i, bool first) {
    if (first) compute.backend->write(compute.model->parameters(), theta);
    const SlotImages::Batch loaded = load(*training_, i, compute);
    statistics[i].resize(size);
    compute.backend->write(compute.model->buffers(), statistics[i]);
    compute.model->evaluate(loaded.images, loaded.labels, nn::BatchNormMode::update, 1.0F,
                            between_);
    compute.backend->read(compute.model->buffers(), statistics[i]);
  });
  std::vector<float> mean(size);
  for (std::size_t j = 0; j < size; ++j) {
    double sum = 0;
    for (const auto& batch : statistics) sum += static_cast<double>(batch[j]);
    mean[j] = static_cast<float>(sum / static_cast<double>(count));
  }
  return mean;
}

}  // namespace mvsgd::sim
