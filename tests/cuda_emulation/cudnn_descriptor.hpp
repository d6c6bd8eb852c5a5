// What the emulated cuDNN knows of a descriptor: the attributes that were set, as bytes or as other
// descriptors.
#pragma once

#include <cudnn_graph.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mvsgd::cuda_emulation {

struct CudnnDescriptor;
using Child = std::shared_ptr<const CudnnDescriptor>;

struct CudnnDescriptor {
  struct Attribute {
    cudnnBackendAttributeType_t type = CUDNN_TYPE_INT64;
    std::vector<char> bytes;
    std::vector<Child> children;
  };

  cudnnBackendDescriptorType_t type = CUDNN_BACKEND_TENSOR_DESCRIPTOR;
  bool finalized = false;
  std::map<int, Attribute> attributes;

  [[nodiscard]] bool has(int name) const { return attributes.count(name) > 0; }

  /// The first value; T() if there is none.
  template <typename T>
  [[nodiscard]] T value(int name) const {
    T found{};
    const auto at = attributes.find(name);
    if (at != attributes.end() && at->second.bytes.size() >= sizeof(T)) {
      std::memcpy(&found, at->second.bytes.data(), sizeof(T));
    }
    return found;
  }
  template <typename T>
  [[nodiscard]] std::vector<T> values(int name) const {
    const auto at = attributes.find(name);
    if (at == attributes.end()) return {};
    std::vector<T> found(at->second.bytes.size() / sizeof(T));
    std::memcpy(found.data(), at->second.bytes.data(), found.size() * sizeof(T));
    return found;
  }
  /// The first child; null if there is none.
  [[nodiscard]] Child child(int name) const {
    const auto at = attributes.find(name);
    return at == attributes.end() || at->second.children.empty() ? nullptr
                                                                 : at->second.children.front();
  }
  [[nodiscard]] std::vector<Child> children(int name) const {
    const auto at = attributes.find(name);
    return at == attributes.end() ? std::vector<Child>() : at->second.children;
  }
  template <typename T>
  void set(int name, const T& value) {
    const auto* const bytes = reinterpret_cast<const char*>(&value);
    attributes[name].bytes.assign(bytes, bytes + sizeof(T));
  }
};

/// The attributes of a tensor.
struct CudnnTensor {
  explicit CudnnTensor(const CudnnDescriptor& descriptor)
      : id(descriptor.value<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID)),
        type(descriptor.value<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE)),
        extents(descriptor.values<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS)),
        strides(descriptor.values<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES)),
        alignment(descriptor.value<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)),
        inside(descriptor.value<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL)),
        host(descriptor.value<bool>(CUDNN_ATTR_TENSOR_IS_BY_VALUE)) {}

  std::int64_t id;
  cudnnDataType_t type;
  std::vector<std::int64_t> extents;  // N, C, H, W
  std::vector<std::int64_t> strides;
  std::int64_t alignment;
  bool inside;
  bool host;

  [[nodiscard]] std::size_t count() const {
    std::int64_t product = 1;
    for (const std::int64_t extent : extents) product *= extent;
    return static_cast<std::size_t>(product);
  }
  [[nodiscard]] std::size_t bytes() const {
    return count() * (type == CUDNN_DATA_BFLOAT16 ? 2 : 4);
  }
};

/// How an engine computes.
enum class Rounding : std::uint8_t {
  none,
  tf32,      ///< factors of convolutions are rounded to 10 bits, as tensor cores do
  sums,      ///< results are rounded to 10 bits, as sums in half precision are
  unstable,  ///< results are off, by a draw, as much as by another order of sums
};

/// Why this descriptor cannot be finalized; "" if it can be.
[[nodiscard]] std::string objection(const CudnnDescriptor& descriptor);

/// Computes a graph's operations in their order. `pointers` are by tensor id; pointers of host
/// tensors point to copies. Device memory must be accessible.
void compute(const std::vector<Child>& operations, const std::map<std::int64_t, char*>& pointers,
             Rounding rounding, std::uint64_t draw);

}  // namespace mvsgd::cuda_emulation
