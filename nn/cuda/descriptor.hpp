// One descriptor of cuDNN's graph API. Every tensor, operation, graph and plan is made of them.
#pragma once

#include <cudnn_graph.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mvsgd::nn::cuda {

/// Throws BackendError "operation: cuDNN: status (its reason)" unless status is success.
void check(cudnnStatus_t status, const std::string& operation);

/// The name by which cuDNN's attributes know a C++ type.
template <typename T>
inline constexpr cudnnBackendAttributeType_t kAttributeType = CUDNN_TYPE_BACKEND_DESCRIPTOR;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<std::int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnConvolutionMode_t> =
    CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendHeurMode_t> =
    CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnPointwiseMode_t> =
    CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendNormMode_t> =
    CUDNN_TYPE_NORM_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendNormFwdPhase_t> =
    CUDNN_TYPE_NORM_FWD_PHASE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendNumericalNote_t> =
    CUDNN_TYPE_NUMERICAL_NOTE;

/// A handle: copies share the descriptor. Attributes are set, then it is finalized, then it is
/// used. All throw BackendError with cuDNN's reason.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return set(name, kAttributeType<T>, 1, &value);
  }
  template <typename T>
  Descriptor& set_all(cudnnBackendAttributeName_t name, std::span<const T> values) {
    return set(name, kAttributeType<T>, static_cast<std::int64_t>(values.size()), values.data());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value);
  Descriptor& set_all(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values);
  Descriptor& finalize();

  [[nodiscard]] std::int64_t integer(cudnnBackendAttributeName_t name) const;
  [[nodiscard]] Descriptor child(cudnnBackendAttributeName_t name,
                                 cudnnBackendDescriptorType_t type) const;
  [[nodiscard]] std::vector<Descriptor> children(cudnnBackendAttributeName_t name,
                                                 cudnnBackendDescriptorType_t type) const;
  [[nodiscard]] std::vector<cudnnBackendNumericalNote_t> numerical_notes() const;

  [[nodiscard]] cudnnBackendDescriptor_t get() const { return descriptor_.get(); }

 private:
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  std::int64_t count, const void* values);
  [[nodiscard]] std::int64_t count(cudnnBackendAttributeName_t name,
                                   cudnnBackendAttributeType_t type) const;

  std::shared_ptr<void> descriptor_;
};

}  // namespace mvsgd::nn::cuda
