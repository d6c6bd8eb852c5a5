// Every gradient against central differences, in double on the reference backend.

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "nn/operations.hpp"
#include "nn/reference/reference.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using Doubles = ReferenceBackend<double>;

constexpr double kEpsilon = 0x1p-53;

class Gradients : public ::testing::Test {
 protected:
  // A tensor of seeded values in (-1, 1), and its gradient.
  Parameter leaf(const Shape& shape, std::uint64_t seed) {
    Parameter made{.value = backend_.allocate(shape), .gradient = backend_.allocate(shape)};
    backend_.write(made.value, testing::uniform(elements(shape), seed));
    return made;
  }

  // Compares the gradients of <dy, f> with central differences, for every element of every leaf; dy
  // is seeded. f computes the same value each time from the leaves.
  void check(const std::vector<Parameter>& leaves, const std::function<Variable(Tape&)>& f) {
    Tape tape(backend_);
    const Variable y = f(tape);
    const Tensor dy = leaf(y.value().shape, 100).value;
    tape.backward(y, dy);
    for (std::size_t l = 0; l < leaves.size(); ++l) {
      const std::span<double> x = Doubles::values(leaves[l].value);
      const std::span<double> gradient = Doubles::values(leaves[l].gradient);
      double worst = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double kept = x[i];
        x[i] = kept + kStep;
        const Product above = product(f, dy);
        x[i] = kept - kStep;
        const Product below = product(f, dy);
        x[i] = kept;
        const double difference = (above.value - below.value) / (2 * kStep);
        // Rounding of both products, each of terms that are sums of up to 64 themselves; and the
        // cubic term h^2 f''' / 6, where f''' is below 100 for these operations at these values
        // (batch norm's, the only ones that have it, divide by deviations above 0.4).
        const double bound =
            64 * kEpsilon * (above.magnitude + 1) / kStep + 100 * kStep * kStep / 6;
        worst = std::max(worst, std::abs(gradient[i] - difference) / bound);
        EXPECT_NEAR(gradient[i], difference, bound) << "leaf " << l << ", element " << i;
      }
      RecordProperty("worst_of_leaf_" + std::to_string(l), std::to_string(worst));
    }
  }

  Doubles backend_;

 private:
  // eps^(1/3): where rounding and the cubic term are of one size.
  static constexpr double kStep = 0x1p-17;

  struct Product {
    double value = 0;
    double magnitude = 0;  // the sum of |terms|
  };

  Product product(const std::function<Variable(Tape&)>& f, const Tensor& dy) {
    Tape tape(backend_, Recording::off);
    const Variable y = f(tape);
    const std::span<const double> a = Doubles::values(y.value());
    const std::span<const double> b = Doubles::values(dy);
    Product sum;
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum.value += a[i] * b[i];
      sum.magnitude += std::abs(a[i] * b[i]);
    }
    return sum;
  }
};

Variable variable(const Parameter& leaf) { return {leaf.value, leaf.gradient}; }

// Moves values that a step could take over ReLU's kink.
void keep_away_from_zero(const Tensor& x) {
  for (double& value : Doubles::values(x)) value += value < 0 ? -0.01 : 0.01;
}

TEST_F(Gradients, OfConvolutionsAreTheDifferences) {
  struct Problem {
    Shape x, w;
    Conv2dOptions options;
  };
  for (const Problem& problem :
       {Problem{{2, 3, 4, 5}, {2, 3, 3, 3}, {.stride = 1, .padding = 1}},
        Problem{{2, 2, 5, 4}, {3, 2, 3, 3}, {.stride = 2, .padding = 1}},
        Problem{{2, 3, 4, 4}, {2, 3, 1, 1}, {.stride = 2, .padding = 0}}}) {
    SCOPED_TRACE(to_string(problem.x) + " * " + to_string(problem.w));
    const Parameter x = leaf(problem.x, 1);
    const Parameter w = leaf(problem.w, 2);
    check({x, w}, [&](Tape& tape) { return conv2d(tape, variable(x), w, problem.options); });
  }
}

TEST_F(Gradients, OfBatchNormsAreTheDifferences) {
  const Parameter x = leaf({3, 2, 2, 3}, 3);
  const BatchNorm norm{.gamma = leaf({2}, 4), .beta = leaf({2}, 5), .running = {}};
  check({x, norm.gamma, norm.beta},
        [&](Tape& tape) { return batch_norm(tape, variable(x), norm, BatchNormMode::batch); });
}

TEST_F(Gradients, OfRectifiedBatchNormsAreTheDifferences) {
  const Parameter x = leaf({3, 2, 2, 3}, 36);
  const BatchNorm norm{.gamma = leaf({2}, 7), .beta = leaf({2}, 8), .running = {}};
  Tape plain(backend_, Recording::off);
  const Variable y = batch_norm(plain, variable(x), norm, BatchNormMode::batch);
  for (const double value : Doubles::values(y.value())) {
    ASSERT_GT(std::abs(value), 1e-3) << "the test's own values are too near the kink";
  }
  check({x, norm.gamma, norm.beta}, [&](Tape& tape) {
    return batch_norm(tape, variable(x), norm, BatchNormMode::batch, {.relu = true});
  });
}

TEST_F(Gradients, OfRectifiedBatchNormsWithAResidualAreTheDifferences) {
  const Parameter x = leaf({3, 2, 2, 3}, 40);
  const Parameter residual = leaf({3, 2, 2, 3}, 41);
  const BatchNorm norm{.gamma = leaf({2}, 42), .beta = leaf({2}, 43), .running = {}};
  const auto f = [&](Tape& tape, bool relu) {
    return batch_norm(tape, variable(x), variable(residual), norm, BatchNormMode::batch,
                      {.relu = relu});
  };
  Tape plain(backend_, Recording::off);
  const Variable y = f(plain, false);
  for (const double value : Doubles::values(y.value())) {
    ASSERT_GT(std::abs(value), 1e-3) << "the test's own values are too near the kink";
  }
  for (const bool relu : {false, true}) {
    for (const Parameter& each : {x, residual, norm.gamma, norm.beta}) {
      backend_.fill_zero(each.gradient);
    }
    check({x, residual, norm.gamma, norm.beta}, [&](Tape& tape) { return f(tape, relu); });
  }
}

TEST_F(Gradients, OfReluAreTheDifferences) {
  const Parameter x = leaf({2, 3, 2, 2}, 9);
  keep_away_from_zero(x.value);
  check({x}, [&](Tape& tape) { return relu(tape, variable(x)); });
}

TEST_F(Gradients, OfResidualSumsAreTheDifferences) {
  const Parameter a = leaf({2, 3, 2, 2}, 10);
  const Parameter b = leaf({2, 3, 2, 2}, 11);
  Tape plain(backend_, Recording::off);
  const std::span<const double> left = Doubles::values(a.value);
  const std::span<const double> right = Doubles::values(b.value);
  for (std::size_t i = 0; i < left.size(); ++i) {
    ASSERT_GT(std::abs(left[i] + right[i]), 1e-3) << "the test's own values are too near the kink";
  }
  check({a, b}, [&](Tape& tape) { return add_relu(tape, variable(a), variable(b)); });
}

TEST_F(Gradients, OfAveragesAreTheDifferences) {
  const Parameter x = leaf({2, 3, 3, 2}, 12);
  check({x}, [&](Tape& tape) { return global_average_pool(tape, variable(x)); });
}

TEST_F(Gradients, OfLinearLayersAreTheDifferences) {
  const Parameter x = leaf({3, 5}, 13);
  const Parameter w = leaf({4, 5}, 14);
  const Parameter b = leaf({4}, 15);
  check({x, w, b}, [&](Tape& tape) { return linear(tape, variable(x), w, b); });
}

TEST_F(Gradients, OfCrossEntropyAreTheDifferences) {
  const Parameter logits = leaf({3, 10}, 16);
  const std::vector<std::uint8_t> labels{7, 0, 9};
  const auto loss = [&] {
    Tape tape(backend_);
    return softmax_cross_entropy(tape, variable(logits), labels);
  };
  const Loss at = loss();
  const std::span<const double> gradient = Doubles::values(at.dlogits);
  const std::span<double> x = Doubles::values(logits.value);
  const double step = 0x1p-17;
  // The loss, about 2, is a sum of ten powers and a logarithm, some 32 roundings; f''' <= 1.
  const double bound = 32 * kEpsilon * at.value / step + step * step;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = loss().value;
    x[i] = kept - step;
    const double below = loss().value;
    x[i] = kept;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * step), bound) << "element " << i;
  }
}

// The chain of all of them, through both kinds of block.
TEST_F(Gradients, OfTheWholeNetworkAreTheDifferences) {
  const ResNet18Options options{.width = 2};
  const Layout layout = resnet18_parameters(options);
  ResNet18 net(backend_, options);
  backend_.write(net.parameters(), initial_parameters(layout, 17));
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
  // A step moves thousands of ReLU's inputs, so it is small, lest one crosses the kink; where one
  // does, the two one-sided differences disagree, and the element says nothing.
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
      // some 100 roundings. The quadratic and cubic terms of the loss are taken to be below 2^10
      // and 2^20 (seen: 2^6); a crossing breaks the one or the other.
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
