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

/// Makes orders from now on functions of `seed`.
void set_schedule(std::uint64_t seed);
/// The most devices. With 0 devices, calls behave as on a machine without one.
constexpr int kMostDevices = 2;
/// Sets the number of devices. If they are not alike, cuDNN ranks the engines of others
/// differently.
void set_devices(int count, bool alike = true);
/// If `refuse`, cuDNN's engines fail while a stream is captured.
void refuse_capture(bool refuse);
/// The number of graphs launched so far.
[[nodiscard]] std::uint64_t launched_graphs();
/// The bytes copied from the host to devices so far.
[[nodiscard]] std::uint64_t bytes_from_host();

// For the other parts of the emulation.

/// Held by every caller of a device.
[[nodiscard]] std::unique_lock<std::recursive_mutex> hold_device();

[[nodiscard]] int devices();
/// Whether the calling thread's device is of the same kind as the first one.
[[nodiscard]] bool like_the_first();
/// A random number from the schedule.
[[nodiscard]] std::uint64_t draw();

/// The calling thread's device.
[[nodiscard]] int current_device();
void set_current_device(int device);

/// A stream of the calling thread's device.
[[nodiscard]] cudaStream_t make_stream();
/// Removes the stream once all of its work is done.
[[nodiscard]] cudaError_t remove_stream(cudaStream_t stream);

/// Gives work to a stream. It is done at some time before the stream has been waited for.
void enqueue(cudaStream_t stream, std::function<void()> work);
/// The same for work that must be given while the stream's device is the thread's; false if it is
/// not.
[[nodiscard]] bool enqueue_launch(cudaStream_t stream, std::function<void()> work);
/// A mark after the work that a stream has. It becomes true when that work is done.
[[nodiscard]] std::shared_ptr<const bool> mark(cudaStream_t stream);
/// Makes work given to the stream from now on wait for the mark.
void wait_for_mark(cudaStream_t stream, std::shared_ptr<const bool> mark);
/// Does all work of a stream, mixed with work of others. Returns what went wrong since the last
/// call.
[[nodiscard]] cudaError_t finish(cudaStream_t stream);

/// The work given to a stream while it is captured; it is done when the graph is launched. A
/// graph's memory is its own, and is NaNs at the start of each launch.
struct Graph;
[[nodiscard]] bool begin_capture(cudaStream_t stream);
/// Null if something could not be captured: giving back memory taken earlier, a copy from or to the
/// host, a wait, an event.
[[nodiscard]] std::shared_ptr<Graph> end_capture(cudaStream_t stream);
[[nodiscard]] bool is_captured(cudaStream_t stream);
[[nodiscard]] bool refuses_capture();
/// Makes the capture of a stream, if there is one, fail.
void spoil_capture(cudaStream_t stream);
/// False for a second launch of a graph that has not given back all memory that it takes.
[[nodiscard]] bool launch_graph(const std::shared_ptr<Graph>& graph, cudaStream_t stream);

/// Whether [p, p + bytes) is allocated memory of a device.
[[nodiscard]] bool is_device(const void* p, std::size_t bytes = 1);

/// Adds to bytes_from_host().
void count_from_host(std::size_t bytes);

/// Memory that is NaNs once the stream gets there; null if there is no room.
[[nodiscard]] void* allocate(std::size_t bytes, cudaStream_t stream);
/// False if allocate() did not return p.
[[nodiscard]] bool release(void* p, cudaStream_t stream);

}  // namespace mvsgd::cuda_emulation
