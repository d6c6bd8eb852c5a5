// Eqs 2, 3 and 10-12 on the real network: the objective, its gradient, and the local steps.
#include <Random123/philox.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/partition.hpp"
#include "data/synthetic.hpp"
#include "nn/reference/make_reference.hpp"
#include "nn/reference/reference_backend.hpp"
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

/// A network with initial parameters.
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
  // Here an image's loss does not depend on its batch. It is added up in double: 64 roundings.
  const double whole = loss(all);
  const double bound = 64 * std::numeric_limits<double>::epsilon() * std::abs(whole);
  return {"eq 2", "f is the mean of the workers' f_n over disjoint, equal shares",
          all.size() == images.train.size() && std::abs(mean - whole) <= bound,
          fmt::format("N = {}, {} images: {:.15f} and {:.15f}", kWorkers, all.size(), mean, whole)};
}

/// The n-th vector of random signs, scaled to length 1, over a tensor that begins at `begin`.
std::vector<double> drawn_direction(std::size_t begin, std::size_t size, std::uint64_t n) {
  constexpr std::uint64_t kPurpose = 0x73696d2e7369676e;  // "sim.sign"
  std::vector<double> direction(size);
  const double each = 1 / std::sqrt(static_cast<double>(size));
  for (std::size_t i = 0; i < size; ++i) {
    const auto words = r123::Philox4x64()({{begin, i, n, 0}}, {{kVerifySeed, kPurpose}});
    direction[i] = words[0] >> 63U == 0 ? each : -each;
  }
  return direction;
}

double norm_of(std::span<const double> x) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  return std::sqrt(squares);
}

/// Eq 3: g is the gradient of the batch's loss. In each tensor, along directions that involve all
/// its coordinates, the slope of the loss in double is what g says. The float network's g, which
/// training uses, agrees with the double network's.
Check check_gradient() {
  const data::TrainTest images = data::synthesize({.train = 8, .test = 1, .seed = 0});
  const Images batch = load(images.train, {0, 1, 2, 3, 4, 5, 6, 7});
  nn::ReferenceBackend<double> doubles;
  Network network(doubles);
  nn::ResNet18& model = network.model();
  model.train(batch.pixels, batch.labels);
  const auto gradients = nn::ReferenceBackend<double>::values(model.gradients());
  const std::vector<double> g(gradients.begin(), gradients.end());
  const auto floats = nn::make_reference_backend();
  Network trained(*floats);
  trained.model().train(batch.pixels, batch.labels);
  std::vector<float> g_in_float(g.size());
  floats->read(trained.model().gradients(), g_in_float);

  constexpr double kStep = 1e-6;
  constexpr std::uint64_t kDirections = 2;  // for each tensor
  const auto theta = nn::ReferenceBackend<double>::values(model.parameters());
  double worst = 0;           // |difference - g . direction| over |g|, tensor by tensor
  double worst_in_float = 0;  // |g in float - g| over |g|
  const nn::Layout layout = nn::resnet18_parameters({.width = kWidth});
  for (const nn::LayoutEntry& entry : layout.entries()) {
    const auto begin = static_cast<std::size_t>(entry.offset);
    const auto size = static_cast<std::size_t>(nn::elements(entry.shape));
    const std::span<double> x = theta.subspan(begin, size);
    const std::vector<double> origin(x.begin(), x.end());
    const double norm = norm_of(std::span(g).subspan(begin, size));
    for (std::uint64_t n = 0; n < kDirections; ++n) {
      const std::vector<double> direction = drawn_direction(begin, size, n);
      const auto loss_at = [&](double step) {
        for (std::size_t i = 0; i < size; ++i) x[i] = origin[i] + step * direction[i];
        return model.evaluate(batch.pixels, batch.labels, nn::BatchNormMode::batch).loss;
      };
      const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
      std::ranges::copy(origin, x.begin());
      double product = 0;
      for (std::size_t i = 0; i < size; ++i) product += g[begin + i] * direction[i];
      worst = std::max(worst, std::abs(slope - product) / norm);
    }
    std::vector<double> error(size);
    for (std::size_t i = 0; i < size; ++i) {
      error[i] = static_cast<double>(g_in_float[begin + i]) - g[begin + i];
    }
    worst_in_float = std::max(worst_in_float, norm_of(error) / norm);
  }
  // The loss is a few units, rounded in double about a million times: an error of 1e-9 over the
  // step, where each tensor's |g| is above 1e-2. In float, the sums of each of 20 layers add
  // roundings of 6e-8, which batch norm divides by small deviations.
  return {"eq 3", "g is the gradient of the loss of the batch, at theta, in every tensor",
          worst <= 1e-6 && worst_in_float <= 1e-4,
          fmt::format("ResNet-18 of width {}, d = {}, {} tensors: by central differences in double "
                      "within {:.1e} of |g|; in float within {:.1e}",
                      kWidth, g.size(), layout.entries().size(), worst, worst_in_float)};
}

/// Section 4.2's rate at step `step` of 48, of which 16 are warm-up, if a round begins there.
double rate_of_step(std::uint64_t step) {
  constexpr std::uint64_t kSteps = 48;
  constexpr std::uint64_t kWarmup = 16;
  double rate = 0.5;
  const std::uint64_t stair = 1 + 5 * step / kWarmup;
  if (step < kWarmup) rate = 0.1 * static_cast<double>(stair);
  if (step >= kSteps * 150 / 300) rate /= 10;
  if (step >= kSteps * 225 / 300) rate /= 10;
  return rate;
}

/// A worker's local steps written out, with SGD's momentum.
class DefinedSteps {
 public:
  DefinedSteps(const Settings& settings, const data::Dataset& images, std::vector<float> theta)
      : settings_(&settings),
        source_(images, data::partition(images.size(), 1, settings.seed)[0],
                {.batch = settings.batch,
                 .augment = settings.augment,
                 .seed = settings.seed,
                 .worker = 0}),
        theta_(std::move(theta)),
        velocity_(theta_.size()),
        g_(theta_.size()),
        pixels_(settings.batch * data::kImageBytes),
        labels_(settings.batch) {}

  /// Eqs 11 and 12 with the batch of this step.
  void take(std::uint64_t step, float eta);
  /// theta_h - theta_0 against eq 10's sum over the steps since the last call, as a share of the
  /// bound of their rounding errors: the worst coordinate's.
  [[nodiscard]] double error_of_sum(std::span<const float> theta_0, std::span<const float> theta_h);

  [[nodiscard]] const std::vector<float>& theta() const { return theta_; }
  [[nodiscard]] const std::vector<float>& velocity() const { return velocity_; }

 private:
  const Settings* settings_;
  std::unique_ptr<nn::Backend> backend_ = nn::make_reference_backend();
  Network network_{*backend_};
  data::BatchSource source_;
  std::vector<float> theta_;
  std::vector<float> velocity_;
  std::vector<float> g_;
  std::vector<float> pixels_;
  std::vector<std::uint8_t> labels_;
  std::vector<double> sum_ = std::vector<double>(theta_.size());  // eq 10, in double
  // That to which its rounding errors are relative.
  std::vector<double> magnitude_ = std::vector<double>(theta_.size());
};

void DefinedSteps::take(std::uint64_t step, float eta) {
  const auto decay = static_cast<float>(settings_->weight_decay);
  const auto momentum = static_cast<float>(settings_->momentum);
  source_.load(step, pixels_, labels_);
  nn::ResNet18& model = network_.model();
  backend_->write(model.parameters(), theta_);
  model.train(pixels_, labels_);
  backend_->read(model.gradients(), g_);
  for (std::size_t i = 0; i < theta_.size(); ++i) {
    const float with_decay = g_[i] + decay * theta_[i];
    velocity_[i] = momentum * velocity_[i] + with_decay;
    const float by = settings_->nesterov ? with_decay + momentum * velocity_[i] : velocity_[i];
    theta_[i] = theta_[i] - eta * by;
    sum_[i] -= static_cast<double>(eta) * static_cast<double>(by);
    magnitude_[i] +=
        std::abs(static_cast<double>(eta * by)) + 2 * std::abs(static_cast<double>(theta_[i]));
  }
}

double DefinedSteps::error_of_sum(std::span<const float> theta_0, std::span<const float> theta_h) {
  // Each step rounds a product and a difference, and the final subtraction rounds once. Each
  // rounding is at most eps/2 of a term that `magnitude_` counts.
  double worst = 0;
  for (std::size_t i = 0; i < sum_.size(); ++i) {
    const double difference = static_cast<double>(theta_h[i]) - static_cast<double>(theta_0[i]);
    const double bound = std::numeric_limits<float>::epsilon() * magnitude_[i];
    worst = std::max(worst, std::abs(difference - sum_[i]) / bound);
  }
  std::ranges::fill(sum_, 0);
  std::ranges::fill(magnitude_, 0);
  return worst;
}

/// Eqs 10-12 in every round of a schedule, and section 4.2's rates. Each bool holds for all rounds.
struct LocalSgd {
  std::string shown;
  std::string steps;
  double worst = 0;  ///< error of eq 10, as a share of its bound
  bool equal = true;
  bool moves = true;
  bool rates = true;
};

/// The real trainer's local steps beside those written out.
LocalSgd compare_local_sgd(float momentum, bool nesterov) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.backend = "reference";
  settings.width = static_cast<std::uint32_t>(kWidth);
  settings.batch = 4;
  settings.workers = 1;
  settings.local_steps = 5;  // so that the first decay falls into a round
  settings.epochs = 3;
  settings.warmup_epochs = 1;
  settings.momentum = momentum;
  settings.nesterov = nesterov;
  const data::TrainTest images = data::synthesize({.train = 64, .test = 1, .seed = 0});
  std::vector<Compute> compute = make_compute(settings, 1);
  const SlotImages training_images(images.train, compute);
  LocalTraining training(settings, training_images, compute);
  const std::vector<Round> rounds = schedule(settings, images.train.size());

  std::vector<float> theta_0 =
      nn::initial_parameters(nn::resnet18_parameters({.width = kWidth}), kVerifySeed);
  auto buffers = nn::initial_buffers(nn::resnet18_buffers({.width = kWidth}));
  std::vector<float> velocity(settings.has_velocity() ? theta_0.size() : 0);
  DefinedSteps defined(settings, images.train, theta_0);
  LocalSgd found;
  found.rates = rounds.size() == 16 + 7;  // of 32 steps after the warm-up, the last round has 2
  std::uint64_t step = 0;
  for (const Round& round : rounds) {
    const LocalResult local =
        training.run(0, round, 0, theta_0, {.buffers = buffers, .velocity = velocity});
    const std::vector<float> theta_h(local.theta.host().begin(), local.theta.host().end());

    const double rate = rate_of_step(step);
    const std::uint64_t steps = step < 16 ? 1 : std::min<std::uint64_t>(5, 48 - step);
    for (std::uint64_t h = 0; h < steps; ++h) defined.take(step++, static_cast<float>(rate));
    found.worst = std::max(found.worst, defined.error_of_sum(theta_0, theta_h));
    found.equal = found.equal && defined.theta() == theta_h &&
                  (velocity.empty() || velocity == defined.velocity());
    found.moves = found.moves && theta_h != theta_0;
    found.rates =
        found.rates && round.steps == steps && std::abs(round.learning_rate - rate) <= 1e-12;
    theta_0 = theta_h;
  }
  found.shown = fmt::format("ResNet-18 of width {}, d = {}, {} rounds of 1 to {} steps", kWidth,
                            theta_0.size(), rounds.size(), settings.local_steps);
  found.steps = fmt::format("{} rounds of {} steps, 16 of them warm-up", rounds.size(), step);
  return found;
}

std::vector<Check> check_local_sgd() {
  const LocalSgd plain = compare_local_sgd(0, false);
  const LocalSgd heavy = compare_local_sgd(0.875F, false);
  const LocalSgd nesterov = compare_local_sgd(0.875F, true);
  const std::string& shown = plain.shown;
  return {{"eq 10", "Delta theta is the sum of -eta g within rounding", plain.worst <= 1,
           fmt::format("{}; worst error {:.2f} of its bound", shown, plain.worst)},
          {"eq 11", "gradients are taken at theta^(h-1) (erratum), one batch each",
           plain.equal && plain.moves, shown},
          {"eq 12", "theta^(h) = theta^(h-1) - eta g, bit for bit", plain.equal, shown},
          {"section 4.2",
           "eta climbs by five stairs and falls to a tenth at 150/300 and 225/300; a round has its "
           "first step's",
           plain.rates, plain.steps},
          {"momentum", "steps of SGD with momentum, velocity kept from round to round, bit for bit",
           heavy.equal && heavy.moves && nesterov.equal && nesterov.moves,
           fmt::format("PyTorch's and with Nesterov's, each {}", shown)}};
}

}  // namespace

std::vector<Check> check_learning() {
  std::vector<Check> checks = {check_objective(), check_gradient()};
  for (Check& check : check_local_sgd()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace mvsgd::sim
