// Eqs 2, 3 and 10-12: what is minimised, its gradient, and the local steps, on the real network.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "data/partition.hpp"
#include "data/synthetic.hpp"
#include "nn/reference/reference_backend.hpp"
#include "nn/reference/make_reference.hpp"
#include "sim/plan/presets.hpp"
#include "sim/round/local_update.hpp"
#include "sim/train/local_training.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::int64_t kWidth = 2;

/// Pixels and labels of images, normalised.
struct Images {
  std::vector<float> pixels;
  std::vector<std::uint8_t> labels;
};

Images load(const data::Dataset& dataset, const std::vector<std::uint32_t>& which) {
  Images images{.pixels = std::vector<float>(which.size() * data::kImageBytes),
                .labels = std::vector<std::uint8_t>(which.size())};
  for (std::size_t i = 0; i < which.size(); ++i) {
    data::load_plain(dataset, which[i], 1,
                     std::span(images.pixels).subspan(i * data::kImageBytes, data::kImageBytes),
                     std::span(images.labels).subspan(i, 1));
  }
  return images;
}

/// A network of initial parameters.
class Network {
 public:
  explicit Network(nn::Backend& backend) : model_(backend, {.width = kWidth}) {
    backend.enter(1);
    backend.write(model_.parameters(),
                  nn::initial_parameters(nn::resnet18_parameters({.width = kWidth}), kVerifySeed));
    backend.write(model_.buffers(), nn::initial_buffers(nn::resnet18_buffers({.width = kWidth})));
  }
  [[nodiscard]] nn::ResNet18& model() { return model_; }

 private:
  nn::ResNet18 model_;
};

/// Eq 2: the mean of the workers' losses over their shares is the loss over all images.
Check check_objective() {
  constexpr std::uint32_t kWorkers = 4;
  const data::TrainTest images = data::synthesize({.train = 64, .test = 1, .seed = 0});
  const auto backend = nn::make_reference_backend();
  Network network(*backend);
  const auto loss = [&](const std::vector<std::uint32_t>& which) {
    const Images batch = load(images.train, which);
    return network.model().evaluate(batch.pixels, batch.labels, nn::BatchNormMode::running).loss;
  };
  double mean = 0;
  std::vector<std::uint32_t> all;
  for (const auto& share : data::partition(images.train.size(), kWorkers, kVerifySeed)) {
    mean += loss(share) / kWorkers;
    all.insert(all.end(), share.begin(), share.end());
  }
  // An image's loss does not depend on its batch here, and is added up in double: 64 roundings.
  const double whole = loss(all);
  const double bound = 64 * std::numeric_limits<double>::epsilon() * std::abs(whole);
  return {"eq 2", "f is the mean of the workers' f_n over disjoint, equal shares",
          all.size() == images.train.size() && std::abs(mean - whole) <= bound,
          fmt::format("N = {}, {} images: {:.15f} and {:.15f}", kWorkers, all.size(), mean, whole)};
}

/// Eq 3: g is the gradient of the batch's loss, by central differences in double along g itself.
Check check_gradient() {
  const data::TrainTest images = data::synthesize({.train = 8, .test = 1, .seed = 0});
  const Images batch = load(images.train, {0, 1, 2, 3, 4, 5, 6, 7});
  nn::ReferenceBackend<double> backend;
  Network network(backend);
  nn::ResNet18& model = network.model();
  model.train(batch.pixels, batch.labels);
  const auto g = nn::ReferenceBackend<double>::values(model.gradients());
  const std::vector<double> direction(g.begin(), g.end());
  double squared = 0;
  for (const double x : direction) squared += x * x;
  const double norm = std::sqrt(squared);

  // F rises by norm a unit of length along g / norm.
  constexpr double kStep = 1e-6;
  const auto theta = nn::ReferenceBackend<double>::values(model.parameters());
  const std::vector<double> origin(theta.begin(), theta.end());
  const auto loss_at = [&](double step) {
    for (std::size_t i = 0; i < theta.size(); ++i) {
      theta[i] = origin[i] + step * direction[i] / norm;
    }
    return model.train(batch.pixels, batch.labels).loss;
  };
  const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
  // The loss is some units, rounded in double a million times: 1e-9 over the step; the third
  // derivative enters with the square of the step.
  return {"eq 3", "g is the gradient of the loss of the batch, at theta",
          std::abs(slope - norm) <= 1e-5 * norm,
          fmt::format("ResNet-18 of width {}, d = {}: |g| = {:.9f}, the loss rises by {:.9f}",
                      kWidth, direction.size(), norm, slope)};
}

/// Eqs 10-12: H local steps of the real trainer against a loop over eqs 11 and 12 written out here.
std::vector<Check> check_local_sgd() {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.backend = "reference";
  settings.width = static_cast<std::uint32_t>(kWidth);
  settings.batch = 4;
  settings.workers = 1;
  const data::TrainTest images = data::synthesize({.train = 64, .test = 1, .seed = 0});
  std::vector<Compute> compute = make_compute(settings, 1);
  const SlotImages training_images(images.train, compute);
  LocalTraining training(settings, training_images, compute);
  Round round;
  round.t = 1;
  round.steps = 4;
  round.learning_rate = 0.1;

  const nn::Layout layout = nn::resnet18_parameters({.width = kWidth});
  const auto theta_0 = nn::initial_parameters(layout, kVerifySeed);
  auto buffers = nn::initial_buffers(nn::resnet18_buffers({.width = kWidth}));
  const LocalResult local = training.run(0, round, 0, theta_0, buffers);
  const std::vector<float> theta_h(local.theta.begin(), local.theta.end());

  const auto backend = nn::make_reference_backend();
  Network network(*backend);
  nn::ResNet18& model = network.model();
  data::BatchSource source(
      images.train, data::partition(images.train.size(), 1, settings.seed)[0],
      {.batch = settings.batch, .augment = settings.augment, .seed = settings.seed, .worker = 0});
  const auto eta = static_cast<float>(round.learning_rate);
  const auto decay = static_cast<float>(settings.weight_decay);
  std::vector<float> theta = theta_0;
  std::vector<float> g(theta.size());
  std::vector<double> sum(theta.size());        // eq 10, in double
  std::vector<double> magnitude(theta.size());  // what its rounding errors are relative to
  std::vector<float> pixels(settings.batch * data::kImageBytes);
  std::vector<std::uint8_t> labels(settings.batch);
  for (std::uint32_t h = 0; h < round.steps; ++h) {
    source.load(h, pixels, labels);
    backend->write(model.parameters(), theta);
    model.train(pixels, labels);
    backend->read(model.gradients(), g);
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const float with_decay = g[i] + decay * theta[i];
      theta[i] = theta[i] - eta * with_decay;
      sum[i] -= static_cast<double>(eta) * static_cast<double>(with_decay);
      magnitude[i] += std::abs(static_cast<double>(eta * with_decay)) +
                      2 * std::abs(static_cast<double>(theta[i]));
    }
  }
  // Each step rounds a product and a difference, the final subtraction rounds once: every rounding
  // is at most eps/2 of a term counted in `magnitude`.
  double worst = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const double difference = static_cast<double>(theta_h[i]) - static_cast<double>(theta_0[i]);
    const double bound = std::numeric_limits<float>::epsilon() * magnitude[i];
    worst = std::max(worst, std::abs(difference - sum[i]) / bound);
  }
  const std::string shown =
      fmt::format("ResNet-18 of width {}, d = {}, H = {}", kWidth, theta.size(), round.steps);
  return {{"eq 10", "Delta theta is the sum of -eta g within rounding", worst <= 1,
           fmt::format("{}; worst error {:.2f} of its bound", shown, worst)},
          {"eq 11", "gradients are taken at theta^(h-1) (erratum), one batch each",
           theta == theta_h && theta != theta_0, shown},
          {"eq 12", "theta^(h) = theta^(h-1) - eta g, bit for bit", theta == theta_h, shown}};
}

}  // namespace

std::vector<Check> check_learning() {
  std::vector<Check> checks = {check_objective(), check_gradient()};
  for (Check& check : check_local_sgd()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace mvsgd::sim
