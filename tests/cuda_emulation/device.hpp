// The emulated device: memory that only its own work may touch, and streams whose work is done
// later, in an order that is a function of a seed.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

namespace mvsgd::cuda_emulation {

// For tests.

/// Orders from now on are functions of `seed`.
void set_schedule(std::uint64_t seed);
/// 0: as on a machine without a device.
void set_devices(int count);

// For the parts of the emulation.

/// Held by whoever calls the device.
[[nodiscard]] std::unique_lock<std::recursive_mutex> hold_device();

[[nodiscard]] int devices();
/// A number of the schedule's.
[[nodiscard]] std::uint64_t draw();

/// Work for a stream, which is done at some time until the stream is waited for.
void enqueue(cudaStream_t stream, std::function<void()> work);
/// Does all work of a stream, among work of others. Returns what went wrong since the last call.
[[nodiscard]] cudaError_t finish(cudaStream_t stream);

/// Whether [p, p + bytes) is allocated memory of the device.
[[nodiscard]] bool is_device(const void* p, std::size_t bytes = 1);

/// NaNs, when the stream gets there; null if there is no room.
[[nodiscard]] void* allocate(std::size_t bytes, cudaStream_t stream);
/// False if p is not what allocate() returned.
[[nodiscard]] bool release(void* p, cudaStream_t stream);

/// Makes device memory accessible to this thread's own loops while it lives.
class Access {
 public:
  Access();
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
};

}  // namespace mvsgd::cuda_emulation
