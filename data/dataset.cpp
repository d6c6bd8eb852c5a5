#include "data/dataset.hpp"

#include <cassert>

namespace mvsgd::data {

std::span<const std::uint8_t> Dataset::image(std::size_t i) const {
  assert(i < size());
  return std::span(pixels).subspan(i * kImageBytes, kImageBytes);
}

}  // namespace mvsgd::data
