// The paper's network: ResNet-18 for 32x32 images (3x3 stem, no max-pool, four stages of two basic
// blocks, 1x1 convolution shortcuts; paper section 4.1 with the erratum in sim/verify/README.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/backend.hpp"
#include "nn/layout.hpp"
#include "nn/operations.hpp"
#include "nn/repeated_step.hpp"

namespace mvsgd::nn {

struct ResNet18Options {
  std::int64_t width = 64;  ///< channels of the first stage; 64 is the paper's
  std::int64_t classes = 10;
};

/// Trainable parameters in PyTorch's order and with its names: d = 11,173,962 at width 64 and
/// 701,466 at width 16. Throws std::invalid_argument if width or classes is below 1.
[[nodiscard]] Layout resnet18_parameters(const ResNet18Options& options);

/// Batch-norm running means and variances, in PyTorch's order: 9,600 at width 64.
[[nodiscard]] Layout resnet18_buffers(const ResNet18Options& options);

/// Initial values with PyTorch's default distributions: convolutions and the linear layer's weight
/// and bias are uniform in +-1/sqrt(fan_in), batch norm's gamma is 1 and its beta 0. Philox draws
/// them from (seed, index): element i depends only on seed, i and its fan_in.
///
/// A tensor with one extent counts as batch norm's, except a bias after a weight with more extents,
/// which takes that weight's fan_in.
[[nodiscard]] std::vector<float> initial_parameters(const Layout& parameters, std::uint64_t seed);

/// Running means 0, variances 1.
[[nodiscard]] std::vector<float> initial_buffers(const Layout& buffers);

/// The network on a backend, with its parameters, gradients and buffers as flat plain tensors. All
/// three start at zero: the caller writes initial values, or the server's.
class ResNet18 {
 public:
  /// The backend must outlive the network. Throws as resnet18_parameters() does.
  ResNet18(Backend& backend, const ResNet18Options& options);

  [[nodiscard]] Backend& backend() const { return *backend_; }
  [[nodiscard]] const Tensor& parameters() const { return parameters_; }  ///< [d]
  [[nodiscard]] const Tensor& gradients() const { return gradients_; }    ///< [d]
  [[nodiscard]] const Tensor& buffers() const { return buffers_; }

  /// The forward and backward pass of one batch in training mode. gradients() becomes eq 3's g
  /// (without weight decay), and buffers() are updated by the batch.
  ///   images [n,3,32,32]   labels [n]
  /// Throws std::invalid_argument, before anything is changed, if n = 0, images and labels do not
  /// agree on n, or a label is not below classes. Values are not checked: a NaN or infinity in
  /// parameters or images shows in the loss and in gradients(), where Layout::at() names it.
  BatchResult train(std::span<const float> images, std::span<const std::uint8_t> labels);
  /// The same for a plain tensor. `between` is called between operations, unless the backend
  /// repeats steps by itself. If it throws, the step ends with gradients and buffers incomplete.
  BatchResult train(const Tensor& images, std::span<const std::uint8_t> labels,
                    const std::function<void()>& between = {});

  /// The forward pass only; gradients() keep their values. `momentum` is that of
  /// BatchNormMode::update; 1 makes the buffers the batch's own statistics. Throws as train() does.
  BatchResult evaluate(std::span<const float> images, std::span<const std::uint8_t> labels,
                       BatchNormMode mode, float momentum = 0.1F);
  /// The same of a plain tensor; `between` as train() has it, whatever the backend.
  BatchResult evaluate(const Tensor& images, std::span<const std::uint8_t> labels,
                       BatchNormMode mode, float momentum = 0.1F,
                       const std::function<void()>& between = {});

  /// The network's logits for images [n,3,32,32].
  ///   returns [n, classes]
  /// Throws std::invalid_argument if n = 0 or the last image is incomplete.
  [[nodiscard]] std::vector<float> logits(std::span<const float> images, BatchNormMode mode);

 private:
  /// A convolution and the batch norm after it.
  struct Unit {
    Parameter weight;
    BatchNorm norm;
    Conv2dOptions options;
  };
  struct Block {
    Unit first;
    Unit second;
    std::optional<Unit> shortcut;  ///< if the block changes the shape; else it is the identity
  };
  struct BatchNormUse {
    BatchNormMode mode = BatchNormMode::update;
    float momentum = 0.1F;
  };

  [[nodiscard]] Parameter parameter(const LayoutEntry& entry, Into into = Into::add);
  /// Throws std::invalid_argument unless images and labels are a batch of this network.
  void check_batch(const Tensor& images, std::span<const std::uint8_t> labels) const;
  /// Throws std::invalid_argument unless `images` are `count` >= 1 whole images.
  [[nodiscard]] Tensor on_backend(std::span<const float> images, std::size_t count) const;
  Loss forward(Tape& tape, const Tensor& images, std::span<const std::uint8_t> labels,
               BatchNormUse use) const;

  Backend* backend_;
  ResNet18Options options_;
  std::unique_ptr<RepeatedStep> repeated_;  // null if the backend keeps no steps
  Tensor parameters_;
  Tensor gradients_;
  Tensor buffers_;
  Unit stem_;
  std::vector<Block> blocks_;
  Parameter linear_weight_;
  Parameter linear_bias_;
  std::vector<Tensor> sums_;  // the gradients to which a pass adds; they are cleared before it
};

}  // namespace mvsgd::nn
