// What a training step asks of the system's memory, counted in operator new, which this executable
// replaces.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "nn/onednn/onednn_backend.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"

namespace {

// Neither a graph node of autograd nor a list of oneDNN's is as large; the smallest activation is.
constexpr std::size_t kLarge = 4096;
std::atomic<int> large_requests{0};  // NOLINT(*-avoid-non-const-global-variables): operator new's

void* counted(std::size_t size, std::size_t alignment) {
  if (size >= kLarge) ++large_requests;
  void* const data = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* data) noexcept { std::free(data); }
void operator delete(void* data, std::size_t) noexcept { std::free(data); }
void operator delete(void* data, std::align_val_t) noexcept { std::free(data); }
void operator delete(void* data, std::size_t, std::align_val_t) noexcept { std::free(data); }

namespace mvsgd::nn {
namespace {

TEST(SteadyStep, AllocatesNothingLarge) {
  const std::unique_ptr<Backend> backend = make_onednn_backend();
  backend->enter(1);
  const ResNet18Options options{.width = 8};
  ResNet18 net(*backend, options);
  backend->write(net.parameters(), initial_parameters(resnet18_parameters(options), 1));
  backend->write(net.buffers(), initial_buffers(resnet18_buffers(options)));
  const std::vector<float> images = testing::uniform(16 * 3 * 32 * 32, 2);
  const std::vector<std::uint8_t> labels = testing::labels(16, 3);
  const auto step = [&] {
    net.train(images, labels);
    backend->sgd_step(net.parameters(), net.gradients(), 0.1F, 1e-4F);
  };

  // The first step fills the pool; some of its buffers are kept for reordered weights, which the
  // second replaces.
  step();
  step();
  EXPECT_GT(large_requests, 0) << "nothing is counted";
  large_requests = 0;
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(large_requests, 0);
}

}  // namespace
}  // namespace mvsgd::nn
