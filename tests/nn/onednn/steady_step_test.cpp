// The memory that a training step takes from the system: large requests, counted in operator new,
// which this executable replaces, and peak resident memory.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "nn/onednn/make_onednn.hpp"
#include "nn/resnet18.hpp"
#include "tests/nn/values.hpp"
#include "tests/sanitizers.hpp"

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

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
// Inlined without operator new they would be taken for a mismatch.
[[gnu::noinline]] void operator delete(void* data) noexcept { release(data); }
[[gnu::noinline]] void operator delete(void* data, std::size_t) noexcept { release(data); }
[[gnu::noinline]] void operator delete(void* data, std::align_val_t) noexcept { release(data); }
[[gnu::noinline]] void operator delete(void* data, std::size_t, std::align_val_t) noexcept {
  release(data);
}

namespace mvsgd::nn {
namespace {

// A network of the given width that steps on one batch.
class Training {
 public:
  Training(std::int64_t width, std::size_t batch)
      : net_(*backend_, {.width = width}),
        images_(testing::uniform(static_cast<std::int64_t>(batch) * 3 * 32 * 32, 2)),
        labels_(testing::labels(batch, 3)) {
    const ResNet18Options options{.width = width};
    backend_->enter(1);
    backend_->write(net_.parameters(), initial_parameters(resnet18_parameters(options), 1));
    backend_->write(net_.buffers(), initial_buffers(resnet18_buffers(options)));
  }

  void step() {
    net_.train(images_, labels_);
    backend_->sgd_step(net_.parameters(), net_.gradients(), 0.1F, 1e-4F);
  }

 private:
  std::unique_ptr<Backend> backend_ = make_onednn_backend();
  ResNet18 net_;
  std::vector<float> images_;
  std::vector<std::uint8_t> labels_;
};

TEST(SteadyStep, AllocatesNothingLarge) {
  Training training(8, 16);
  // The first step fills the pool. Some of its buffers are kept for reordered weights, which the
  // second step replaces.
  training.step();
  training.step();
  EXPECT_GT(large_requests, 0) << "nothing is counted";
  large_requests = 0;
  for (int i = 0; i < 5; ++i) training.step();
  EXPECT_EQ(large_requests, 0);
}

// All memory: parameters and gradients, weights in oneDNN's layouts, activations, scratchpad and
// generated code.
TEST(SteadyStep, TakesAtMost700MebibytesAtThePapersSize) {
  if (kSanitizerTakesMemory) GTEST_SKIP() << "the sanitizer's own memory is resident, too";
  const auto peak_mebibytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
  };
  const long before = peak_mebibytes();
  Training training(64, 64);
  for (int i = 0; i < 3; ++i) training.step();
  const long taken = peak_mebibytes() - before;
  RecordProperty("mebibytes", std::to_string(taken));
  EXPECT_GT(taken, 300) << "the activations alone are more";
  EXPECT_LE(taken, 700);
}

}  // namespace
}  // namespace mvsgd::nn
