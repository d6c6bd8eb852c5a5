#include "compress/values/scaled_sign.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mvsgd::compress {

namespace {

// A block longer than any vector makes the whole vector one block.
constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max();

}  // namespace

ScaledSign::ScaledSign(std::size_t block_size)
    : Quantizer(1), block_size_(block_size > 0 ? block_size : kWhole) {}

std::size_t ScaledSign::magnitudes(std::size_t count) const {
  return count / block_size_ + (count % block_size_ > 0 ? 1 : 0);
}

std::size_t ScaledSign::block_size(std::size_t count) const {
  return block_size_ == kWhole ? count : block_size_;
}

Quantized ScaledSign::quantize(std::span<const float> v) const {
  check_finite(v);
  Quantized quantized;
  quantized.codes.resize(v.size());
  quantized.magnitudes.reserve(magnitudes(v.size()));
  for (std::size_t begin = 0; begin < v.size();) {
    const std::size_t size = std::min(block_size_, v.size() - begin);
    double norm = 0;
    for (std::size_t i = begin; i < begin + size; ++i) {
      norm += std::fabs(v[i]);
      quantized.codes[i] = v[i] < 0 ? 1 : 0;
    }
    quantized.magnitudes.push_back(static_cast<float>(norm / static_cast<double>(size)));
    begin += size;
  }
  return quantized;
}

void ScaledSign::recover(const Quantized& quantized, std::span<float> v) const {
  check_recoverable(quantized, v.size());
  std::size_t begin = 0;
  for (const float scale : quantized.magnitudes) {
    const std::size_t size = std::min(block_size_, v.size() - begin);
    for (std::size_t i = begin; i < begin + size; ++i) {
      v[i] = quantized.codes[i] == 1 ? -scale : scale;
    }
    begin += size;
  }
}

}  // namespace mvsgd::compress
