#include "nn/cuda/graph.hpp"

#include <algorithm>
#include <array>

namespace mvsgd::nn::cuda {
namespace {

constexpr std::int64_t kAlignment = 16;  // bytes, for cuDNN's vector loads

bool has(const std::vector<cudnnBackendNumericalNote_t>& notes, cudnnBackendNumericalNote_t note) {
  return std::find(notes.begin(), notes.end(), note) != notes.end();
}

// Sums are float32 in every precision. Strict float32 excludes tensor cores, too, which round
// factors, and algorithms that add before they multiply.
bool acceptable(const std::vector<cudnnBackendNumericalNote_t>& notes, Precision precision) {
  if (has(notes, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return false;
  if (has(notes, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;
  if (precision != Precision::fp32) return true;
  constexpr std::array kNotStrict{CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
                                  CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                                  CUDNN_NUMERICAL_NOTE_FFT,
                                  CUDNN_NUMERICAL_NOTE_WINOGRAD,
                                  CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
                                  CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6,
                                  CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13};
  return std::none_of(kNotStrict.begin(), kNotStrict.end(),
                      [&](cudnnBackendNumericalNote_t note) { return has(notes, note); });
}

Descriptor pointwise_operation(cudnnPointwiseMode_t mode, const GraphTensor& x,
                               const GraphTensor& y) {
  Descriptor pointwise(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  pointwise.set(CUDNN_ATTR_POINTWISE_MODE, mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
      .finalize();
  return Descriptor(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y.descriptor);
}

std::vector<Descriptor> ranking(const Target& target, const Descriptor& graph,
                                cudnnBackendHeurMode_t mode) {
  Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph).set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  target.set_description(heuristic, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
  heuristic.finalize();
  return heuristic.children(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

}  // namespace

Target Target::described(const std::string& json) {
  Target target(nullptr);
  Descriptor& description = target.description_.emplace_back(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  description.set_all(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(json))
      .finalize();
  return target;
}

void Target::set_handle(Descriptor& descriptor, cudnnBackendAttributeName_t name) const {
  if (handle_ != nullptr) descriptor.set(name, handle_);
}

void Target::set_description(Descriptor& descriptor, cudnnBackendAttributeName_t name) const {
  for (const Descriptor& description : description_) descriptor.set(name, description);
}

Plan::Plan(std::string problem, Descriptor plan, std::int64_t engine)
    : problem_(std::move(problem)),
      plan_(std::move(plan)),
      engine_(engine),
      workspace_(plan_.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)) {}

std::string Plan::text() const {
  return problem_ + ": engine " + std::to_string(engine_) + ", workspace " +
         std::to_string(workspace_);
}

void Plan::execute(cudnnHandle_t handle, std::span<const Binding> bindings, void* workspace) const {
  std::vector<std::int64_t> ids;
  std::vector<void*> pointers;
  for (const auto& [id, pointer] : bindings) {
    if (pointer == nullptr) continue;
    ids.push_back(id);
    // cuDNN has one pointer type for both what it reads and what it writes.
    pointers.push_back(
        const_cast<void*>(pointer));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  }
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set_all(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(ids))
      .set_all(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(pointers))
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
      .finalize();
  check(cudnnBackendExecute(handle, plan_.get(), pack.get()), problem_);
}

GraphTensor Graph::tensor(std::int64_t id, const Shape& shape, Place place,
                          cudnnDataType_t type) const {
  const std::array<std::int64_t, 4> strides{shape[1] * shape[2] * shape[3], 1, shape[1] * shape[3],
                                            shape[1]};
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set_all(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const std::int64_t>(shape))
      .set_all(CUDNN_ATTR_TENSOR_STRIDES, std::span<const std::int64_t>(strides))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment);
  if (place == Place::inside) tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
  if (place == Place::host) tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
  return {.descriptor = tensor.finalize(), .shape = shape};
}

void Graph::convolution(Pass pass, const GraphTensor& x, const GraphTensor& w, const GraphTensor& y,
                        const Conv2dOptions& options) {
  // cuDNN's names for one thing in the three passes.
  struct Names {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
  };
  static constexpr std::array kNames{
      Names{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
      Names{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
      Names{CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA}};
  const Names& names = kNames[static_cast<std::size_t>(pass)];
  using Pair = std::array<std::int64_t, 2>;
  const Pair padding{options.padding, options.padding};
  const Pair strides{options.stride, options.stride};
  const Pair dilations{1, 1};
  Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
      .set_all(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span<const std::int64_t>(padding))
      .set_all(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span<const std::int64_t>(padding))
      .set_all(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span<const std::int64_t>(strides))
      .set_all(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span<const std::int64_t>(dilations))
      .finalize();
  operations_.push_back(Descriptor(names.type)
                            .set(names.convolution, convolution)
                            .set(names.x, x.descriptor)
                            .set(names.w, w.descriptor)
                            .set(names.y, y.descriptor)
                            .set(names.alpha, 1.0F)
                            .set(names.beta, 0.0F)
                            .finalize());
}

void Graph::pointwise(cudnnPointwiseMode_t mode, const GraphTensor& x, const GraphTensor& y) {
  operations_.push_back(pointwise_operation(mode, x, y).finalize());
}

void Graph::pointwise(cudnnPointwiseMode_t mode, const GraphTensor& x, const GraphTensor& b,
                      const GraphTensor& y) {
  operations_.push_back(pointwise_operation(mode, x, y)
                            .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b.descriptor)
                            .finalize());
}

void Graph::batch_norm(const BatchNormTensors& t) {
  operations_.push_back(
      Descriptor(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_BATCH_NORM)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_NORM_FWD_TRAINING)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, t.x.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, t.y.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, t.gamma.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, t.beta.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, t.mean.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, t.inverse_deviation.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, t.running_mean.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, t.running_variance.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, t.new_mean.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, t.new_variance.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, t.epsilon.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, t.momentum.descriptor)
          .finalize());
}

void Graph::batch_norm_backward(const BatchNormBackwardTensors& t) {
  operations_.push_back(
      Descriptor(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_BATCH_NORM)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, t.x.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, t.dy.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, t.gamma.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, t.mean.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, t.inverse_deviation.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, t.dx.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, t.dgamma.descriptor)
          .set(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, t.dbeta.descriptor)
          .finalize());
}

Plan Graph::compile(const Target& target, Precision precision) const {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set_all(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_);
  target.set_handle(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
  graph.finalize();
  std::string reason = "no deterministic engine of this precision";
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Descriptor& configuration : ranking(target, graph, mode)) {
      const Descriptor engine =
          configuration.child(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
      if (!acceptable(engine.numerical_notes(), precision)) continue;
      try {
        Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
        target.set_handle(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
        target.set_description(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
        plan.finalize();
        return {problem_, plan, engine.integer(CUDNN_ATTR_ENGINE_GLOBAL_INDEX)};
      } catch (const BackendError& refusal) {
        reason = refusal.what();
      }
    }
  }
  throw BackendError(problem_ + ": cuDNN: no plan: " + reason);
}

}  // namespace mvsgd::nn::cuda
