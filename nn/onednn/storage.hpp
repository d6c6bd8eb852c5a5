// What a tensor of the oneDNN backend is in memory.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "nn/backend.hpp"
#include "nn/onednn/library.hpp"

namespace mvsgd::nn {

/// Memory that a flat tensor and its views share.
struct Allocation {
  /// Weights in a convolution's layout, copied from the plain ones at `offset` when the allocation
  /// was at `version`.
  struct Packed {
    std::int64_t offset = 0;
    dnnl::memory::desc layout;
    std::uint64_t version = 0;
    std::shared_ptr<float> data;
  };

  std::shared_ptr<float> data;
  std::uint64_t version = 1;  ///< goes up whenever elements may change
  std::vector<Packed> packed;
};

struct OneDnnStorage : Storage {
  std::shared_ptr<Allocation> allocation;
  std::int64_t offset = 0;    ///< floats
  dnnl::memory::desc layout;  ///< zero if the tensor is plain

  [[nodiscard]] bool plain() const { return layout.is_zero(); }
  [[nodiscard]] float* data() const { return allocation->data.get() + offset; }
};

/// What batch_norm_train() saves, by channel, padded with zeros to whole blocks.
struct BatchStatistics : Storage {
  explicit BatchStatistics(std::int64_t channels)
      : mean(static_cast<std::size_t>(channels)),
        inverse_deviation(mean.size()),
        scale(mean.size()),
        shift(mean.size()) {}

  std::vector<float> mean;
  std::vector<float> inverse_deviation;
  std::vector<float> scale;
  std::vector<float> shift;
};

/// Throws std::invalid_argument for another backend's tensor.
[[nodiscard]] inline OneDnnStorage& storage(const Tensor& x) {
  auto* const found = dynamic_cast<OneDnnStorage*>(x.storage.get());
  if (found == nullptr) {
    throw std::invalid_argument("onednn: not a tensor of this backend: " + to_string(x.shape));
  }
  return *found;
}

/// Throws std::invalid_argument unless x is plain.
[[nodiscard]] inline const float* plain_data(const Tensor& x) {
  const OneDnnStorage& found = storage(x);
  if (!found.plain()) {
    throw std::invalid_argument("onednn: a plain tensor is wanted: " + to_string(x.shape));
  }
  return found.data();
}

/// The elements of the plain x for a caller that changes them: weights packed from x are then out
/// of date. Throws std::invalid_argument unless x is plain.
[[nodiscard]] inline float* writable_data(const Tensor& x) {
  static_cast<void>(plain_data(x));
  ++storage(x).allocation->version;
  return storage(x).data();
}

[[nodiscard]] inline dnnl::memory::desc layout_of(const Shape& shape,
                                                  dnnl::memory::format_tag tag) {
  return {shape, dnnl::memory::data_type::f32, tag};
}

/// The layout of a tensor with four dimensions.
[[nodiscard]] inline dnnl::memory::desc layout(const Tensor& x) {
  const OneDnnStorage& found = storage(x);
  return found.plain() ? layout_of(x.shape, dnnl::memory::format_tag::nchw) : found.layout;
}

/// Floats that x takes in memory, padding included.
[[nodiscard]] inline std::int64_t floats(const Tensor& x) {
  const OneDnnStorage& found = storage(x);
  return found.plain() ? elements(x.shape) : floats(found.layout);
}

}  // namespace mvsgd::nn
