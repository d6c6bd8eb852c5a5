// How the kernels of this backend refuse shapes that do not fit together.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>

#include "nn/tensor.hpp"

namespace mvsgd::nn {

/// Throws std::invalid_argument: "add_relu: a 2x3 b 3x2".
[[noreturn]] inline void refuse(
    const std::string& operation,
    std::initializer_list<std::pair<const char*, const Shape&>> shapes) {
  std::string message = operation + ':';
  for (const auto& [name, shape] : shapes) {
    message += std::string(" ") + name + ' ' + to_string(shape);
  }
  throw std::invalid_argument(message);
}

inline void check_same(const char* operation, const Tensor& a, const Tensor& b) {
  if (a.shape != b.shape) refuse(operation, {{"a", a.shape}, {"b", b.shape}});
}

}  // namespace mvsgd::nn
