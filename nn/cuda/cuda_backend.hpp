// The CUDA backend's class.
#pragma once

#include <cublas_v2.h>
#include <cudnn_graph.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "nn/backend.hpp"
#include "nn/cuda/graphs.hpp"
#include "nn/cuda/kernels.hpp"
#include "nn/cuda/loss_rows.hpp"
#include "nn/cuda/make_cuda.hpp"
#include "nn/cuda/runtime.hpp"
#include "nn/cuda/storage.hpp"

namespace mvsgd::nn::cuda {

/// Everything is queued on one stream. Only read(), softmax_cross_entropy() and errors wait for it.
/// A result depends on the arguments, the device and the libraries' versions.
class CudaBackend : public Backend {
 public:
  /// Throws as make_cuda_backend() does.
  explicit CudaBackend(const CudaOptions& options);

  [[nodiscard]] std::string version() const override;
  void enter(int threads) override;
  [[nodiscard]] std::unique_ptr<const ImageStore> hold_images(const ImageBytes& images) override;
  /// Null unless CudaOptions::step_graph.
  [[nodiscard]] std::unique_ptr<RepeatedStep> repeated_step() override;

  /// "conv2d n64c64h32w32o64r3s1p1: engine 1, workspace 0" for each plan made so far. For each step
  /// that was to be one graph, "step 64x3x32x32: one graph", or why it is not one. Sorted.
  [[nodiscard]] std::vector<std::string> plans() const;

  void fill_zero(const Tensor& x) override;

 private:
  Tensor do_allocate(const Shape& shape) override;
  Tensor do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) override;
  void do_write(const Tensor& to, std::span<const float> from) override;
  void do_read(const Tensor& from, std::span<float> to) override;
  void do_accumulate(const Tensor& y, const Tensor& x) override;
  Tensor do_conv2d(const Tensor& x, const Tensor& w, const ConvolutionProblem& problem) override;
  Tensor do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                 const ConvolutionProblem& problem) override;
  void do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw, Into into,
                                  const ConvolutionProblem& problem) override;
  BatchNormForward do_batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                       const RunningStatistics& running, const Tensor& residual,
                                       const BatchNormOptions& options) override;
  BatchNormGradients do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                            const Tensor& gamma, const BatchNormForward& forward,
                                            const Tensor& dgamma, const Tensor& dbeta,
                                            const BatchNormOptions& options) override;
  Tensor do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                const RunningStatistics& running, const Tensor& residual,
                                const BatchNormOptions& options) override;
  Tensor do_global_average_pool(const Tensor& x) override;
  Tensor do_global_average_pool_backward(const Tensor& dy, const Tensor& x) override;
  Tensor do_linear(const Tensor& x, const Tensor& w, const Tensor& b) override;
  Tensor do_linear_backward_data(const Tensor& dy, const Tensor& w) override;
  void do_linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                  const Tensor& db) override;
  CrossEntropy do_softmax_cross_entropy(const Tensor& logits,
                                        std::span<const std::uint8_t> labels) override;
  void do_sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                   float weight_decay) override;
  void do_momentum_step(const Tensor& theta, const Tensor& velocity, const Tensor& gradient,
                        const MomentumOptions& options) override;

  friend class CudaRepeatedStep;

  /// While it lives, the step that the backend is asked for is recorded.
  class Recording {
   public:
    Recording(CudaBackend& backend, const LossRows& rows) : backend_(&backend) {
      backend.recorded_rows_ = &rows;
    }
    ~Recording() { backend_->recorded_rows_ = nullptr; }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

   private:
    CudaBackend* backend_;
  };

  template <typename T>
  struct Destroy {
    void operator()(T* handle) const;
  };
  using DnnHandle = std::unique_ptr<cudnnContext, Destroy<cudnnContext>>;
  using BlasHandle = std::unique_ptr<cublasContext, Destroy<cublasContext>>;

  [[nodiscard]] cudaStream_t stream() const { return stream_->get(); }
  [[nodiscard]] std::shared_ptr<DeviceBuffer> buffer(std::int64_t bytes) const;
  [[nodiscard]] Tensor make(const Shape& shape, bool nhwc) const;
  /// x in that layout; x itself if it has the layout already.
  [[nodiscard]] Tensor in_layout(const Tensor& x, bool nhwc) const;
  [[nodiscard]] Tensor in_nhwc(const Tensor& x) const { return in_layout(x, true); }

  /// `count` floats in this backend's precision, as a convolution reads them.
  [[nodiscard]] std::shared_ptr<DeviceBuffer> rounded(std::int64_t count, const float* from) const;
  [[nodiscard]] const void* argument(const Tensor& x, std::shared_ptr<DeviceBuffer>& rounded) const;
  [[nodiscard]] const void* packed_weights(const Tensor& w) const;

  template <typename Make>
  const Plan& plan(const std::string& key, Make make);
  void execute(const Plan& plan, std::initializer_list<Binding> bindings);
  void convolve(Graph::Pass pass, const ConvolutionProblem& problem, const void* x, const void* w,
                const void* y);

  /// c [rows, columns] = a b + beta c, row-major. A factor may ask to be transposed first.
  struct Factor {
    const float* data = nullptr;
    bool transposed = false;
  };
  void multiply(std::int64_t rows, std::int64_t inner, std::int64_t columns, Factor a, Factor b,
                float beta, float* c);

  CudaOptions options_;
  std::shared_ptr<const Stream> stream_;
  DnnHandle dnn_;
  std::shared_ptr<DeviceBuffer> blas_workspace_;
  BlasHandle blas_;
  std::unordered_map<std::string, Plan> plans_;
  std::vector<std::string> steps_;           ///< what plans() says of steps
  const LossRows* recorded_rows_ = nullptr;  ///< of the step that is being recorded, if one is
};

}  // namespace mvsgd::nn::cuda
