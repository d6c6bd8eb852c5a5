// The CUDA runtime as this backend uses it: devices, streams, and memory in a stream's order.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace mvsgd::nn::cuda {

/// The number of devices. Throws UnavailableError "no CUDA device: reason" if there is none, or
/// none that can be used.
[[nodiscard]] int device_count();
/// "NVIDIA H100 (sm_90)".
[[nodiscard]] std::string device_text(int device);
/// Sets the device of what the calling thread makes and starts from now on.
void use_device(int device);

/// Makes memory that is given back from now on stay with the program. The driver's allocator would
/// else return it to the system whenever a stream is waited for, which is once a step.
void keep_freed_memory(int device);

/// Work of one backend or one worker, done in the order in which it was given.
class Stream {
 public:
  /// A stream on the device that the calling thread uses.
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] cudaStream_t get() const { return stream_; }
  /// Waits for all work given so far. Throws BackendError if any of it failed.
  void synchronize() const;
  /// Work given from now on begins only when the work given to `other` so far is done. Both streams
  /// are on one device, and no other thread may give `other` work meanwhile.
  void wait_for(const Stream& other) const;

 private:
  cudaStream_t stream_ = nullptr;
  cudaEvent_t given_ = nullptr;  // marks the end of the work that others wait for
};

/// Work that was given to a stream once and can be repeated as a whole: a CUDA graph.
class RecordedWork {
 public:
  /// Records the work that `work` gives to `stream`, without doing it. Device memory that `work`
  /// takes does not exist afterwards, and nothing may wait for the stream. Throws what `work`
  /// throws, and BackendError if a part cannot be recorded; the stream is then as before.
  RecordedWork(const Stream& stream, const std::function<void()>& work);
  ~RecordedWork();
  RecordedWork(const RecordedWork&) = delete;
  RecordedWork& operator=(const RecordedWork&) = delete;

  void launch(const Stream& stream) const;

 private:
  cudaGraphExec_t executable_ = nullptr;
};

/// Device memory, taken and given back in the order of a stream: it may be given back while work
/// that uses it is still queued. Not initialised. A buffer keeps its stream alive.
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

  [[nodiscard]] const std::shared_ptr<const Stream>& stream() const { return stream_; }
  void fill_zero() const;

 private:
  std::shared_ptr<const Stream> stream_;
  void* data_ = nullptr;
  std::size_t bytes_;
};

/// Copies of [bytes] from and to the host. When copy_to_device() returns, `from` may be changed;
/// when the copy to the host returns, it is complete.
void copy_to_device(const Stream& stream, void* to, const void* from, std::size_t bytes);
void copy_on_device(const Stream& stream, void* to, const void* from, std::size_t bytes);
void copy_to_host(const Stream& stream, void* to, const void* from, std::size_t bytes);

}  // namespace mvsgd::nn::cuda
