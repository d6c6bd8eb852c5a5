// The oneDNN backend's class.
#pragma once

#include <algorithm>
#include <cstdint>
#include <dnnl.hpp>
#include <initializer_list>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "nn/backend.hpp"
#include "nn/host_kernels.hpp"
#include "nn/onednn/channel_block.hpp"
#include "nn/onednn/convolution.hpp"
#include "nn/onednn/library.hpp"
#include "nn/onednn/storage.hpp"

namespace mvsgd::nn {

/// An activation [N, C, H, W] whose channels stand in blocks, the last one padded.
struct Blocked {
  kernels::ChannelBlock block;
  std::int64_t blocks = 0;
  std::int64_t channels = 0;

  Blocked(const Shape& shape, int lanes) : channels(shape[1]) {
    blocks = (channels + lanes - 1) / lanes;
    block = {.lanes = lanes, .images = shape[0], .plane = shape[2] * shape[3]};
    block.image_stride = blocks * stride();
  }

  /// Floats from one block of an image to the next.
  [[nodiscard]] std::int64_t stride() const { return block.plane * block.lanes; }
  [[nodiscard]] std::int64_t padded() const { return blocks * block.lanes; }

  /// Calls f(lane, channel) for the lanes of a block that are not padding.
  template <typename F>
  void for_each_lane(std::int64_t block_index, F f) const {
    const std::int64_t first = block_index * block.lanes;
    const std::int64_t last = std::min(channels, first + block.lanes);
    for (std::int64_t c = first; c < last; ++c) {
      f(static_cast<std::size_t>(c - first), static_cast<std::size_t>(c));
    }
  }
};

/// Used by one thread at a time, as Backend says. Results depend on the count given to enter(),
/// too, since oneDNN divides sums among its threads; the count is a setting of a run.
class OneDnnBackend : public Backend {
 public:
  /// Throws as make_onednn_backend() does.
  explicit OneDnnBackend(const OneDnnOptions& options);

  [[nodiscard]] std::string version() const override;
  void enter(int threads) override;

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

  // A tensor that is not initialised; plain if `layout` is zero.
  [[nodiscard]] Tensor make(const Shape& shape, const dnnl::memory::desc& layout);
  // Where to write a result of the first one's shape and layout: the first of these tensors that
  // nobody else holds, else a new tensor. Element i of a result is written after element i of the
  // arguments is read.
  [[nodiscard]] Tensor made_of(std::initializer_list<const Tensor*> given);
  [[nodiscard]] Tensor copy_of(const Tensor& x);
  // x itself if it has this layout, else a copy that does.
  [[nodiscard]] Tensor in_layout(Tensor x, const dnnl::memory::desc& wanted);
  [[nodiscard]] Tensor in_layout_of(const Tensor& x, const Tensor& other);
  // x, copied if its channels are not in blocks, and the description of its layout.
  [[nodiscard]] std::pair<Tensor, Blocked> blocked(Tensor x);
  // The plain weights w in a convolution's layout, kept until w's storage is written to.
  [[nodiscard]] float* packed(const Tensor& w, const dnnl::memory::desc& wanted);
  [[nodiscard]] Convolution& convolution(const ConvolutionProblem& problem);

  OneDnnOptions options_;
  Library library_;
  // By problem string. There is one for each shape, so one set for each batch size in use.
  std::unordered_map<std::string, Convolution> convolutions_;
};

}  // namespace mvsgd::nn
