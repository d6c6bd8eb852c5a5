// Every instruction set and number of threads gives the same bits. They are recorded here, so every
// processor is compared with them.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/lanes/make_lanes.hpp"
#include "nn/resnet18.hpp"
#include "nn/shape_checks.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using lanes::Isa;
using testing::make;
using testing::read;
using testing::uniform;
using Values = std::vector<float>;

std::vector<Isa> isas() {
  std::vector<Isa> supported;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (lanes::supports(isa)) supported.push_back(isa);
  }
  return supported;
}

std::unique_ptr<Backend> lanes_backend(Isa isa, int threads,
                                       ConvolutionChoice choice = ConvolutionChoice::winograd,
                                       bool bf16 = false) {
  std::unique_ptr<Backend> made =
      make_lanes_backend({.convolution = choice, .isa = isa, .bf16 = bf16});
  made->enter(threads);
  return made;
}

// One thread alone if this build has no OpenMP.
std::vector<int> thread_counts() {
  try {
    make_lanes_backend()->enter(2);
  } catch (const BackendError&) {
    return {1};
  }
  return {1, 2, 3};
}

// NaNs need only both be NaNs: where two meet, the processor chooses which results.
::testing::AssertionResult same_bits(const Values& got, const Values& want) {
  if (got.size() != want.size()) {
    return ::testing::AssertionFailure() << got.size() << " values, not " << want.size();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(want[i])) continue;
    if (std::bit_cast<std::uint32_t>(got[i]) != std::bit_cast<std::uint32_t>(want[i])) {
      return ::testing::AssertionFailure() << "[" << i << "]: " << got[i] << ", not " << want[i];
    }
  }
  return ::testing::AssertionSuccess();
}

using Results = std::vector<std::pair<std::string, Values>>;

// Checks that compute(backend) is the same with every instruction set and number of threads.
template <typename Compute>
void expect_one_result(ConvolutionChoice choice, const Compute& compute, bool bf16 = false) {
  const Results want = compute(*lanes_backend(Isa::portable, 1, choice, bf16));
  for (const Isa isa : isas()) {
    for (const int threads : thread_counts()) {
      if (isa == Isa::portable && threads == 1) continue;
      const Results got = compute(*lanes_backend(isa, threads, choice, bf16));
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_TRUE(same_bits(got[i].second, want[i].second))
            << got[i].first << " with " << name(isa) << ", threads = " << threads;
      }
    }
  }
}

// Batches that fill their blocks and do not; channels that fill no vector, one and several. So
// every width's loops over outputs and channels run.
const std::vector<ConvolutionProblem>& problems() {
  constexpr Conv2dOptions kSame{.stride = 1, .padding = 1};
  static const std::vector<ConvolutionProblem> problems{
      {{1, 1, 5, 3}, {1, 1, 3, 3}, kSame},
      {{5, 3, 9, 6}, {8, 3, 3, 3}, kSame},
      {{16, 8, 4, 4}, {13, 8, 3, 3}, kSame},
      {{19, 20, 7, 5}, {12, 20, 3, 3}, kSame},
      {{17, 56, 3, 4}, {25, 56, 3, 3}, kSame},
      {{5, 8, 7, 6}, {16, 8, 3, 3}, {.stride = 2, .padding = 1}},
      {{19, 20, 4, 4}, {40, 20, 1, 1}, {.stride = 2, .padding = 0}},
      {{3, 72, 3, 2}, {9, 72, 2, 3}, {.stride = 1, .padding = 1}}};
  return problems;
}

Results passes(Backend& backend, const ConvolutionProblem& problem) {
  const Tensor x = make(backend, problem.x, uniform(elements(problem.x), 1));
  const Tensor w = make(backend, problem.w, uniform(elements(problem.w), 2));
  const Tensor dy = make(backend, problem.y, uniform(elements(problem.y), 3));
  const Tensor dw = make(backend, problem.w, uniform(elements(problem.w), 4));
  backend.conv2d_backward_weights(x, dy, dw, Into::add, problem.options);
  return {{"y", read(backend, backend.conv2d(x, w, problem.options))},
          {"dx", read(backend, backend.conv2d_backward_data(dy, w, problem.x, problem.options))},
          {"dw", read(backend, dw)}};
}

TEST(LanesBits, OfConvolutionsAreOne) {
  for (const ConvolutionProblem& problem : problems()) {
    SCOPED_TRACE(problem.text());
    const auto compute = [&](Backend& backend) { return passes(backend, problem); };
    expect_one_result(ConvolutionChoice::direct, compute);
    expect_one_result(ConvolutionChoice::winograd, compute);
    expect_one_result(ConvolutionChoice::winograd, compute, true);
  }
}

Results normed(Backend& b, const Shape& shape, bool relu, bool residual, bool more) {
  const auto activation = [&](std::uint64_t seed) {
    return make(b, shape, uniform(elements(shape), seed));
  };
  const auto channels = [&](std::uint64_t seed) {
    return make(b, {shape[1]}, uniform(shape[1], seed));
  };
  Results results;
  const Tensor none;
  const BatchNormOptions options{.relu = relu};
  const Tensor gamma = channels(1);
  const RunningStatistics running{
      .mean = channels(2),
      .variance = make(b, {shape[1]}, Values(static_cast<std::size_t>(shape[1]), 0.7F))};
  const Tensor term = residual ? activation(3) : none;
  const BatchNormForward forward =
      b.batch_norm_train(activation(4), gamma, channels(5), running, term, options);
  results.emplace_back("y", read(b, forward.y));
  results.emplace_back("running mean", read(b, running.mean));
  results.emplace_back("running variance", read(b, running.variance));
  results.emplace_back("evaluated", read(b, b.batch_norm_evaluate(activation(4), gamma, channels(5),
                                                                  running, term, options)));
  const Tensor dgamma = channels(6);
  const Tensor dbeta = channels(7);
  const BatchNormGradients gradients =
      b.batch_norm_backward(activation(8), more ? activation(9) : none, activation(4), gamma,
                            forward, dgamma, dbeta, options);
  results.emplace_back("dx", read(b, gradients.dx));
  if (residual) results.emplace_back("dresidual", read(b, gradients.dresidual));
  results.emplace_back("dgamma", read(b, dgamma));
  results.emplace_back("dbeta", read(b, dbeta));
  return results;
}

TEST(LanesBits, OfBatchNormAreOne) {
  for (const Shape& shape :
       {Shape{1, 1, 1, 2}, Shape{5, 3, 9, 9}, Shape{16, 8, 4, 4}, Shape{19, 13, 11, 6}}) {
    SCOPED_TRACE(to_string(shape));
    for (const int flags : {0, 1, 2, 3, 4, 5, 6, 7}) {
      const auto compute = [&](Backend& backend) {
        return normed(backend, shape, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0);
      };
      expect_one_result(ConvolutionChoice::direct, compute);
      expect_one_result(ConvolutionChoice::winograd, compute, true);
    }
  }
}

TEST(LanesBits, OfEverythingElseAreOne) {
  for (const std::int64_t images : {1, 16, 19}) {
    expect_one_result(ConvolutionChoice::direct, [&](Backend& b) {
      const auto values = [&](const Shape& shape, std::uint64_t seed) {
        return make(b, shape, uniform(elements(shape), seed));
      };
      const Tensor x = values({images, 13, 3, 5}, 1);
      const Tensor sum = values(x.shape, 2);
      b.accumulate(sum, x);
      const Tensor pooled = b.global_average_pool(x);
      const Tensor w = values({10, 13}, 3);
      const Tensor logits = b.linear(pooled, w, values({10}, 4));
      const CrossEntropy loss =
          b.softmax_cross_entropy(logits, testing::labels(static_cast<std::size_t>(images), 5));
      const Tensor dw = values(w.shape, 6);
      const Tensor db = values({10}, 7);
      b.linear_backward_weights(pooled, loss.dlogits, dw, db);
      const Tensor dpooled = b.linear_backward_data(loss.dlogits, w);
      const Tensor theta = values({1001}, 8);
      b.sgd_step(theta, values({1001}, 9), 0.1F, 1e-4F);
      const Tensor velocity = values({1001}, 10);
      b.momentum_step(theta, velocity, values({1001}, 11),
                      {.learning_rate = 0.1F, .weight_decay = 1e-4F, .momentum = 0.9F});
      return Results{{"sum", read(b, sum)},
                     {"pool", read(b, pooled)},
                     {"logits", read(b, logits)},
                     {"dlogits", read(b, loss.dlogits)},
                     {"dw", read(b, dw)},
                     {"db", read(b, db)},
                     {"dpooled", read(b, dpooled)},
                     {"dx", read(b, b.global_average_pool_backward(dpooled, x))},
                     {"theta", read(b, theta)},
                     {"velocity", read(b, velocity)}};
    });
  }
}

// The results of training steps; each step begins at parameters that the one before has moved.
struct Steps {
  std::vector<double> losses;
  Values gradient, buffers, parameters;
};

template <typename Change>
Steps train(Backend& backend, std::int64_t width, std::int64_t images, int count,
            const Change& change) {
  const ResNet18Options options{.width = width};
  ResNet18 net(backend, options);
  Values theta = initial_parameters(resnet18_parameters(options), 1);
  Values batch = uniform(images * 3 * 32 * 32, 2);
  change(theta, batch);
  backend.write(net.parameters(), theta);
  backend.write(net.buffers(), initial_buffers(resnet18_buffers(options)));
  const std::vector<std::uint8_t> labels = testing::labels(static_cast<std::size_t>(images), 3);
  Steps steps;
  for (int step = 0; step < count; ++step) {
    steps.losses.push_back(net.train(batch, labels).loss);
    backend.sgd_step(net.parameters(), net.gradients(), 0.1F, 1e-4F);
  }
  steps.gradient = read(backend, net.gradients());
  steps.buffers = read(backend, net.buffers());
  steps.parameters = read(backend, net.parameters());
  return steps;
}
Steps train(Backend& backend, std::int64_t width, std::int64_t images, int count) {
  return train(backend, width, images, count, [](Values&, Values&) {});
}

::testing::AssertionResult same_bits(const Steps& got, const Steps& want) {
  for (std::size_t i = 0; i < want.losses.size(); ++i) {
    if (got.losses[i] == want.losses[i]) continue;
    if (std::isnan(got.losses[i]) && std::isnan(want.losses[i])) continue;
    return ::testing::AssertionFailure()
           << "loss " << i << ": " << got.losses[i] << ", not " << want.losses[i];
  }
  for (const auto part : {&Steps::gradient, &Steps::buffers, &Steps::parameters}) {
    if (auto same = same_bits(got.*part, want.*part); !same) return same;
  }
  return ::testing::AssertionSuccess();
}

struct NetworkCase {
  std::int64_t width;
  std::int64_t images;
  bool bf16 = false;
};

class LanesNetwork : public ::testing::TestWithParam<NetworkCase> {};

INSTANTIATE_TEST_SUITE_P(Sizes, LanesNetwork,
                         ::testing::Values(NetworkCase{1, 1}, NetworkCase{1, 19}, NetworkCase{3, 5},
                                           NetworkCase{3, 16}, NetworkCase{8, 1},
                                           NetworkCase{16, 5}, NetworkCase{1, 19, true},
                                           NetworkCase{3, 5, true}),
                         [](const auto& tested) {
                           return "width" + std::to_string(tested.param.width) + "n" +
                                  std::to_string(tested.param.images) +
                                  (tested.param.bf16 ? "bf16" : "");
                         });

TEST_P(LanesNetwork, StepsToTheSameBits) {
  const auto [width, images, bf16] = GetParam();
  const auto backend = [halves = bf16](Isa isa, int threads) {
    return lanes_backend(isa, threads, ConvolutionChoice::winograd, halves);
  };
  // The portable loops call a function for every multiply-add.
  const int count = width <= 3 ? 2 : 1;
  const Steps want = train(*backend(Isa::portable, 1), width, images, count);
  EXPECT_TRUE(std::isfinite(want.losses.back()));
  for (const Isa isa : isas()) {
    for (const int threads : thread_counts()) {
      if (isa == Isa::portable && (threads == 1 || width > 1)) continue;
      EXPECT_TRUE(same_bits(train(*backend(isa, threads), width, images, count), want))
          << name(isa) << ", threads = " << threads;
    }
  }
}

TEST(LanesBits, OfAStepHaveTheirNaNsWhereverOneIsGivenOnce) {
  constexpr std::int64_t kImages = 19;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto expect_nan = [&](std::string_view what, const auto& change) {
    const Steps want = train(*lanes_backend(Isa::portable, 1), 1, kImages, 1, change);
    EXPECT_TRUE(std::isnan(want.losses.front())) << what;
    EXPECT_TRUE(std::isnan(want.gradient.front())) << what;
    EXPECT_TRUE(std::isnan(want.gradient.back())) << what;
    for (const Isa isa : isas()) {
      EXPECT_TRUE(same_bits(train(*lanes_backend(isa, 1), 1, kImages, 1, change), want))
          << what << ", " << name(isa);
    }
  };
  expect_nan("first pixel", [&](Values&, Values& batch) { batch.front() = nan; });
  expect_nan("last pixel", [&](Values&, Values& batch) { batch.back() = nan; });
  expect_nan("infinite pixel", [&](Values&, Values& batch) { batch[17 * 3072] = infinity; });
  expect_nan("weight", [&](Values& theta, Values&) { theta.front() = nan; });
  expect_nan("infinite weight", [&](Values& theta, Values&) { theta[20] = -infinity; });
}

// FNV-1a of 64 bits, the bytes of a value from its lowest.
class Digest {
 public:
  void add(const Values& values) {
    for (const float value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      for (int shift = 0; shift < 32; shift += 8) {
        hash_ = (hash_ ^ (bits >> shift & 0xffU)) * 0x100000001b3U;
      }
    }
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

// What every processor must compute, as computed on one.
struct Golden {
  std::int64_t images;
  std::uint64_t digest;
  bool bf16 = false;
  ConvolutionChoice choice = ConvolutionChoice::winograd;
};

class LanesGolden : public ::testing::TestWithParam<Golden> {};

constexpr auto kDirect = ConvolutionChoice::direct;
INSTANTIATE_TEST_SUITE_P(Batches, LanesGolden,
                         ::testing::Values(Golden{16, 0x69e16f622f3b9ce9U},
                                           Golden{19, 0xa8e108ec2bb227dU},
                                           Golden{16, 0x540272c5abd7ba1eU, true},
                                           Golden{19, 0xed24f659ad95a22bU, true},
                                           Golden{19, 0xd2cb84573c81b522U, false, kDirect},
                                           Golden{19, 0x84feb180b7a4da0U, true, kDirect}),
                         [](const auto& tested) {
                           return "n" + std::to_string(tested.param.images) +
                                  (tested.param.bf16 ? "bf16" : "") +
                                  (tested.param.choice == kDirect ? "direct" : "");
                         });

TEST_P(LanesGolden, DigestOfAStepAtWidth8IsEveryProcessors) {
  const auto [images, golden, bf16, choice] = GetParam();
  for (const Isa isa : isas()) {
    const Steps steps = train(*lanes_backend(isa, 1, choice, bf16), 8, images, 1);
    Digest digest;
    digest.add(steps.gradient);
    digest.add(steps.buffers);
    digest.add(steps.parameters);
    EXPECT_EQ(digest.value(), golden) << name(isa) << ": 0x" << std::hex << digest.value();
  }
}

}  // namespace
}  // namespace mvsgd::nn
