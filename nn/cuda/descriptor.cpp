#include "nn/cuda/descriptor.hpp"

#include <array>

#include "nn/backend.hpp"

namespace mvsgd::nn::cuda {

void check(cudnnStatus_t status, const std::string& operation) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 1024> reason{};
  cudnnGetLastErrorString(reason.data(), reason.size());
  throw BackendError(operation + ": cuDNN: " + cudnnGetErrorString(status) + " (" + reason.data() +
                     ')');
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t made = nullptr;
  check(cudnnBackendCreateDescriptor(type, &made), "descriptor " + std::to_string(type));
  descriptor_ = {made, [](void* descriptor) { cudnnBackendDestroyDescriptor(descriptor); }};
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                            std::int64_t count, const void* values) {
  check(cudnnBackendSetAttribute(get(), name, type, count, values),
        "attribute " + std::to_string(name));
  return *this;
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  cudnnBackendDescriptor_t raw = value.get();
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

Descriptor& Descriptor::set_all(cudnnBackendAttributeName_t name,
                                const std::vector<Descriptor>& values) {
  std::vector<cudnnBackendDescriptor_t> raw;
  raw.reserve(values.size());
  for (const Descriptor& value : values) raw.push_back(value.get());
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(raw.size()),
             raw.data());
}

Descriptor& Descriptor::finalize() {
  check(cudnnBackendFinalize(get()), "finalize");
  return *this;
}

std::int64_t Descriptor::count(cudnnBackendAttributeName_t name,
                               cudnnBackendAttributeType_t type) const {
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(get(), name, type, 0, &count, nullptr),
        "count of attribute " + std::to_string(name));
  return count;
}

std::int64_t Descriptor::integer(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0;
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_INT64, 1, &count, &value),
        "attribute " + std::to_string(name));
  return value;
}

Descriptor Descriptor::child(cudnnBackendAttributeName_t name,
                             cudnnBackendDescriptorType_t type) const {
  Descriptor found(type);
  cudnnBackendDescriptor_t raw = found.get();
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
        "attribute " + std::to_string(name));
  return found;
}

std::vector<Descriptor> Descriptor::children(cudnnBackendAttributeName_t name,
                                             cudnnBackendDescriptorType_t type) const {
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> raw;
  const std::int64_t expected = count(name, CUDNN_TYPE_BACKEND_DESCRIPTOR);
  for (std::int64_t i = 0; i < expected; ++i) raw.push_back(found.emplace_back(type).get());
  if (expected == 0) return found;
  std::int64_t filled = 0;
  check(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, expected, &filled,
                                 raw.data()),
        "attribute " + std::to_string(name));
  found.erase(found.begin() + filled, found.end());
  return found;
}

std::vector<cudnnBackendNumericalNote_t> Descriptor::numerical_notes() const {
  std::vector<cudnnBackendNumericalNote_t> notes(
      static_cast<std::size_t>(count(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE)));
  if (notes.empty()) return notes;
  std::int64_t filled = 0;
  check(cudnnBackendGetAttribute(get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                 static_cast<std::int64_t>(notes.size()), &filled, notes.data()),
        "numerical notes");
  notes.resize(static_cast<std::size_t>(filled));
  return notes;
}

}  // namespace mvsgd::nn::cuda
