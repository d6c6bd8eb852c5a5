// Evaluation by value: hits, loss and batch-norm statistics against loops over the network's
// logits. The test sets' last batches are full or not.
#include "sim/train/evaluator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "data/synthetic.hpp"
#include "nn/reference/make_reference.hpp"
#include "sim/plan/presets.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::int64_t kWidth = 2;
constexpr std::size_t kBatch = 64;  // images of an evaluation's batch
constexpr double kEps = std::numeric_limits<double>::epsilon();

Settings settings_of(BatchNormEvaluation bn_eval) {
  Settings settings = preset("ssgd-mv").settings;
  settings.backend = "reference";
  settings.width = kWidth;
  settings.overrides.bn_eval = bn_eval;
  return settings;
}

/// The first n images.
data::Dataset first(const data::Dataset& all, std::size_t n) {
  return {.pixels = {all.pixels.begin(),
                     all.pixels.begin() + static_cast<std::ptrdiff_t>(n * data::kImageBytes)},
          .labels = {all.labels.begin(), all.labels.begin() + static_cast<std::ptrdiff_t>(n)}};
}

/// A network of the test's own, with the parameters that are evaluated.
class Network {
 public:
  Network() : backend_(nn::make_reference_backend()), model_(*backend_, {.width = kWidth}) {
    backend_->write(model_.parameters(), theta_);
  }

  [[nodiscard]] const std::vector<float>& theta() const { return theta_; }

  /// The logits of images begin .. begin + count - 1 in one pass, [count, classes].
  std::vector<float> logits(const data::Dataset& dataset, std::size_t begin, std::size_t count,
                            nn::BatchNormMode mode, std::span<const float> buffers) {
    backend_->write(model_.buffers(), buffers);
    return model_.logits(pixels(dataset, begin, count), mode);
  }

  /// `buffers` after one training batch with this momentum.
  std::vector<float> moved(const data::Dataset& dataset, std::size_t begin, std::size_t count,
                           std::vector<float> buffers, float momentum) {
    backend_->write(model_.buffers(), buffers);
    const std::vector<std::uint8_t> labels(count);
    model_.evaluate(pixels(dataset, begin, count), labels, nn::BatchNormMode::update, momentum);
    backend_->read(model_.buffers(), buffers);
    return buffers;
  }

  /// Mean and unbiased variance of each channel after the first convolution, summed in double.
  std::vector<double> stem_statistics(const data::Dataset& dataset, std::size_t begin,
                                      std::size_t count) {
    const auto n = static_cast<std::int64_t>(count);
    const nn::Tensor x = backend_->allocate({n, 3, 32, 32});
    backend_->write(x, pixels(dataset, begin, count));
    const nn::Tensor w = backend_->view(model_.parameters(), 0, {kWidth, 3, 3, 3});
    const nn::Tensor y = backend_->conv2d(x, w, {.stride = 1, .padding = 1});
    std::vector<float> values(static_cast<std::size_t>(nn::elements(y.shape)));
    backend_->read(y, values);
    constexpr std::size_t kPlane = 32 * 32;
    const double m = static_cast<double>(count * kPlane);
    std::vector<double> means(kWidth);
    std::vector<double> squares(kWidth);
    const auto channel = [&](std::size_t i) { return i / kPlane % kWidth; };
    for (std::size_t i = 0; i < values.size(); ++i) means[channel(i)] += values[i] / m;
    for (std::size_t i = 0; i < values.size(); ++i) {
      squares[channel(i)] += std::pow(values[i] - means[channel(i)], 2);
    }
    std::vector<double> all = means;
    for (const double s : squares) all.push_back(s / (m - 1));
    return all;
  }

 private:
  static std::vector<float> pixels(const data::Dataset& dataset, std::size_t begin,
                                   std::size_t count) {
    std::vector<float> images(count * data::kImageBytes);
    std::vector<std::uint8_t> labels(count);
    data::load_plain(dataset, begin, count, images, labels);
    return images;
  }

  std::unique_ptr<nn::Backend> backend_;
  nn::ResNet18 model_;
  std::vector<float> theta_ =
      nn::initial_parameters(nn::resnet18_parameters({.width = kWidth}), 31);
};

std::size_t largest(std::span<const float> row) {
  return static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
}

/// -log softmax(row)[label], in double.
double loss_of(std::span<const float> row, std::size_t label) {
  double sum = 0;
  for (const float x : row) sum += std::exp(static_cast<double>(x));
  return std::log(sum) - static_cast<double>(row[label]);
}

/// The expected evaluation, from logits in passes of `batch` images. The labels are the network's
/// own answers except for every third image, so the hits are known.
struct Expected {
  data::Dataset test;
  double loss = 0;
  double hits = 0;
};
Expected expected(Network& network, const data::Dataset& images, std::size_t batch,
                  nn::BatchNormMode mode, std::span<const float> buffers) {
  Expected result{.test = images};
  for (std::size_t begin = 0; begin < images.size(); begin += batch) {
    const std::size_t count = std::min(batch, images.size() - begin);
    const auto logits = network.logits(images, begin, count, mode, buffers);
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = std::span(logits).subspan(i * data::kClasses, data::kClasses);
      const bool hit = (begin + i) % 3 != 2;
      const std::size_t label = (largest(row) + (hit ? 0 : 1)) % data::kClasses;
      result.test.labels[begin + i] = static_cast<std::uint8_t>(label);
      result.loss += loss_of(row, label);
      result.hits += hit ? 1 : 0;
    }
  }
  result.loss /= static_cast<double>(images.size());
  return result;
}

/// An evaluator with everything that it needs.
class Bench {
 public:
  Bench(BatchNormEvaluation bn_eval, std::size_t slot_count, const data::Dataset& training,
        const data::Dataset& test)
      : settings_(settings_of(bn_eval)),
        slots_(slot_count),
        compute_(make_compute(settings_, slot_count)),
        training_(training, compute_),
        test_(test, compute_),
        evaluator_(settings_, training_, test_, compute_, slots_) {}

  [[nodiscard]] const Evaluator& evaluator() const { return evaluator_; }

 private:
  Settings settings_;
  Slots slots_;
  std::vector<Compute> compute_;
  SlotImages training_;
  SlotImages test_;
  Evaluator evaluator_;
};

const data::TrainTest& images() {
  static const data::TrainTest all = data::synthesize({.train = 200, .test = 130, .seed = 7});
  return all;
}

/// A worker's statistics after two steps: neither the initial ones nor those of any batch.
std::vector<float> some_buffers(Network& network) {
  auto buffers = nn::initial_buffers(nn::resnet18_buffers({.width = kWidth}));
  for (const std::size_t begin : {0U, 50U}) {
    buffers = network.moved(images().train, begin, 50, std::move(buffers), 0.1F);
  }
  return buffers;
}

class EvaluatorOfImages : public testing::TestWithParam<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Count, EvaluatorOfImages, testing::Values(1, 63, 64, 65, 130));

TEST_P(EvaluatorOfImages, GivesTheHitsAndTheLossOfALoopImageByImage) {
  Network network;
  const std::vector<float> buffers = some_buffers(network);
  const Expected want =
      expected(network, first(images().test, GetParam()), 1, nn::BatchNormMode::running, buffers);
  for (const std::size_t slots : {1U, 2U, 3U}) {
    const Bench bench(BatchNormEvaluation::average, slots, images().train, want.test);
    const Evaluation got = bench.evaluator()(network.theta(), buffers);
    const auto n = static_cast<double>(GetParam());
    EXPECT_EQ(got.accuracy, want.hits / n) << slots << " slots";
    // An image's logits do not depend on its batch. Its loss differs by some roundings in double.
    EXPECT_NEAR(got.loss, want.loss, 256 * kEps * want.loss) << slots << " slots";
  }
}

TEST_P(EvaluatorOfImages, ByBatchNormalisesEachBatchOf64WithItsOwnStatistics) {
  Network network;
  const std::vector<float> ignored(some_buffers(network).size(), 3.0F);
  const Expected want = expected(network, first(images().test, GetParam()), kBatch,
                                 nn::BatchNormMode::batch, ignored);
  for (const std::size_t slots : {1U, 3U}) {
    const Bench bench(BatchNormEvaluation::batch, slots, images().train, want.test);
    const Evaluation got = bench.evaluator()(network.theta(), ignored);
    EXPECT_EQ(got.accuracy, want.hits / static_cast<double>(GetParam())) << slots << " slots";
    EXPECT_NEAR(got.loss, want.loss, 256 * kEps * want.loss) << slots << " slots";
  }
}

TEST(Evaluator, ByAverageAndByBatchTheStatisticsAreThoseGiven) {
  Network network;
  const std::vector<float> buffers = some_buffers(network);
  for (const auto bn_eval : {BatchNormEvaluation::average, BatchNormEvaluation::batch}) {
    const Bench bench(bn_eval, 2, images().train, images().test);
    EXPECT_EQ(bench.evaluator().statistics(network.theta(), buffers), buffers);
  }
}

class EvaluatorOfTrainingImages : public testing::TestWithParam<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Count, EvaluatorOfTrainingImages,
                         testing::Values(2, 63, 64, 65, 130, 200));

TEST_P(EvaluatorOfTrainingImages, ByRecomputeTheStatisticsAreTheMeanOfThoseOfTheWholeBatches) {
  Network network;
  const data::Dataset training = first(images().train, GetParam());
  const std::size_t batches = std::max<std::size_t>(1, training.size() / kBatch);
  const std::size_t batch = std::min(kBatch, training.size());
  const std::vector<float> ignored = some_buffers(network);

  // From buffers of 0, a step at momentum 1/2 leaves exactly half of the batch's own statistics.
  std::vector<double> want(ignored.size());
  std::vector<double> stem(2 * kWidth);
  for (std::size_t i = 0; i < batches; ++i) {
    const auto half =
        network.moved(training, i * batch, batch, std::vector<float>(ignored.size(), 0.0F), 0.5F);
    for (std::size_t j = 0; j < want.size(); ++j) {
      want[j] += 2 * static_cast<double>(half[j]);
    }
    const std::vector<double> own = network.stem_statistics(training, i * batch, batch);
    for (std::size_t j = 0; j < stem.size(); ++j) {
      stem[j] += own[j] / static_cast<double>(batches);
    }
  }
  for (const std::size_t slots : {1U, 2U, 3U}) {
    const Bench bench(BatchNormEvaluation::recompute, slots, training, images().test);
    const auto got = bench.evaluator().statistics(network.theta(), ignored);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t j = 0; j < want.size(); ++j) {
      ASSERT_EQ(got[j], static_cast<float>(want[j] / static_cast<double>(batches)))
          << "statistic " << j << ", " << slots;
    }
    // The first layer's statistics once more, without the network. Sums of up to 2^16 floats, in
    // planes of 2^10, are within 2^10 roundings of a mean of magnitudes near 1.
    for (std::size_t j = 0; j < stem.size(); ++j) {
      EXPECT_NEAR(static_cast<double>(got[j]), stem[j], 0x1p-14) << "stem " << j;
    }
  }
}

TEST(Evaluator, OfATrialHasItsLastParametersAndTheMeanOfTheWorkersStatistics) {
  for (const auto bn_eval :
       {BatchNormEvaluation::average, BatchNormEvaluation::recompute, BatchNormEvaluation::batch}) {
    Settings settings = settings_of(bn_eval);
    settings.workers = 3;
    settings.batch = 8;
    settings.rounds = 4;
    settings.warmup_epochs = 0;
    const data::TrainTest some{.train = first(images().train, 130),
                               .test = first(images().test, 65)};
    const TrialResult result = run_trial(settings, some, {});
    const Bench bench(bn_eval, 1, some.train, some.test);
    const Evaluation again = bench.evaluator()(result.theta, result.statistics);
    EXPECT_EQ(result.evaluation.loss, again.loss);
    EXPECT_EQ(result.evaluation.accuracy, again.accuracy);

    // A trial that stops before its last round shows its workers' state.
    std::optional<TrialState> kept;
    TrialSinks sinks;
    sinks.pause_after = [](const Round& round) { return round.evaluate && round.t < 4; };
    sinks.on_pause = [&](const TrialState& state) {
      kept = state;
      return false;
    };
    settings.batch = 22;  // an epoch has two rounds and ends with an evaluation
    (void)run_trial(settings, some, sinks);
    ASSERT_TRUE(kept);
    const auto& workers = kept->group.workers;
    std::vector<float> mean = workers[0].buffers;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      mean[j] = (workers[0].buffers[j] + workers[1].buffers[j] + workers[2].buffers[j]) / 3.0F;
    }
    if (bn_eval == BatchNormEvaluation::recompute) {
      EXPECT_EQ(kept->statistics, bench.evaluator().statistics(kept->group.server.theta, mean));
      EXPECT_NE(kept->statistics, mean);
    } else {
      EXPECT_EQ(kept->statistics, mean);
    }
  }
}

}  // namespace
}  // namespace mvsgd::sim
