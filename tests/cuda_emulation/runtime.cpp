// The CUDA runtime on the emulated device, as far as nn/cuda uses it.
#include <cuda_runtime_api.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "tests/cuda_emulation/device.hpp"

// NVIDIA's names. NOLINTBEGIN(readability-identifier-naming)
namespace emulation = mvsgd::cuda_emulation;

namespace {

// The work that a stream had when the event was recorded; null if it never was.
struct EmulatedEvent {
  std::shared_ptr<const bool> mark;
};

EmulatedEvent& event_of(cudaEvent_t event) { return *reinterpret_cast<EmulatedEvent*>(event); }

struct EmulatedGraph {
  std::shared_ptr<emulation::Graph> graph;
};

EmulatedGraph* graph_of(cudaGraph_t graph) { return reinterpret_cast<EmulatedGraph*>(graph); }
EmulatedGraph* graph_of(cudaGraphExec_t graph) { return reinterpret_cast<EmulatedGraph*>(graph); }

// Whether the stream is captured; if so, the capture has failed.
bool cannot_be_captured(cudaStream_t stream) {
  emulation::spoil_capture(stream);
  return emulation::is_captured(stream);
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = emulation::devices();
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaSetDevice(int device) {
  if (device >= emulation::devices()) return cudaErrorInvalidDevice;
  emulation::set_current_device(device);
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::strncpy(properties->name, "emulated device", sizeof(properties->name) - 1);
  properties->major = 9;
  return device < emulation::devices() ? cudaSuccess : cudaErrorInvalidDevice;
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorLaunchTimeout:
      return "the launch timed out and was terminated";
    default:
      return "emulated error";
  }
}

// Here, as mostly on a device, launches fail when they are done.
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  const auto held = emulation::hold_device();
  *stream = emulation::make_stream();
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const auto held = emulation::hold_device();
  return emulation::remove_stream(stream);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
  *event = reinterpret_cast<cudaEvent_t>(new EmulatedEvent);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete &event_of(event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto held = emulation::hold_device();
  if (cannot_be_captured(stream)) return cudaErrorStreamCaptureUnsupported;
  event_of(event).mark = emulation::mark(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  const auto held = emulation::hold_device();
  if (cannot_be_captured(stream)) return cudaErrorStreamCaptureUnsupported;
  if (event_of(event).mark) emulation::wait_for_mark(stream, event_of(event).mark);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const auto held = emulation::hold_device();
  if (cannot_be_captured(stream)) return cudaErrorStreamCaptureUnsupported;
  return emulation::finish(stream);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const auto held = emulation::hold_device();
  if (mode != cudaStreamCaptureModeThreadLocal) return cudaErrorInvalidValue;
  return emulation::begin_capture(stream) ? cudaSuccess : cudaErrorIllegalState;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const auto held = emulation::hold_device();
  *graph = nullptr;
  auto captured = emulation::end_capture(stream);
  if (!captured) return cudaErrorStreamCaptureInvalidated;
  *graph = reinterpret_cast<cudaGraph_t>(new EmulatedGraph{std::move(captured)});
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long flags) {
  if (flags != 0) return cudaErrorInvalidValue;
  *executable = reinterpret_cast<cudaGraphExec_t>(new EmulatedGraph(*graph_of(graph)));
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph_of(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete graph_of(executable);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const auto held = emulation::hold_device();
  return emulation::launch_graph(graph_of(executable)->graph, stream) ? cudaSuccess
                                                                      : cudaErrorInvalidValue;
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  *pool = nullptr;
  return device < emulation::devices() ? cudaSuccess : cudaErrorInvalidDevice;
}

// Here memory is never returned to the system.
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t /*pool*/, cudaMemPoolAttr attribute,
                                    void* /*value*/) {
  return attribute == cudaMemPoolAttrReleaseThreshold ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t stream) {
  const auto held = emulation::hold_device();
  *p = emulation::allocate(bytes, stream);
  return *p == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
  const auto held = emulation::hold_device();
  return emulation::release(p, stream) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  const auto held = emulation::hold_device();
  if (!emulation::is_device(p, bytes)) return cudaErrorInvalidValue;
  emulation::enqueue(stream, [=] { std::memset(p, value, bytes); });
  return cudaSuccess;
}

// All host memory is pageable here. When the call returns, data to the host has arrived. Data from
// the host is read as late as can be.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const auto held = emulation::hold_device();
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (emulation::is_device(to, bytes) != to_device ||
      emulation::is_device(from, bytes) != from_device) {
    return cudaErrorInvalidValue;
  }
  if (!(from_device && to_device) && cannot_be_captured(stream)) {
    return cudaErrorStreamCaptureUnsupported;
  }
  if (from_device) {
    emulation::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
    return to_device ? cudaSuccess : emulation::finish(stream);
  }
  emulation::count_from_host(bytes);
  emulation::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpyBatchAsync(void* const* to, const void* const* from, const size_t* bytes,
                                 size_t count, cudaMemcpyAttributes* attributes, size_t* first,
                                 size_t attribute_count, cudaStream_t stream) {
  const auto held = emulation::hold_device();
  if (stream == nullptr || count != 1 || attribute_count != 1 || *first != 0 || *bytes == 0 ||
      attributes->srcAccessOrder == cudaMemcpySrcAccessOrderInvalid) {
    return cudaErrorInvalidValue;
  }
  if (attributes->srcAccessOrder != cudaMemcpySrcAccessOrderDuringApiCall) {
    return cudaMemcpyAsync(*to, *from, *bytes, cudaMemcpyHostToDevice, stream);
  }
  if (!emulation::is_device(*to, *bytes) || emulation::is_device(*from, *bytes)) {
    return cudaErrorInvalidValue;
  }
  if (cannot_be_captured(stream)) return cudaErrorStreamCaptureUnsupported;
  emulation::count_from_host(*bytes);
  const auto* const begin = static_cast<const char*>(*from);
  const auto read = std::make_shared<const std::vector<char>>(begin, begin + *bytes);
  emulation::enqueue(stream, [read, at = *to] { std::memcpy(at, read->data(), read->size()); });
  return cudaSuccess;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
