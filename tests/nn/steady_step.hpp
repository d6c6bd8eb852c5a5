// What a training step takes from the system: large requests, counted in operator new, which
// steady_step.cpp replaces in a program, and peak resident memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/resnet18.hpp"

namespace mvsgd::nn::testing {

/// A network of the given width that steps on one batch.
class Training {
 public:
  Training(std::unique_ptr<Backend> backend, std::int64_t width, std::size_t batch);
  void step();

 private:
  std::unique_ptr<Backend> backend_;
  ResNet18 net_;
  std::vector<float> images_;
  std::vector<std::uint8_t> labels_;
};

/// The large requests of five steps that come after two others.
[[nodiscard]] int requests_of_steady_steps(Training& training);

/// Of this process so far.
[[nodiscard]] long peak_mebibytes();

}  // namespace mvsgd::nn::testing
