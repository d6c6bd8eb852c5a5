// The threads of an emulated kernel: fibers of one processor thread, in a seeded, unfair order.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>

namespace mvsgd::cuda_emulation {

/// Thrown for a barrier that not every thread reaches.
class Deadlock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

constexpr unsigned kWarp = 32;  ///< lanes

/// Runs `kernel` once for each thread of each block, one block after another. The order of blocks
/// and threads is a function of `seed`. A warp runs as far as it can before others do, so that a
/// missing barrier shows. __shared__ memory holds NaNs when a block begins.
///
/// Throws Deadlock.
void run_grid(unsigned blocks, unsigned threads, std::uint64_t seed,
              const std::function<void()>& kernel);

// For the running kernel.

void wait_for_block();  ///< until all threads of the block that have not returned arrive
void wait_for_warp();   ///< the same for the warp
[[nodiscard]] unsigned lane();
/// Eight bytes of each lane of the warp, through which lanes exchange values.
[[nodiscard]] std::uint64_t& word_of_lane(unsigned lane);

}  // namespace mvsgd::cuda_emulation
