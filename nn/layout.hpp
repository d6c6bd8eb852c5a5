// Where each named tensor stands in a flat array: the fixed parameter order that makes a mask mean
// the same thing on every backend.
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

/// Named tensors one after the other, row-major, without gaps.
class Layout {
 public:
  void append(std::string name, Shape shape);

  [[nodiscard]] const std::vector<LayoutEntry>& entries() const { return entries_; }
  /// d: the elements of all.
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// The entry that holds flat element i, for messages. Throws std::out_of_range.
  [[nodiscard]] const LayoutEntry& at(std::int64_t i) const;

 private:
  std::vector<LayoutEntry> entries_;
  std::int64_t size_ = 0;
};

}  // namespace mvsgd::nn
