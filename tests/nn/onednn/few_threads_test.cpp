// OpenMP grants fewer threads than are asked for: OMP_THREAD_LIMIT=1 is set for this program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "nn/lanes/make_lanes.hpp"
#include "nn/onednn/make_onednn.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

bool is_limited() {
  const char* const limit = std::getenv("OMP_THREAD_LIMIT");
  return limit != nullptr && std::string(limit) == "1";
}

TEST(FewThreads, OneDnnRefusesMoreThanItIsGiven) {
  if (!is_limited()) GTEST_SKIP() << "OMP_THREAD_LIMIT is not 1";
  const std::unique_ptr<Backend> backend = make_onednn_backend();
  backend->enter(1);
  EXPECT_THAT([&] { backend->enter(2); }, ::testing::ThrowsMessage<UnavailableError>(
                                              ::testing::HasSubstr("OpenMP gives 1 of 2 threads")));
}

// Threads of lanes share results and do not wait for each other, so the threads that come do all.
TEST(FewThreads, LanesHasTheSameBits) {
  if (!is_limited()) GTEST_SKIP() << "OMP_THREAD_LIMIT is not 1";
  const auto convolved = [](int threads) {
    const std::unique_ptr<Backend> backend = make_lanes_backend();
    backend->enter(threads);
    const Tensor x = testing::make(*backend, {3, 4, 9, 9}, testing::uniform(3 * 4 * 81, 1));
    const Tensor w = testing::make(*backend, {5, 4, 3, 3}, testing::uniform(5 * 4 * 9, 2));
    return testing::read(*backend, backend->conv2d(x, w, {.stride = 1, .padding = 1}));
  };
  EXPECT_EQ(convolved(3), convolved(1));
}

}  // namespace
}  // namespace mvsgd::nn
