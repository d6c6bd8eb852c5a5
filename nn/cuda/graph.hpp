// A graph of cuDNN's and the plan that executes it: how engines are chosen.
#pragma once

#include <cudnn_graph.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/cuda/descriptor.hpp"
#include "nn/cuda/make_cuda.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn::cuda {

/// The device for which plans are made: one at hand, or one that is only described.
class Target {
 public:
  explicit Target(cudnnHandle_t handle) : handle_(handle) {}
  /// From cuDNN's device properties as JSON. Plans can be made for it but not executed.
  static Target described(const std::string& json);

  [[nodiscard]] cudnnHandle_t handle() const { return handle_; }
  /// Each sets this target as attribute `name` of `descriptor`, if the target is of that kind.
  void set_handle(Descriptor& descriptor, cudnnBackendAttributeName_t name) const;
  void set_description(Descriptor& descriptor, cudnnBackendAttributeName_t name) const;

 private:
  cudnnHandle_t handle_ = nullptr;
  std::vector<Descriptor> description_;  // none or one
};

/// Where a tensor of a graph lives.
enum class Place : std::uint8_t {
  memory,
  inside,  ///< a value between two operations, never written
  host,    ///< one number, read when the plan is executed
};

struct GraphTensor {
  Descriptor descriptor;
  Shape shape;
};

/// A device pointer, or a host pointer of a number, for the tensor with this id; null if the graph
/// has no such tensor.
using Binding = std::pair<std::int64_t, const void*>;

/// How a graph is executed.
class Plan {
 public:
  Plan(std::string problem, Descriptor plan, std::int64_t engine);

  [[nodiscard]] std::int64_t workspace() const { return workspace_; }  ///< bytes
  /// "conv2d n64c64h32w32o64r3s1p1: engine 1, workspace 0", by cuDNN's number for the engine.
  [[nodiscard]] std::string text() const;

  /// Queues the graph on the handle's stream. `workspace` is on the device. Throws BackendError.
  void execute(cudnnHandle_t handle, std::span<const Binding> bindings, void* workspace) const;

 private:
  std::string problem_;
  Descriptor plan_;
  std::int64_t engine_;
  std::int64_t workspace_;
};

/// Operations on tensors. Shapes are [N, C, H, W], though memory is NHWC. The caller gives each
/// tensor an id.
class Graph {
 public:
  enum class Pass : std::uint8_t { forward, backward_data, backward_weights };

  /// `problem` is what errors name, such as "conv2d n64c64h32w32o64r3s1p1".
  explicit Graph(std::string problem) : problem_(std::move(problem)) {}

  [[nodiscard]] GraphTensor tensor(std::int64_t id, const Shape& shape, Place place = Place::memory,
                                   cudnnDataType_t type = CUDNN_DATA_FLOAT) const;

  /// The pass writes the one of the three tensors that is its result, and reads the other two.
  void convolution(Pass pass, const GraphTensor& x, const GraphTensor& w, const GraphTensor& y,
                   const Conv2dOptions& options);
  /// y = mode(x), or mode(x, b).
  void pointwise(cudnnPointwiseMode_t mode, const GraphTensor& x, const GraphTensor& y);
  void pointwise(cudnnPointwiseMode_t mode, const GraphTensor& x, const GraphTensor& b,
                 const GraphTensor& y);

  struct BatchNormTensors {
    GraphTensor x, y, gamma, beta, mean, inverse_deviation;
    GraphTensor running_mean, running_variance, new_mean, new_variance;
    GraphTensor epsilon, momentum;
  };
  void batch_norm(const BatchNormTensors& tensors);
  struct BatchNormBackwardTensors {
    GraphTensor x, dy, gamma, mean, inverse_deviation, dx, dgamma, dbeta;
  };
  void batch_norm_backward(const BatchNormBackwardTensors& tensors);

  /// Takes the first configuration of cuDNN's own ranking whose engine is deterministic and of this
  /// precision according to its notes; nothing is timed. Throws BackendError if there is none, with
  /// the reason of the last one refused.
  [[nodiscard]] Plan compile(const Target& target, Precision precision) const;

 private:
  std::string problem_;
  std::vector<Descriptor> operations_;
};

}  // namespace mvsgd::nn::cuda
