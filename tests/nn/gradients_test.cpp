// Every gradient is compared with central differences in double: the reference backend's own in
// double, and those of every backend in float.

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "nn/operations.hpp"
#include "nn/reference/reference_backend.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/backends.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using Doubles = ReferenceBackend<double>;

constexpr double kEpsilon = 0x1p-53;

/// The parameters with respect to which a function is differentiated.
using Leaves = std::span<const Parameter>;
struct Leaf {
  Shape shape;
  std::vector<float> values;
};
using Function = std::function<Variable(Tape&, Leaves)>;

/// Seeded values in (-1, 1).
Leaf uniform(const Shape& shape, std::uint64_t seed) {
  return {shape, testing::uniform(elements(shape), seed)};
}

std::vector<Parameter> on(Backend& backend, const std::vector<Leaf>& leaves) {
  std::vector<Parameter> made;
  made.reserve(leaves.size());
  for (const Leaf& leaf : leaves) {
    made.push_back({.value = testing::make(backend, leaf.shape, leaf.values),
                    .gradient = backend.allocate(leaf.shape)});
  }
  return made;
}

Variable variable(const Parameter& leaf) { return {leaf.value, leaf.gradient}; }

class Gradients : public testing::EveryBackend {
 protected:
  // Compares the gradients of <dy, f> with central differences, for every element of every leaf. dy
  // is seeded. f must compute the same value from the leaves each time.
  void check(const std::vector<Leaf>& leaves, const Function& f) {
    const std::vector<Parameter> in_double = on(doubles_, leaves);
    const Shape y = f_of(in_double, f).shape;
    const Leaf dy = uniform(y, 100);
    differentiate(doubles_, in_double, dy, f);
    const std::vector<Parameter> in_float = on(backend(), leaves);
    differentiate(backend(), in_float, dy, f);

    const Tensor weights = testing::make(doubles_, y, dy.values);
    for (std::size_t l = 0; l < leaves.size(); ++l) {
      const std::span<double> x = Doubles::values(in_double[l].value);
      const std::span<const double> gradient = Doubles::values(in_double[l].gradient);
      const std::vector<float> rounded = testing::read(backend(), in_float[l].gradient);
      for (std::size_t i = 0; i < x.size(); ++i) {
        SCOPED_TRACE("leaf " + std::to_string(l) + ", element " + std::to_string(i));
        const double kept = x[i];
        x[i] = kept + kStep;
        const Product above = product(f_of(in_double, f), weights);
        x[i] = kept - kStep;
        const Product below = product(f_of(in_double, f), weights);
        x[i] = kept;
        const double difference = (above.value - below.value) / (2 * kStep);
        // Two errors: the rounding of both products, whose terms are themselves sums of up to 64;
        // and the cubic term h^2 f''' / 6. f''' is below 100 for these operations at these values
        // (only batch norm's have one, and they divide by deviations above 0.4).
        const double bound =
            64 * kEpsilon * (above.magnitude + 1) / kStep + 100 * kStep * kStep / 6;
        EXPECT_NEAR(gradient[i], difference, bound);
        // In float a gradient is up to 64 terms below 1, added with as many roundings.
        EXPECT_NEAR(static_cast<double>(rounded[i]), difference, bound + 64 * 64 * 0x1p-24);
      }
    }
  }

  // The value of f in double, without a record.
  Tensor f_of(Leaves leaves, const Function& f) {
    Tape tape(doubles_, Recording::off);
    return f(tape, leaves).value();
  }

  void expect_away_from_zero(const Tensor& y) {
    for (const double value : Doubles::values(y)) {
      ASSERT_GT(std::abs(value), 1e-3) << "the test's own values are too near the kink";
    }
  }

  Doubles doubles_;

 private:
  // eps^(1/3), at which rounding and the cubic term have the same size.
  static constexpr double kStep = 0x1p-17;

  struct Product {
    double value = 0;
    double magnitude = 0;  // the sum of |terms|
  };

  static Product product(const Tensor& y, const Tensor& dy) {
    const std::span<const double> a = Doubles::values(y);
    const std::span<const double> b = Doubles::values(dy);
    Product sum;
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum.value += a[i] * b[i];
      sum.magnitude += std::abs(a[i] * b[i]);
    }
    return sum;
  }

  static void differentiate(Backend& backend, Leaves leaves, const Leaf& dy, const Function& f) {
    Tape tape(backend);
    const Variable y = f(tape, leaves);
    tape.backward(y, testing::make(backend, dy.shape, dy.values));
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, Gradients, ::testing::ValuesIn(testing::backends()),
                         testing::case_name);
INSTANTIATE_TEST_SUITE_P(Winograd, Gradients, ::testing::ValuesIn(testing::winograd()),
                         testing::case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Gradients);

TEST_P(Gradients, OfConvolutionsAreTheDifferences) {
  struct Problem {
    Shape x, w;
    Conv2dOptions options;
  };
  for (const Problem& problem :
       {Problem{{2, 3, 4, 5}, {2, 3, 3, 3}, {.stride = 1, .padding = 1}},
        Problem{{2, 2, 5, 4}, {3, 2, 3, 3}, {.stride = 2, .padding = 1}},
        Problem{{2, 3, 4, 4}, {2, 3, 1, 1}, {.stride = 2, .padding = 0}}}) {
    SCOPED_TRACE(to_string(problem.x) + " * " + to_string(problem.w));
    check({uniform(problem.x, 1), uniform(problem.w, 2)}, [&](Tape& tape, Leaves at) {
      return conv2d(tape, variable(at[0]), at[1], problem.options);
    });
  }
}

BatchNorm norm_of(const Parameter& gamma, const Parameter& beta) {
  return {.gamma = gamma, .beta = beta, .running = {}};
}

TEST_P(Gradients, OfBatchNormsAreTheDifferences) {
  check({uniform({3, 2, 2, 3}, 3), uniform({2}, 4), uniform({2}, 5)}, [](Tape& tape, Leaves at) {
    return batch_norm(tape, variable(at[0]), norm_of(at[1], at[2]), BatchNormMode::batch);
  });
}

TEST_P(Gradients, OfRectifiedBatchNormsAreTheDifferences) {
  const std::vector<Leaf> leaves{uniform({3, 2, 2, 3}, 36), uniform({2}, 7), uniform({2}, 8)};
  const auto f = [](Tape& tape, Leaves at, bool relu) {
    return batch_norm(tape, variable(at[0]), norm_of(at[1], at[2]), BatchNormMode::batch,
                      {.relu = relu});
  };
  expect_away_from_zero(
      f_of(on(doubles_, leaves), [&](Tape& tape, Leaves at) { return f(tape, at, false); }));
  check(leaves, [&](Tape& tape, Leaves at) { return f(tape, at, true); });
}

TEST_P(Gradients, OfRectifiedBatchNormsWithAResidualAreTheDifferences) {
  const std::vector<Leaf> leaves{uniform({3, 2, 2, 3}, 40), uniform({3, 2, 2, 3}, 41),
                                 uniform({2}, 42), uniform({2}, 43)};
  const auto f = [](Tape& tape, Leaves at, bool relu) {
    return batch_norm(tape, variable(at[0]), variable(at[1]), norm_of(at[2], at[3]),
                      BatchNormMode::batch, {.relu = relu});
  };
  expect_away_from_zero(
      f_of(on(doubles_, leaves), [&](Tape& tape, Leaves at) { return f(tape, at, false); }));
  for (const bool relu : {false, true}) {
    check(leaves, [&](Tape& tape, Leaves at) { return f(tape, at, relu); });
  }
}

TEST_P(Gradients, OfAveragesAreTheDifferences) {
  check({uniform({2, 3, 3, 2}, 12)},
        [](Tape& tape, Leaves at) { return global_average_pool(tape, variable(at[0])); });
}

TEST_P(Gradients, OfLinearLayersAreTheDifferences) {
  check({uniform({3, 5}, 13), uniform({4, 5}, 14), uniform({4}, 15)},
        [](Tape& tape, Leaves at) { return linear(tape, variable(at[0]), at[1], at[2]); });
}

TEST_P(Gradients, OfCrossEntropyAreTheDifferences) {
  const Leaf logits = uniform({3, 10}, 16);
  const std::vector<std::uint8_t> labels{7, 0, 9};
  const auto loss = [&](Backend& backend, const Tensor& at) {
    return backend.softmax_cross_entropy(at, labels);
  };
  const Tensor in_double = testing::make(doubles_, logits.shape, logits.values);
  const CrossEntropy at = loss(doubles_, in_double);
  const std::span<const double> gradient = Doubles::values(at.dlogits);
  const std::vector<float> rounded = testing::read(
      backend(), loss(backend(), testing::make(backend(), logits.shape, logits.values)).dlogits);
  const std::span<double> x = Doubles::values(in_double);
  const double step = 0x1p-17;
  // The loss, about 2, is a sum of ten powers and a logarithm, some 32 roundings; f''' <= 1.
  const double bound = 32 * kEpsilon * at.loss / step + step * step;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = loss(doubles_, in_double).loss;
    x[i] = kept - step;
    const double below = loss(doubles_, in_double).loss;
    x[i] = kept;
    const double difference = (above - below) / (2 * step);
    EXPECT_NEAR(gradient[i], difference, bound) << "element " << i;
    // In float: ten powers and a quotient, each below 1.
    EXPECT_NEAR(static_cast<double>(rounded[i]), difference, bound + 32 * 0x1p-24)
        << "element " << i;
  }
}

// The chain of all operations, through both kinds of block. It is in double alone, since in float
// some inputs of ReLU are on the kink's other side.
TEST(GradientsInDouble, OfTheWholeNetworkAreTheDifferences) {
  Doubles backend;
  const ResNet18Options options{.width = 2};
  const Layout layout = resnet18_parameters(options);
  ResNet18 net(backend, options);
  backend.write(net.parameters(), initial_parameters(layout, 17));
  const std::vector<float> images = testing::uniform(2 * 3 * 32 * 32, 18);
  const std::vector<std::uint8_t> labels{3, 8};
  net.train(images, labels);

  const std::span<double> theta = Doubles::values(net.parameters());
  const std::span<const double> gradient = Doubles::values(net.gradients());
  const double loss = net.evaluate(images, labels, BatchNormMode::batch).loss;
  const auto loss_at = [&](std::size_t i, double value) {
    const double kept = std::exchange(theta[i], value);
    const double moved = net.evaluate(images, labels, BatchNormMode::batch).loss;
    theta[i] = kept;
    return moved;
  };
  // A step moves thousands of ReLU's inputs, so it is small, to keep them from crossing the kink.
  // If one crosses, the two one-sided differences disagree, and the element says nothing.
  const double step = 0x1p-22;
  std::size_t compared = 0;
  std::size_t at_a_kink = 0;
  for (const LayoutEntry& entry : layout.entries()) {
    const auto first = static_cast<std::size_t>(entry.offset);
    const auto count = static_cast<std::size_t>(elements(entry.shape));
    for (const std::size_t i : {first, first + count / 2, first + count - 1}) {
      const double above = loss_at(i, theta[i] + step);
      const double below = loss_at(i, theta[i] - step);
      // Rounding: the loss is a chain of 18 layers of sums that norms keep at size 1, each with
      // some 100 roundings. The quadratic and cubic terms of the loss are assumed below 2^10 and
      // 2^20 (seen: 2^6). A crossing breaks one or the other.
      const double rounding = 18 * 100 * kEpsilon / step;
      if (std::abs((above - loss) - (loss - below)) / step > step * 0x1p10 + rounding) {
        ++at_a_kink;
        continue;
      }
      ++compared;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * step), rounding + step * step * 0x1p20)
          << entry.name << " [" << i - first << "]";
    }
  }
  EXPECT_EQ(compared + at_a_kink, 3 * layout.entries().size());
  EXPECT_LE(at_a_kink, compared / 10);
}

}  // namespace
}  // namespace mvsgd::nn
