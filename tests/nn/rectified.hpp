// ReLU and residual sums alone, for any backend, computed on the host. They are operations for
// tests of tapes, and batch norm's fused ReLU is compared with them.
#pragma once

#include <cstddef>
#include <vector>

#include "nn/autograd.hpp"
#include "nn/backend.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn::testing {

/// max(0, x); a NaN stays one.
inline Tensor relu(Backend& backend, const Tensor& x) {
  std::vector<float> values = read(backend, x);
  for (float& value : values) value = value <= 0 ? 0.0F : value;
  return make(backend, x.shape, values);
}

/// dy where y > 0 (or NaN), else 0.
inline Tensor relu_backward(Backend& backend, const Tensor& dy, const Tensor& y) {
  std::vector<float> values = read(backend, dy);
  const std::vector<float> results = read(backend, y);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (results[i] <= 0) values[i] = 0;
  }
  return make(backend, dy.shape, values);
}

/// max(0, x). Differentiates: x, with slope 0 at 0. Keeps the result.
inline Variable relu(Tape& tape, const Variable& x) {
  Backend& backend = tape.backend();
  Tensor y = relu(backend, x.value());
  return tape.record(y, [&backend, dx = x.gradient(), y](Gradient& result) {
    const Tensor dy = result.take(backend);
    if (dx) dx->add(backend, relu_backward(backend, dy, y));
  });
}

/// max(0, a + b). Differentiates a and b, with slope 0 at 0, and gives both the same tensor. Keeps
/// only the result.
inline Variable add_relu(Tape& tape, const Variable& a, const Variable& b) {
  Backend& backend = tape.backend();
  const Tensor sum = make(backend, a.value().shape, read(backend, a.value()));
  backend.accumulate(sum, b.value());
  Tensor y = relu(backend, sum);
  return tape.record(y, [&backend, da = a.gradient(), db = b.gradient(), y](Gradient& result) {
    const Tensor dy = result.take(backend);
    const Tensor term = relu_backward(backend, dy, y);
    if (da) da->add(backend, term);
    if (db) db->add(backend, term);
  });
}

}  // namespace mvsgd::nn::testing
