// Takes the place of nn/cuda/launch.cuh when the backend's sources are compiled for the emulated
// device. It gives the kernel language as C++, for nn/cuda's .cu files unchanged.
#pragma once

#include <cuda_runtime_api.h>
#include <math.h>  // CUDA has these names outside namespaces

#include <cstdint>
#include <cstring>

#include "nn/cuda/check.hpp"
#include "tests/cuda_emulation/device.hpp"
#include "tests/cuda_emulation/fibers.hpp"

// CUDA's names. NOLINTBEGIN
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

inline void __syncthreads() { mvsgd::cuda_emulation::wait_for_block(); }

inline unsigned __float_as_uint(float x) {
  unsigned bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }

// One thread runs at a time, so every operation is atomic.
template <typename T>
T atomicAdd(T* to, T value) {
  const T old = *to;
  *to = old + value;
  return old;
}
template <typename T>
T atomicMax(T* to, T value) {
  const T old = *to;
  if (value > old) *to = value;
  return old;
}
template <typename T>
T atomicMin(T* to, T value) {
  const T old = *to;
  if (value < old) *to = value;
  return old;
}

// Every lane of the warp writes its word before any reads, and reads before any writes the next.
inline unsigned __ballot_sync(unsigned /*lanes*/, int vote) {
  using namespace mvsgd::cuda_emulation;
  word_of_lane(lane()) = vote != 0 ? 1 : 0;
  wait_for_warp();
  unsigned votes = 0;
  for (unsigned l = 0; l < kWarp; ++l) votes |= word_of_lane(l) == 1 ? 1U << l : 0U;
  wait_for_warp();
  return votes;
}
template <typename T>
T __shfl_up_sync(unsigned /*lanes*/, T value, unsigned distance) {
  using namespace mvsgd::cuda_emulation;
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::memcpy(&word_of_lane(lane()), &value, sizeof(T));
  wait_for_warp();
  if (lane() >= distance) std::memcpy(&value, &word_of_lane(lane() - distance), sizeof(T));
  wait_for_warp();
  return value;
}
// NOLINTEND

namespace mvsgd::nn::cuda {

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, cudaStream_t stream,
            Arguments... arguments) {
  const auto held = cuda_emulation::hold_device();
  const std::uint64_t seed = cuda_emulation::draw();
  const bool launched = cuda_emulation::enqueue_launch(stream, [=] {
    cuda_emulation::run_grid(blocks, threads, seed, [&] { kernel(arguments...); });
  });
  check(launched ? cudaGetLastError() : cudaErrorInvalidResourceHandle, "kernel launch");
}

}  // namespace mvsgd::nn::cuda
