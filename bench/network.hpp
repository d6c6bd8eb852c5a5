// The network and a batch, for the benchmarks of the backends.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/resnet18.hpp"

namespace mvsgd::bench {

/// ResNet-18 with its initial parameters, and a batch of one pattern an image.
class Network {
 public:
  Network(nn::Backend& backend, std::int64_t width, std::int64_t batch)
      : net_(backend, {.width = width}),
        images_(static_cast<std::size_t>(batch) * 3 * 32 * 32),
        labels_(static_cast<std::size_t>(batch)) {
    const nn::ResNet18Options options{.width = width};
    backend.write(net_.parameters(), nn::initial_parameters(nn::resnet18_parameters(options), 1));
    backend.write(net_.buffers(), nn::initial_buffers(nn::resnet18_buffers(options)));
    for (std::size_t i = 0; i < images_.size(); ++i) {
      images_[i] = static_cast<float>(i * 2654435761U >> 8U & 0xffU) / 128 - 1;
    }
    for (std::size_t i = 0; i < labels_.size(); ++i) labels_[i] = static_cast<std::uint8_t>(i % 10);
  }

  /// Forward and backward pass and SGD. Returns the loss.
  double step(nn::Backend& backend) {
    const nn::BatchResult result = net_.train(images_, labels_);
    backend.sgd_step(net_.parameters(), net_.gradients(), 0.01F, 1e-4F);
    return result.loss;
  }
  double evaluate() { return net_.evaluate(images_, labels_, nn::BatchNormMode::running).loss; }

 private:
  nn::ResNet18 net_;
  std::vector<float> images_;
  std::vector<std::uint8_t> labels_;
};

/// The logits of an untrained network are small, so its loss is near log(10), the loss of equal
/// logits.
inline bool is_right(double loss) { return std::abs(loss - std::log(10.0)) < 1; }

}  // namespace mvsgd::bench
