// The CUDA runtime as this backend uses it: the device, a stream, and memory in the stream's order.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <string>

namespace mvsgd::nn::cuda {

/// Throws UnavailableError "no CUDA device: reason" if there is none, or none that can be used.
void require_device();
/// "NVIDIA H100 (sm_90)".
[[nodiscard]] std::string device_text();

/// From now on memory that is given back stays with the program: the driver's allocator would hand
/// it to the system whenever a stream is waited for, which is once a step.
void keep_freed_memory();

/// Work of one backend, done in the order in which it was given.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] cudaStream_t get() const { return stream_; }
  /// Waits for all work given so far. Throws BackendError if any of it failed.
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

/// Device memory, taken and given back in the order of a stream: giving it back while work that
/// uses it is still queued is right. Not initialised. A buffer keeps its stream alive.
class DeviceBuffer {
 public:
  DeviceBuffer(std::shared_ptr<const Stream> stream, std::size_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  template <typename T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }

  void fill_zero() const;

 private:
  std::shared_ptr<const Stream> stream_;
  void* data_ = nullptr;
  std::size_t bytes_;
};

/// From and to the host, [bytes] each. The copy from the host has left `from` when this returns,
/// the copy to the host is complete.
void copy_to_device(const Stream& stream, void* to, const void* from, std::size_t bytes);
void copy_to_host(const Stream& stream, void* to, const void* from, std::size_t bytes);

}  // namespace mvsgd::nn::cuda
