// The threads of an emulated kernel: fibers of one processor thread, in a seeded, unfair order.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>

namespace mvsgd::cuda_emulation {

/// A barrier that not every thread reaches.
class Deadlock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

constexpr unsigned kWarp = 32;  ///< lanes

/// Runs `kernel` once for each thread of each block, one block after the other, blocks and threads
/// in an order that is a function of `seed`. A warp goes on as far as it can before others do, so
/// that a barrier that is missing shows; __shared__ memory holds NaNs when a block begins.
///
/// Throws Deadlock.
void run_grid(unsigned blocks, unsigned threads, std::uint64_t seed,
              const std::function<void()>& kernel);

// For the running kernel.

void wait_for_block();  ///< until all threads of the block that have not returned are here
void wait_for_warp();   ///< the same of the warp
[[nodiscard]] unsigned lane();
/// Eight bytes of each lane of the warp, for what lanes tell each other.
[[nodiscard]] std::uint64_t& word_of_lane(unsigned lane);

}  // namespace mvsgd::cuda_emulation
