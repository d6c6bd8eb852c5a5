#include "tests/nn/steady_step.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#include "tests/nn/values.hpp"

namespace {

// Graph nodes of autograd and lists of oneDNN's are smaller than this; the smallest activation is
// not.
constexpr std::size_t kLarge = 4096;
std::atomic<int> large_requests{0};  // NOLINT(*-avoid-non-const-global-variables): operator new's

void* counted(std::size_t size, std::size_t alignment) {
  if (size >= kLarge) ++large_requests;
  void* const data = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

void release(void* data) { std::free(data); }  // NOLINT(*-no-malloc): what counted() gave

}  // namespace

// If one of a pair were inlined without the other, the compiler would warn of a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* data) noexcept { release(data); }
[[gnu::noinline]] void operator delete(void* data, std::size_t) noexcept { release(data); }
[[gnu::noinline]] void operator delete(void* data, std::align_val_t) noexcept { release(data); }
[[gnu::noinline]] void operator delete(void* data, std::size_t, std::align_val_t) noexcept {
  release(data);
}

namespace mvsgd::nn::testing {

Training::Training(std::unique_ptr<Backend> backend, std::int64_t width, std::size_t batch)
    : backend_(std::move(backend)),
      net_(*backend_, {.width = width}),
      images_(uniform(static_cast<std::int64_t>(batch) * 3 * 32 * 32, 2)),
      labels_(labels(batch, 3)) {
  const ResNet18Options network{.width = width};
  backend_->enter(1);
  backend_->write(net_.parameters(), initial_parameters(resnet18_parameters(network), 1));
  backend_->write(net_.buffers(), initial_buffers(resnet18_buffers(network)));
}

void Training::step() {
  net_.train(images_, labels_);
  backend_->sgd_step(net_.parameters(), net_.gradients(), 0.1F, 1e-4F);
}

int requests_of_steady_steps(Training& training) {
  training.step();
  training.step();
  EXPECT_GT(large_requests, 0) << "nothing is counted";
  large_requests = 0;
  for (int i = 0; i < 5; ++i) training.step();
  return large_requests;
}

long peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

}  // namespace mvsgd::nn::testing
