#include "sim/local_update.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/partition.hpp"
#include "sim/backends.hpp"
#include "sim/worker_arrays.hpp"

namespace mvsgd::sim {
namespace {

void check_finite(std::span<const float> theta, const nn::Layout& layout, const Round& round,
                  std::uint32_t worker) {
  // The sum of |x| * 0 is 0 unless some x is NaN or infinite: a pass that vectorises.
  float poison = 0;
  for (const float x : theta) poison += x * 0.0F;
  if (poison == 0) return;
  const auto bad =
      std::find_if(theta.begin(), theta.end(), [](float x) { return !std::isfinite(x); });
  const auto& entry = layout.at(bad - theta.begin());
  throw NonFiniteError(fmt::format(
      "round {}, worker {}: parameter {} is {} after the local steps: the training has diverged "
      "(learning rate {})",
      round.t, worker, entry.name, *bad, round.learning_rate));
}

}  // namespace

LocalUpdate::~LocalUpdate() = default;

std::unique_ptr<WorkerArrays> LocalUpdate::arrays(std::uint32_t worker) {
  return std::make_unique<HostArrays>(*this, worker);
}

std::vector<Compute> make_compute(const Settings& settings, std::size_t slots) {
  std::vector<Compute> all(slots);
  for (Compute& compute : all) {
    compute.backend = make_backend(settings);
    compute.backend->enter(static_cast<int>(settings.threads_per_worker));
    compute.model = std::make_unique<nn::ResNet18>(*compute.backend,
                                                   nn::ResNet18Options{.width = settings.width});
    compute.images.resize(settings.batch * data::kImageBytes);
    compute.labels.resize(settings.batch);
    compute.theta.resize(static_cast<std::size_t>(nn::elements(compute.model->parameters().shape)));
  }
  return all;
}

LocalTraining::LocalTraining(const Settings& settings, const data::Dataset& training,
                             std::span<Compute> compute)
    : settings_(settings),
      compute_(compute),
      layout_(nn::resnet18_parameters({.width = settings.width})) {
  auto shares = data::partition(training.size(), settings.workers, settings.seed);
  sources_.reserve(settings.workers);
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    sources_.emplace_back(training, std::move(shares[n]),
                          data::BatchOptions{.batch = settings.batch,
                                             .augment = settings.augment,
                                             .seed = settings.seed,
                                             .worker = n,
                                             .sampling = settings.sampling()});
  }
}

LocalResult LocalTraining::run(std::size_t slot, const Round& round, std::uint32_t worker,
                               std::span<const float> theta, std::span<float> buffers) {
  Compute& compute = compute_[slot];
  nn::Backend& backend = *compute.backend;
  nn::ResNet18& model = *compute.model;
  backend.enter(static_cast<int>(settings_.threads_per_worker));
  backend.write(model.parameters(), theta);
  backend.write(model.buffers(), buffers);

  // An evaluation may have made the slot's room larger.
  const auto images = std::span(compute.images).first(settings_.batch * data::kImageBytes);
  const auto labels = std::span(compute.labels).first(settings_.batch);
  LocalResult result;
  for (std::uint32_t h = 0; h < round.steps; ++h) {
    sources_[worker].load(round.first_step + h, images, labels);
    const double loss = model.train(images, labels).loss;
    if (!std::isfinite(loss)) {
      throw NonFiniteError(
          fmt::format("round {}, worker {}: the loss is {} in local step {} (learning rate {})",
                      round.t, worker, loss, h + 1, round.learning_rate));
    }
    result.loss += loss;
    result.images += labels.size();
    backend.sgd_step(model.parameters(), model.gradients(), static_cast<float>(round.learning_rate),
                     static_cast<float>(settings_.weight_decay));
  }
  backend.read(model.parameters(), compute.theta);
  backend.read(model.buffers(), buffers);
  check_finite(compute.theta, layout_, round, worker);
  result.theta = compute.theta;
  return result;
}

}  // namespace mvsgd::sim
