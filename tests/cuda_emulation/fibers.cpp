#include "tests/cuda_emulation/fibers.hpp"

#include <ucontext.h>
#include <vector_types.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

// CUDA's names, for the kernel language of nn/cuda/launch.cuh.
// NOLINTBEGIN
uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;
// The section for __shared__ variables (CMakeLists.txt). The linker names its ends.
extern "C" char __start_emulated_shared[] __attribute__((weak));
extern "C" char __stop_emulated_shared[] __attribute__((weak));
// NOLINTEND

namespace mvsgd::cuda_emulation {
namespace {

constexpr std::size_t kStack = std::size_t{64} << 10;

struct Barrier {
  unsigned members = 0;
  unsigned arrived = 0;
  std::uint64_t generation = 0;

  // Called when a member has arrived, or has ended.
  void complete_if_all_are_here() {
    if (arrived < members) return;
    arrived = 0;
    ++generation;
  }
};

// The grid of one processor thread. Fibers are made once; each runs a thread of every block.
class Grid {
 public:
  void run(unsigned blocks, unsigned threads, std::uint64_t seed,
           const std::function<void()>& kernel);
  void wait(Barrier& barrier);
  Barrier& block_barrier() { return block_; }
  Barrier& warp_barrier() { return warps_[running_->thread / kWarp]; }
  [[nodiscard]] unsigned thread() const { return running_->thread; }
  std::uint64_t& word(unsigned lane) { return words_[thread() / kWarp * kWarp + lane]; }

 private:
  struct Fiber {
    unsigned thread = 0;
    bool started = false;
    bool done = false;
    Barrier* waits_at = nullptr;
    std::uint64_t generation = 0;  // whose end it waits for
    ucontext_t start{};
    jmp_buf at{};
    std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStack);

    [[nodiscard]] bool ready() const {
      return !done && (waits_at == nullptr || waits_at->generation != generation);
    }
  };

  static void enter();
  void run_block(unsigned threads);
  void resume(Fiber& fiber);
  void yield();

  std::vector<std::unique_ptr<Fiber>> fibers_;
  Fiber* running_ = nullptr;
  jmp_buf scheduler_{};
  const std::function<void()>* kernel_ = nullptr;
  Barrier block_;
  std::vector<Barrier> warps_;
  std::vector<std::uint64_t> words_;
  std::mt19937_64 random_;
};

Grid& grid() {
  static Grid the_grid;  // one kernel runs at a time
  return the_grid;
}

// Every switch by swapcontext() would be a system call, so it only starts a fiber, and setjmp
// switches.
void Grid::resume(Fiber& fiber) {
  running_ = &fiber;
  threadIdx = {fiber.thread, 0, 0};
  if (_setjmp(scheduler_) != 0) return;
  if (fiber.started) _longjmp(fiber.at, 1);
  fiber.started = true;
  setcontext(&fiber.start);
}

void Grid::yield() {
  if (_setjmp(running_->at) == 0) _longjmp(scheduler_, 1);
}

void Grid::enter() {
  for (;;) {
    (*grid().kernel_)();
    Fiber& fiber = *grid().running_;
    fiber.done = true;
    for (Barrier* barrier : {&grid().block_, &grid().warp_barrier()}) {
      --barrier->members;
      if (barrier->members > 0) barrier->complete_if_all_are_here();
    }
    grid().yield();
  }
}

void Grid::wait(Barrier& barrier) {
  running_->waits_at = &barrier;
  running_->generation = barrier.generation;
  ++barrier.arrived;
  barrier.complete_if_all_are_here();
  if (!running_->ready()) yield();
  running_->waits_at = nullptr;
}

void Grid::run_block(unsigned threads) {
  std::memset(__start_emulated_shared, 0xff,
              static_cast<std::size_t>(__stop_emulated_shared - __start_emulated_shared));
  const unsigned warps = (threads + kWarp - 1) / kWarp;
  block_ = {.members = threads};
  warps_.assign(warps, {});
  words_.assign(std::size_t{warps} * kWarp, ~std::uint64_t{0});
  for (unsigned t = 0; t < threads; ++t) {
    ++warps_[t / kWarp].members;
    fibers_[t]->done = false;
    fibers_[t]->waits_at = nullptr;
  }
  unsigned warp = 0;
  std::vector<Fiber*> ready;
  for (unsigned left = threads; left > 0;) {
    if (random_() % 8 == 0) warp = static_cast<unsigned>(random_() % warps);
    ready.clear();
    for (unsigned tried = 0; ready.empty() && tried < warps; ++tried) {
      if (tried > 0) warp = (warp + 1) % warps;
      for (unsigned t = warp * kWarp; t < std::min(threads, (warp + 1) * kWarp); ++t) {
        if (fibers_[t]->ready()) ready.push_back(fibers_[t].get());
      }
    }
    if (ready.empty()) {
      fibers_.clear();  // nothing will ever resume them
      throw Deadlock("a barrier that not every thread reaches");
    }
    std::shuffle(ready.begin(), ready.end(), random_);
    for (Fiber* fiber : ready) {
      if (!fiber->ready()) continue;
      resume(*fiber);
      if (fiber->done) --left;
    }
  }
}

void Grid::run(unsigned blocks, unsigned threads, std::uint64_t seed,
               const std::function<void()>& kernel) {
  kernel_ = &kernel;
  random_.seed(seed);
  while (fibers_.size() < threads) {
    Fiber& fiber = *fibers_.emplace_back(std::make_unique<Fiber>());
    fiber.thread = static_cast<unsigned>(fibers_.size() - 1);
    getcontext(&fiber.start);
    fiber.start.uc_stack = {.ss_sp = fiber.stack.get(), .ss_flags = 0, .ss_size = kStack};
    makecontext(&fiber.start, enter, 0);
  }
  std::vector<unsigned> order(blocks);
  for (unsigned i = 0; i < blocks; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random_);
  blockDim = {threads, 1, 1};
  gridDim = {blocks, 1, 1};
  for (const unsigned block : order) {
    blockIdx = {block, 0, 0};
    run_block(threads);
  }
}

}  // namespace

void run_grid(unsigned blocks, unsigned threads, std::uint64_t seed,
              const std::function<void()>& kernel) {
  grid().run(blocks, threads, seed, kernel);
}

void wait_for_block() { grid().wait(grid().block_barrier()); }
void wait_for_warp() { grid().wait(grid().warp_barrier()); }
unsigned lane() { return grid().thread() % kWarp; }
std::uint64_t& word_of_lane(unsigned lane) { return grid().word(lane); }

}  // namespace mvsgd::cuda_emulation
