// cuBLAS on the emulated device: the one product that nn/cuda uses, column-major, in double.
#include <cublas_v2.h>

#include "tests/cuda_emulation/device.hpp"

// NVIDIA's names. NOLINTBEGIN(readability-identifier-naming)
namespace emulation = mvsgd::cuda_emulation;

struct cublasContext {
  cudaStream_t stream = nullptr;
  bool has_workspace = false;
};

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  // As the library does, goes back to its own workspace.
  *handle = {.stream = stream};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, size_t bytes) {
  const auto held = emulation::hold_device();
  handle->has_workspace = emulation::is_device(workspace, bytes);
  return handle->has_workspace ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t /*handle*/, cublasMath_t /*mode*/) {
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t /*handle*/, int* version) {
  *version = CUBLAS_VERSION;
  return CUBLAS_STATUS_SUCCESS;
}

const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "CUBLAS_STATUS_SUCCESS" : "an emulated error";
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transpose_a,
                              cublasOperation_t transpose_b, int m, int n, int k,
                              const float* alpha, const float* a, int lda, const float* b, int ldb,
                              const float* beta, float* c, int ldc) {
  const auto held = emulation::hold_device();
  const bool a_is_plain = transpose_a == CUBLAS_OP_N;
  const bool b_is_plain = transpose_b == CUBLAS_OP_N;
  if (lda < (a_is_plain ? m : k) || ldb < (b_is_plain ? k : n) || ldc < m) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!handle->has_workspace) return CUBLAS_STATUS_NOT_INITIALIZED;  // nn/cuda promises one
  const bool launched =
      emulation::enqueue_launch(handle->stream, [=, scale = *alpha, kept = *beta] {
        for (long j = 0; j < n; ++j) {
          for (long i = 0; i < m; ++i) {
            double sum = 0;
            for (long p = 0; p < k; ++p) {
              sum += static_cast<double>(a_is_plain ? a[i + p * lda] : a[p + i * lda]) *
                     static_cast<double>(b_is_plain ? b[p + j * ldb] : b[j + p * ldb]);
            }
            float& to = c[i + j * ldc];
            // With beta = 0, c is written and not read, whatever it holds.
            const double old = kept == 0 ? 0 : static_cast<double>(kept) * static_cast<double>(to);
            to = static_cast<float>(static_cast<double>(scale) * sum + old);
          }
        }
      });
  return launched ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
