#include "nn/layout.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace mvsgd::nn {

void Layout::append(std::string name, Shape shape) {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 1; })) {
    throw std::invalid_argument("Layout: " + name + " of shape " + to_string(shape) +
                                " has no elements");
  }
  const std::int64_t count = elements(shape);
  entries_.push_back({.name = std::move(name), .shape = std::move(shape), .offset = size_});
  size_ += count;
}

const LayoutEntry& Layout::at(std::int64_t i) const {
  if (i < 0 || i >= size_) {
    throw std::out_of_range("Layout: element " + std::to_string(i) + " of " +
                            std::to_string(size_));
  }
  // Every entry has an element, so offsets increase strictly, and the last one up to i holds it.
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), i,
      [](std::int64_t element, const LayoutEntry& e) { return element < e.offset; });
  return *std::prev(after);
}

}  // namespace mvsgd::nn
