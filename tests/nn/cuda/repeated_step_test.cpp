// Tiers cuda_emulated and gpu: a training step as one CUDA graph gives the bits of its kernels run
// one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/cuda/cuda_backend.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"
#if !defined(MVSGD_REAL_CUDA)
#include "tests/cuda_emulation/device.hpp"
#endif

namespace mvsgd::nn::cuda {
namespace {

using nn::testing::read;
using nn::testing::uniform;
using ::testing::Contains;
using ::testing::StartsWith;

constexpr std::int64_t kWidth = 2;

/// A network that takes steps, each with different images.
class Trained {
 public:
  explicit Trained(const CudaOptions& options)
      : backend_(options), net_(backend_, {.width = kWidth}) {
    backend_.write(net_.parameters(),
                   initial_parameters(resnet18_parameters({.width = kWidth}), 1));
    backend_.write(net_.buffers(), initial_buffers(resnet18_buffers({.width = kWidth})));
  }

  void train(std::int64_t batch) {
    ++steps_;
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(batch));
    for (std::size_t i = 0; i < labels.size(); ++i) {
      labels[i] = static_cast<std::uint8_t>((i + steps_) % 10);
    }
    tell(net_.train(uniform(batch * 3 * 32 * 32, steps_), labels));
  }
  void move() { backend_.sgd_step(net_.parameters(), net_.gradients(), 0.1F, 1e-4F); }
  void evaluate() {
    tell(net_.evaluate(uniform(std::int64_t{3} * 3 * 32 * 32, 99),
                       std::vector<std::uint8_t>{1, 2, 3}, BatchNormMode::running));
  }

  /// Losses, hits, gradients, parameters and statistics so far.
  [[nodiscard]] const std::vector<double>& told() const { return told_; }
  [[nodiscard]] std::vector<std::string> plans() const { return backend_.plans(); }

 private:
  void tell(const BatchResult& result) {
    told_.push_back(result.loss);
    told_.push_back(static_cast<double>(result.correct));
    for (const Tensor& x : {net_.gradients(), net_.parameters(), net_.buffers()}) {
      const std::vector<float> values = read(backend_, x);
      told_.insert(told_.end(), values.begin(), values.end());
    }
  }

  CudaBackend backend_;
  ResNet18 net_;
  std::uint64_t steps_ = 0;
  std::vector<double> told_;
};

// The first three steps have the same parameters, later steps different ones. An evaluation and
// batches of another size come between them.
void train(Trained& net) {
  net.train(2);
  net.train(2);
  net.train(2);
  net.move();
  net.train(2);
  net.move();
  net.evaluate();
  net.train(2);
  net.move();
  net.train(3);
  net.train(3);
  net.move();
  net.train(3);
  net.train(2);
}

struct Case {
  Precision precision;
  std::uint64_t schedule;
};

class StepGraph : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
#if defined(MVSGD_REAL_CUDA)
    try {
      static_cast<void>(cuda_devices());
    } catch (const UnavailableError& error) {
      GTEST_SKIP() << error.what();
    }
#else
    cuda_emulation::set_schedule(GetParam().schedule);
#endif
  }
};

TEST_P(StepGraph, GivesTheBitsOfItsKernels) {
  Trained one_by_one({.precision = GetParam().precision});
  train(one_by_one);
#if !defined(MVSGD_REAL_CUDA)
  const std::uint64_t before = cuda_emulation::launched_graphs();
#endif
  Trained graphs({.precision = GetParam().precision, .step_graph = true});
  train(graphs);
  EXPECT_EQ(graphs.told(), one_by_one.told());
  EXPECT_THAT(graphs.plans(), Contains("step 2x3x32x32: one graph"));
  EXPECT_THAT(graphs.plans(), Contains("step 3x3x32x32: one graph"));
  EXPECT_THAT(one_by_one.plans(), ::testing::Not(Contains(StartsWith("step "))));
#if !defined(MVSGD_REAL_CUDA)
  constexpr int kSteps = 9;
  constexpr int kShapes = 2;  // their first steps run kernel by kernel
  EXPECT_EQ(cuda_emulation::launched_graphs() - before, kSteps - kShapes);
#endif
}

#if defined(MVSGD_REAL_CUDA)
INSTANTIATE_TEST_SUITE_P(Precisions, StepGraph,
                         ::testing::Values(Case{Precision::fp32, 0}, Case{Precision::tf32, 0},
                                           Case{Precision::bf16, 0}));
#else
INSTANTIATE_TEST_SUITE_P(Schedules, StepGraph,
                         ::testing::Values(Case{Precision::fp32, 1}, Case{Precision::fp32, 2},
                                           Case{Precision::bf16, 3}));

class RefusedStepGraph : public ::testing::Test {
 protected:
  void TearDown() override { cuda_emulation::refuse_capture(false); }
};

TEST_F(RefusedStepGraph, IsDoneKernelByKernel) {
  Trained one_by_one({});
  train(one_by_one);
  const std::uint64_t before = cuda_emulation::launched_graphs();
  cuda_emulation::refuse_capture(true);
  Trained refused({.step_graph = true});
  train(refused);
  EXPECT_EQ(refused.told(), one_by_one.told());
  EXPECT_EQ(cuda_emulation::launched_graphs(), before);
  EXPECT_THAT(refused.plans(),
              Contains(::testing::AllOf(StartsWith("step 2x3x32x32: kernel by kernel, for "),
                                        ::testing::HasSubstr("the stream is captured"))));
}

TEST_F(RefusedStepGraph, IsOneThatWaitsForTheDevice) {
  CudaBackend backend({.step_graph = true});
  const auto repeated = backend.repeated_step();
  const Tensor x = nn::testing::make(backend, {1, 3}, {1, 2, 3});
  const std::vector<std::uint8_t> labels{2};
  const auto step = [&](const Tensor& images, std::span<const std::uint8_t> of) {
    static_cast<void>(read(backend, images));
    const CrossEntropy loss = backend.softmax_cross_entropy(images, of);
    return BatchResult{.loss = loss.loss, .correct = loss.correct};
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(repeated->run(x, labels, step).loss, 0.4076, 1e-4);
  }
  EXPECT_THAT(backend.plans(), Contains(::testing::HasSubstr("step 1x3: kernel by kernel, for ")));
}
#endif

}  // namespace
}  // namespace mvsgd::nn::cuda
