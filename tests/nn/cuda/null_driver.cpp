// A libcuda.so.1 without a device, for planning alone. cuDNN compiles some engines when a plan is
// made and loads the result through the driver, which need not run it.
//
// The calls of loading succeed and return addresses that nobody follows. Every other function that
// cuDNN looks up says that there is no device.
#include <cstddef>

// NVIDIA's names; unused arguments have none. NOLINTBEGIN
namespace {
constexpr int kNoDevice = 100;  // CUDA_ERROR_NO_DEVICE
int succeed(void** handle) {
  static char address;
  *handle = &address;
  return 0;
}
}  // namespace

extern "C" {
int cuLibraryLoadData(void** library, const void*, void*, void*, unsigned, void*, void*, unsigned) {
  return succeed(library);
}
int cuLibraryUnload(void*) { return 0; }
int cuLibraryGetKernel(void** kernel, void*, const char*) { return succeed(kernel); }
int cuKernelGetFunction(void** function, void*) { return succeed(function); }
int cuKernelSetAttribute(int, int, void*, int) { return 0; }
int cuKernelGetAttribute(int* value, int, void*, int) {
  *value = 0;
  return 0;
}
int cuFuncSetAttribute(void*, int, int) { return 0; }
int cuModuleLoadData(void** module, const void*) { return succeed(module); }
int cuModuleLoadDataEx(void** module, const void*, unsigned, void*, void*) {
  return succeed(module);
}
int cuModuleGetFunction(void** function, void*, const char*) { return succeed(function); }

int cuCtxGetCurrent() { return kNoDevice; }
int cuCtxGetLimit() { return kNoDevice; }
int cuCtxPopCurrent() { return kNoDevice; }
int cuCtxPushCurrent() { return kNoDevice; }
int cuDeviceGet() { return kNoDevice; }
int cuDeviceGetCount() { return kNoDevice; }
int cuDriverGetVersion() { return kNoDevice; }
int cuGetErrorName() { return kNoDevice; }
int cuGetErrorString() { return kNoDevice; }
int cuLaunchCooperativeKernel() { return kNoDevice; }
int cuLaunchKernel() { return kNoDevice; }
int cuLaunchKernelEx() { return kNoDevice; }
int cuLibraryLoadFromFile() { return kNoDevice; }
int cuLinkAddData() { return kNoDevice; }
int cuLinkComplete() { return kNoDevice; }
int cuLinkCreate() { return kNoDevice; }
int cuLinkDestroy() { return kNoDevice; }
int cuOccupancyMaxPotentialClusterSize() { return kNoDevice; }
int cuStreamGetCtx() { return kNoDevice; }
}
// NOLINTEND
