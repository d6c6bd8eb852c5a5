// The emulated devices: memory that only a device's own work may touch, and streams whose work is
// done later, in an order that is a function of a seed.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace mvsgd::cuda_emulation {

// For tests.

/// Orders from now on are functions of `seed`.
void set_schedule(std::uint64_t seed);
/// At most kMostDevices; 0: as on a machine without a device.
constexpr int kMostDevices = 2;
/// cuDNN ranks the engines of devices that are not alike otherwise.
void set_devices(int count, bool alike = true);
/// Engines of cuDNN's fail where a stream is captured.
void refuse_capture(bool refuse);
/// Graphs launched so far.
[[nodiscard]] std::uint64_t launched_graphs();
/// Copied from the host to devices so far.
[[nodiscard]] std::uint64_t bytes_from_host();

// For the parts of the emulation.

/// Held by whoever calls a device.
[[nodiscard]] std::unique_lock<std::recursive_mutex> hold_device();

[[nodiscard]] int devices();
/// Whether the calling thread's device is of the first one's kind.
[[nodiscard]] bool like_the_first();
/// A number of the schedule's.
[[nodiscard]] std::uint64_t draw();

/// The calling thread's device.
[[nodiscard]] int current_device();
void set_current_device(int device);

/// A stream of the calling thread's device.
[[nodiscard]] cudaStream_t make_stream();
/// When all of its work is done.
[[nodiscard]] cudaError_t remove_stream(cudaStream_t stream);

/// Work for a stream, which is done at some time until the stream is waited for.
void enqueue(cudaStream_t stream, std::function<void()> work);
/// The same of work that has to be given while the stream's device is the thread's; false if it is
/// not.
[[nodiscard]] bool enqueue_launch(cudaStream_t stream, std::function<void()> work);
/// A mark behind the work that a stream has, which becomes true when that is done.
[[nodiscard]] std::shared_ptr<const bool> mark(cudaStream_t stream);
/// What the stream is given from now on waits for the mark.
void wait_for_mark(cudaStream_t stream, std::shared_ptr<const bool> mark);
/// Does all work of a stream, among work of others. Returns what went wrong since the last call.
[[nodiscard]] cudaError_t finish(cudaStream_t stream);

/// What a stream is given while it is captured, which is done when the graph is launched. Memory
/// that a graph takes is its own, and is NaNs at the start of each launch.
struct Graph;
[[nodiscard]] bool begin_capture(cudaStream_t stream);
/// Null if something cannot be captured: memory of before given back, a copy from or to the host, a
/// wait, an event.
[[nodiscard]] std::shared_ptr<Graph> end_capture(cudaStream_t stream);
[[nodiscard]] bool is_captured(cudaStream_t stream);
[[nodiscard]] bool refuses_capture();
/// The capture of a stream, if there is one, has failed.
void spoil_capture(cudaStream_t stream);
/// False for a second launch of a graph that has not given back all it takes.
[[nodiscard]] bool launch_graph(const std::shared_ptr<Graph>& graph, cudaStream_t stream);

/// Whether [p, p + bytes) is allocated memory of a device.
[[nodiscard]] bool is_device(const void* p, std::size_t bytes = 1);

/// What bytes_from_host() counts.
void count_from_host(std::size_t bytes);

/// NaNs, when the stream gets there; null if there is no room.
[[nodiscard]] void* allocate(std::size_t bytes, cudaStream_t stream);
/// False if p is not what allocate() returned.
[[nodiscard]] bool release(void* p, cudaStream_t stream);

}  // namespace mvsgd::cuda_emulation
