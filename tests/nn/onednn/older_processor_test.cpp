// The backend on a processor without AVX-512. oneDNN must be told so before it first looks, so this
// is a separate executable.
#include <gmock/gmock.h>

#include <dnnl.hpp>
#include <string>

#include "nn/onednn/convolution.hpp"
#include "nn/onednn/make_onednn.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using ::testing::HasSubstr;

class OlderProcessor : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2); }
};

std::string refusal(const OneDnnOptions& options) {
  try {
    static_cast<void>(make_onednn_backend(options));
  } catch (const UnavailableError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST_F(OlderProcessor, HasNeitherWinogradNorBFloat16AndSaysSo) {
  EXPECT_FALSE(onednn_has_winograd());
  EXPECT_FALSE(onednn_has_bf16());
  EXPECT_THAT(refusal({.convolution = ConvolutionChoice::winograd}),
              HasSubstr("no Winograd convolutions in oneDNN "));
  EXPECT_THAT(refusal({.bf16 = true}), HasSubstr("no bfloat16 in oneDNN "));
  EXPECT_EQ(refusal({}), "nothing was refused");
}

TEST_F(OlderProcessor, ComputesEveryConvolutionDirectly) {
  const ConvolutionProblem problem({64, 64, 32, 32}, {64, 64, 3, 3}, {.stride = 1, .padding = 1});
  EXPECT_EQ(choose(ConvolutionChoice::table, problem).forward, Algorithm::direct);
  const std::unique_ptr<Backend> backend = make_onednn_backend();
  backend->enter(1);
  const Tensor x = testing::make(*backend, {1, 16, 4, 4}, std::vector<float>(256, 1));
  const Tensor w = testing::make(*backend, {16, 16, 3, 3}, std::vector<float>(2304, 1));
  // In the middle every tap counts, at a corner four of nine.
  const std::vector<float> y =
      testing::read(*backend, backend->conv2d(x, w, {.stride = 1, .padding = 1}));
  EXPECT_EQ(y[5], 16 * 9);
  EXPECT_EQ(y[0], 16 * 4);
}

}  // namespace
}  // namespace mvsgd::nn
