// A whole training step of ResNet-18 through oneDNN, with every choice of convolutions.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "nn/onednn/make_onednn.hpp"
#include "nn/reference/reference_backend.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::read;
using testing::uniform;

// One training step's outcome, and the backend that computes it.
struct Step {
  double loss = 0;
  std::vector<float> gradient;
  std::vector<float> buffers;

  friend bool operator==(const Step&, const Step&) = default;
};

constexpr std::int64_t kImages = 8;

Step train(Backend& backend, const ResNet18Options& options) {
  ResNet18 net(backend, options);
  backend.write(net.parameters(), initial_parameters(resnet18_parameters(options), 1));
  backend.write(net.buffers(), initial_buffers(resnet18_buffers(options)));
  const double loss =
      net.train(uniform(kImages * 3 * 32 * 32, 2), testing::labels(kImages, 3)).loss;
  return {.loss = loss,
          .gradient = read(backend, net.gradients()),
          .buffers = read(backend, net.buffers())};
}

// Convolutions whose arguments are rounded to bfloat16, to nearest even: the meaning of
// precision = bf16.
template <typename T>
class RoundedReference final : public ReferenceBackend<T> {
 private:
  Tensor do_conv2d(const Tensor& x, const Tensor& w, const ConvolutionProblem& problem) override {
    return ReferenceBackend<T>::do_conv2d(rounded(x), rounded(w), problem);
  }
  Tensor do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                 const ConvolutionProblem& problem) override {
    return ReferenceBackend<T>::do_conv2d_backward_data(rounded(dy), rounded(w), problem);
  }
  void do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw, Into into,
                                  const ConvolutionProblem& problem) override {
    ReferenceBackend<T>::do_conv2d_backward_weights(rounded(x), rounded(dy), dw, into, problem);
  }

  [[nodiscard]] Tensor rounded(const Tensor& x) {
    Tensor y = this->allocate(x.shape);
    std::transform(this->values(x).begin(), this->values(x).end(), this->values(y).begin(),
                   [](T value) {
                     auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
                     bits += 0x7fffU + (bits >> 16U & 1U);
                     return static_cast<T>(std::bit_cast<float>(bits & 0xffff0000U));
                   });
    return y;
  }
};

// A network with every choice of convolutions that this machine has.
class OneDnnNetwork : public ::testing::TestWithParam<OneDnnOptions> {
 protected:
  void SetUp() override {
    if (GetParam().convolution == ConvolutionChoice::winograd && !onednn_has_winograd()) {
      GTEST_SKIP() << "no Winograd convolutions on this processor";
    }
    if (GetParam().bf16 && !onednn_has_bf16()) GTEST_SKIP() << "no bfloat16 on this processor";
    network_ = another();
  }
  [[nodiscard]] static std::unique_ptr<Backend> another() {
    std::unique_ptr<Backend> made = make_onednn_backend(GetParam());
    made->enter(1);
    return made;
  }

  std::unique_ptr<Backend> network_;
};

INSTANTIATE_TEST_SUITE_P(
    Choices, OneDnnNetwork,
    ::testing::Values(OneDnnOptions{.convolution = ConvolutionChoice::direct},
                      OneDnnOptions{.convolution = ConvolutionChoice::winograd},
                      OneDnnOptions{.bf16 = true}),
    [](const auto& tested) {
      if (tested.param.bf16) return "bf16";
      return tested.param.convolution == ConvolutionChoice::direct ? "direct" : "winograd";
    });

// Two evaluations in float32 differ only in the order of their sums. So the distance of the
// reference from the gradient in double is a sample of the error of any order. One tensor's may be
// small by luck, so at least the median of all counts; and four times that, since the worst of 62
// tensors is compared. Winograd's algorithm must meet the same bound, though each of its
// convolutions is further off (convolution_test.cpp). bfloat16 must meet that of a network that
// rounds its arguments in this way.
template <template <typename> typename Reference>
void expect_gradients_as_near_to_those_in_double(Backend& tested) {
  const ResNet18Options options{.width = 8};
  Reference<double> exact;
  Reference<float> single;
  const std::vector<float> want = train(exact, options).gradient;
  const Layout layout = resnet18_parameters(options);
  const auto deviations = [&](const std::vector<float>& gradient) {
    std::vector<double> result;
    for (const LayoutEntry& entry : layout.entries()) {
      double squares = 0;
      double all = 0;
      for (std::int64_t i = entry.offset; i < entry.offset + elements(entry.shape); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double value = want[at];
        squares += (gradient[at] - value) * (gradient[at] - value);
        all += value * value;
      }
      result.push_back(std::sqrt(squares / all));
    }
    return result;
  };
  const std::vector<double> got = deviations(train(tested, options).gradient);
  const std::vector<double> reference = deviations(train(single, options).gradient);
  std::vector<double> sorted = reference;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[sorted.size() / 2];
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double bound = 4 * std::max(reference[i], median);
    EXPECT_LE(got[i], bound) << layout.entries()[i].name;
    worst = std::max(worst, got[i] / bound);
  }
  ::testing::Test::RecordProperty("worst_share_of_bound", std::to_string(worst));
  ::testing::Test::RecordProperty("median_of_the_reference", std::to_string(median));
}

TEST_P(OneDnnNetwork, GradientsAreAsNearToThoseInDoubleAsTheReferences) {
  GetParam().bf16 ? expect_gradients_as_near_to_those_in_double<RoundedReference>(*network_)
                  : expect_gradients_as_near_to_those_in_double<ReferenceBackend>(*network_);
}

TEST_P(OneDnnNetwork, ComputesTheSameBitsOnAnyThread) {
  const ResNet18Options options{.width = 4};
  const Step want = train(*network_, options);
  EXPECT_EQ(train(*network_, options), want) << "run twice";
  Step elsewhere;
  // The other backend's primitives were made here. Meanwhile a backend is made and used in a
  // thread.
  Step own;
  std::thread taking_over([&] {
    network_->enter(1);
    elsewhere = train(*network_, options);
  });
  std::thread with_its_own([&] {
    const std::unique_ptr<Backend> backend = another();
    own = train(*backend, options);
  });
  taking_over.join();
  with_its_own.join();
  EXPECT_EQ(elsewhere, want);
  EXPECT_EQ(own, want);
  EXPECT_EQ(train(*network_, options), want) << "and back again";
}

TEST_P(OneDnnNetwork, ComputesWithTheThreadsThatItWasEnteredWith) {
  const ResNet18Options options{.width = 4};
  const Step with_one = train(*network_, options);
  omp_set_num_threads(3);
  EXPECT_EQ(train(*network_, options), with_one);
}

}  // namespace
}  // namespace mvsgd::nn
