#include "nn/cuda/runtime.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "nn/backend.hpp"
#include "nn/cuda/check.hpp"

namespace mvsgd::nn::cuda {

void check(cudaError_t status, const char* operation) {
  if (status == cudaSuccess) return;
  throw BackendError(std::string(operation) + ": CUDA: " + cudaGetErrorString(status));
}

int device_count() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    throw UnavailableError(std::string("no CUDA device: ") + cudaGetErrorString(status));
  }
  if (count < 1) throw UnavailableError("no CUDA device: the driver counts 0");
  return count;
}

std::string device_text(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  return std::string(properties.name) + " (sm_" + std::to_string(properties.major) +
         std::to_string(properties.minor) + ')';
}

void use_device(int device) { check(cudaSetDevice(device), "cudaSetDevice"); }

void keep_freed_memory(int device) {
  cudaMemPool_t pool = nullptr;
  check(cudaDeviceGetDefaultMemPool(&pool, device), "cudaDeviceGetDefaultMemPool");
  auto most = std::numeric_limits<std::uint64_t>::max();
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &most),
        "cudaMemPoolSetAttribute");
}

Stream::Stream() {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  const cudaError_t status = cudaEventCreateWithFlags(&given_, cudaEventDisableTiming);
  if (status != cudaSuccess) cudaStreamDestroy(stream_);
  check(status, "cudaEventCreate");
}

Stream::~Stream() {
  cudaEventDestroy(given_);
  cudaStreamDestroy(stream_);
}

void Stream::synchronize() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

void Stream::wait_for(const Stream& other) const {
  check(cudaEventRecord(other.given_, other.stream_), "cudaEventRecord");
  check(cudaStreamWaitEvent(stream_, other.given_, 0), "cudaStreamWaitEvent");
}

RecordedWork::RecordedWork(const Stream& stream, const std::function<void()>& work) {
  check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCapture");
  cudaGraph_t graph = nullptr;
  cudaError_t status = cudaSuccess;
  try {
    work();
    status = cudaStreamEndCapture(stream.get(), &graph);
    check(status, "cudaStreamEndCapture");
    status = cudaGraphInstantiate(&executable_, graph, 0);
    check(status, "cudaGraphInstantiate");
  } catch (...) {
    if (graph == nullptr && status == cudaSuccess) cudaStreamEndCapture(stream.get(), &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();  // lest the next launch report it
    throw;
  }
  cudaGraphDestroy(graph);
}

RecordedWork::~RecordedWork() { cudaGraphExecDestroy(executable_); }

void RecordedWork::launch(const Stream& stream) const {
  check(cudaGraphLaunch(executable_, stream.get()), "cudaGraphLaunch");
}

DeviceBuffer::DeviceBuffer(std::shared_ptr<const Stream> stream, std::size_t bytes)
    : stream_(std::move(stream)), bytes_(std::max<std::size_t>(bytes, 1)) {
  check(cudaMallocAsync(&data_, bytes_, stream_->get()), "cudaMallocAsync");
}

DeviceBuffer::~DeviceBuffer() { cudaFreeAsync(data_, stream_->get()); }

void DeviceBuffer::fill_zero() const {
  check(cudaMemsetAsync(data_, 0, bytes_, stream_->get()), "cudaMemsetAsync");
}

void copy_to_device(const Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  // When cudaMemcpyAsync has read pageable memory it does not say. Where a device reads the host's
  // page tables (GH200) that may be after it returns.
  cudaMemcpyAttributes attributes{};
  attributes.srcAccessOrder = cudaMemcpySrcAccessOrderDuringApiCall;
  std::size_t first = 0;
  check(cudaMemcpyBatchAsync(&to, &from, &bytes, 1, &attributes, &first, 1, stream.get()),
        "cudaMemcpyBatchAsync");
}

void copy_on_device(const Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream.get()),
        "cudaMemcpyAsync");
}

void copy_to_host(const Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream.get()), "cudaMemcpyAsync");
  stream.synchronize();
}

}  // namespace mvsgd::nn::cuda
