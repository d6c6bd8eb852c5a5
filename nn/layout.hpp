// The place of each named tensor in a flat array. This order is fixed, so that a mask means the
// same on every backend.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/tensor.hpp"

namespace mvsgd::nn {

struct LayoutEntry {
  std::string name;  ///< PyTorch's: "layer1.0.conv1.weight"
  Shape shape;
  std::int64_t offset = 0;  ///< of its first element
};

/// Named tensors one after another, row-major, without gaps.
class Layout {
 public:
  void append(std::string name, Shape shape);

  [[nodiscard]] const std::vector<LayoutEntry>& entries() const { return entries_; }
  /// d: the number of elements of all tensors.
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// The entry that holds flat element i, for messages. Throws std::out_of_range.
  [[nodiscard]] const LayoutEntry& at(std::int64_t i) const;

 private:
  std::vector<LayoutEntry> entries_;
  std::int64_t size_ = 0;
};

}  // namespace mvsgd::nn
