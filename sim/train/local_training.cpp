#include "sim/train/local_training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "sim/round/device_arrays.hpp"
#include "sim/round/worker_arrays.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/images.hpp"

namespace mvsgd::sim {
namespace {

/// The index of the first value that is NaN or infinite; theta.size() if there is none.
std::int64_t first_not_finite(std::span<const float> theta) {
  // The sum of |x| * 0 is 0 unless some x is NaN or infinite: a pass that vectorises.
  float poison = 0;
  for (const float x : theta) poison += x * 0.0F;
  if (poison == 0) return std::ssize(theta);
  return std::ranges::find_if(theta, [](float x) { return !std::isfinite(x); }) - theta.begin();
}

}  // namespace

LocalTraining::LocalTraining(const Settings& settings, const SlotImages& training,
                             std::span<Compute> compute, GiveUp* give_up)
    : settings_(settings),
      training_(&training),
      compute_(compute),
      give_up_(give_up),
      layout_(nn::resnet18_parameters({.width = settings.width})) {
  auto shares = split_images(settings, training.dataset());
  sources_.reserve(settings.workers);
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    sources_.emplace_back(training.dataset(), std::move(shares[n]),
                          data::BatchOptions{.batch = settings.batch,
                                             .augment = settings.augment,
                                             .seed = settings.seed,
                                             .worker = n,
                                             .sampling = settings.sampling()});
  }
}

LocalResult LocalTraining::run(std::size_t slot, const Round& round, std::uint32_t worker,
                               const FlatView& theta, LocalMemory memory) {
  Compute& compute = compute_[slot];
  compute.backend->enter(static_cast<int>(settings_.threads_per_worker));
  return theta.is_on_device() ? run_on_device(compute, round, worker, theta.device(), memory)
                              : run_on_host(compute, round, worker, theta.host(), memory);
}

LocalResult LocalTraining::run_on_host(Compute& compute, const Round& round, std::uint32_t worker,
                                       std::span<const float> theta, LocalMemory memory) {
  nn::Backend& backend = *compute.backend;
  backend.write(compute.model->parameters(), theta);
  LocalResult result = train(compute, round, worker, memory);
  compute.theta.resize(theta.size());
  backend.read(compute.model->parameters(), compute.theta);
  const std::int64_t bad = first_not_finite(compute.theta);
  if (bad < std::ssize(theta)) {
    throw not_finite(round, worker, bad, compute.theta[static_cast<std::size_t>(bad)]);
  }
  result.theta = compute.theta;
  return result;
}

LocalResult LocalTraining::run_on_device(Compute& compute, const Round& round, std::uint32_t worker,
                                         const FlatView::OnDevice& theta, LocalMemory memory) {
  compress::DeviceOperators& operators = *theta.operators;
  const compress::DeviceArray& parameters = compute.parameters;
  operators.copy(parameters, theta.array);
  LocalResult result = train(compute, round, worker, memory);
  const std::size_t bad = operators.first_not_finite(parameters);
  if (bad < parameters.size) {
    const std::array<compress::Index, 1> at{static_cast<compress::Index>(bad)};
    std::array<float, 1> value{};
    operators.gather(parameters, at, value);
    throw not_finite(round, worker, static_cast<std::int64_t>(bad), value.front());
  }
  result.theta = FlatView::OnDevice{.operators = theta.operators, .array = parameters};
  return result;
}

MakeArrays worker_arrays(const Settings& settings) {
  return [settings, devices = device_count(settings)](std::uint32_t worker) {
    auto operators = make_operators(settings, worker % devices);
    std::unique_ptr<WorkerArrays> arrays;
    if (operators) {
      arrays = std::make_unique<DeviceArrays>(std::move(operators));
    } else {
      arrays = std::make_unique<HostArrays>();
    }
    return arrays;
  };
}

NonFiniteError LocalTraining::not_finite(const Round& round, std::uint32_t worker, std::int64_t i,
                                         float value) const {
  return NonFiniteError(
      fmt::format("round {}, worker {}: parameter {} is {} after the local steps: the training has "
                  "diverged "
                  "(learning rate {})",
                  round.t, worker, layout_.at(i).name, value, round.learning_rate),
      round.steps + 1, worker);
}

LocalResult LocalTraining::train(Compute& compute, const Round& round, std::uint32_t worker,
                                 LocalMemory memory) {
  nn::Backend& backend = *compute.backend;
  nn::ResNet18& model = *compute.model;
  backend.write(model.buffers(), memory.buffers);
  const bool has_velocity = !memory.velocity.empty();
  if (has_velocity) backend.write(compute.velocity, memory.velocity);

  const auto check = [this] {
    if (give_up_ != nullptr) give_up_->check();
  };
  LocalResult result;
  for (std::uint32_t h = 0; h < round.steps; ++h) {
    check();
    const SlotImages::Batch batch =
        training_->load(sources_[worker].views(round.first_step + h), compute);
    const double loss = model.train(batch.images, batch.labels, check).loss;
    if (!std::isfinite(loss)) {
      throw NonFiniteError(
          fmt::format("round {}, worker {}: the loss is {} in local step {} (learning rate {})",
                      round.t, worker, loss, h + 1, round.learning_rate),
          h + 1, worker);
    }
    result.loss += loss;
    result.images += batch.labels.size();
    const auto rate = static_cast<float>(round.learning_rate);
    const auto decay = static_cast<float>(settings_.weight_decay);
    if (has_velocity) {
      backend.momentum_step(model.parameters(), compute.velocity, model.gradients(),
                            {.learning_rate = rate,
                             .weight_decay = decay,
                             .momentum = static_cast<float>(settings_.momentum),
                             .nesterov = settings_.nesterov});
    } else {
      backend.sgd_step(model.parameters(), model.gradients(), rate, decay);
    }
  }
  backend.read(model.buffers(), memory.buffers);
  if (has_velocity) backend.read(compute.velocity, memory.velocity);
  return result;
}

}  // namespace mvsgd::sim
