// Tensors: a shape, and storage into which only its backend can look.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mvsgd::nn {

/// Extents, outermost first: images and activations are N,C,H,W, convolution weights O,C,R,S.
using Shape = std::vector<std::int64_t>;

/// The product of the extents; 1 for a scalar.
[[nodiscard]] std::int64_t elements(const Shape& shape);

/// The shape as messages show it: "64x3x32x32".
[[nodiscard]] std::string to_string(const Shape& shape);

/// Memory of a backend, in a layout of the backend's choice.
class Storage {
 public:
  Storage() = default;
  virtual ~Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
};

/// A handle: copies share the storage. Empty when default-constructed.
struct Tensor {
  Shape shape;
  std::shared_ptr<Storage> storage;

  [[nodiscard]] explicit operator bool() const { return storage != nullptr; }
};

}  // namespace mvsgd::nn
