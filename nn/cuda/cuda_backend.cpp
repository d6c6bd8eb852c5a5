#include "nn/cuda/cuda_backend.hpp"

#include <algorithm>
#include <cfloat>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "nn/cuda/check.hpp"
#include "nn/cuda/image_store.hpp"
#include "nn/cuda/repeated_step.hpp"

namespace mvsgd::nn::cuda {
namespace {

constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));
constexpr auto kHalf = static_cast<std::int64_t>(sizeof(std::uint16_t));

// The workspace of cuBLAS: with one of its own choice cuBLAS may divide sums in another way. The
// size is what its documentation recommends from sm_90 on.
constexpr std::int64_t kBlasWorkspace = std::int64_t{32} << 20;

void check(cublasStatus_t status, const char* operation) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw BackendError(std::string(operation) + ": cuBLAS: " + cublasGetStatusString(status));
}

cublasMath_t math_mode(Precision precision) {
  return precision == Precision::tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH;
}

kernels::Extents extents(const Shape& shape) {
  return {.images = shape[0],
          .channels = shape[1],
          .padded = padded(shape[1]),
          .plane = shape[2] * shape[3]};
}

kernels::WeightExtents weight_extents(const Shape& shape) {
  return {.outputs = shape[0],
          .inputs = shape[1],
          .taps = shape[2] * shape[3],
          .padded_outputs = padded(shape[0]),
          .padded_inputs = padded(shape[1])};
}

Shape padded_channels(const Shape& shape) {
  return {shape[0], padded(shape[1]), shape[2], shape[3]};
}

// The convolution that cuDNN is given: the same one with padded channels.
ConvolutionProblem with_padding(const ConvolutionProblem& problem) {
  const Shape& w = problem.w;
  return {padded_channels(problem.x), {padded(w[0]), padded(w[1]), w[2], w[3]}, problem.options};
}

// A padded channel has variance 0, and 0 / 0 would leave padding that is not zero.
float positive(float epsilon) { return std::max(epsilon, FLT_MIN); }

std::string version_text(std::int64_t major, std::int64_t minor, std::int64_t patch) {
  return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

}  // namespace

template <>
void CudaBackend::Destroy<cudnnContext>::operator()(cudnnContext* handle) const {
  cudnnDestroy(handle);
}

template <>
void CudaBackend::Destroy<cublasContext>::operator()(cublasContext* handle) const {
  cublasDestroy(handle);
}

CudaBackend::CudaBackend(const CudaOptions& options) : options_(options) {
  const int devices = device_count();
  if (options.device < 0 || options.device >= devices) {
    throw std::invalid_argument("CUDA device " + std::to_string(options.device) + " of " +
                                std::to_string(devices));
  }
  use_device(options.device);
  keep_freed_memory(options.device);
  stream_ = std::make_shared<const Stream>();
  cudnnHandle_t dnn = nullptr;
  check(cudnnCreate(&dnn), "cudnnCreate");
  dnn_.reset(dnn);
  check(cudnnSetStream(dnn, stream()), "cudnnSetStream");
  cublasHandle_t blas = nullptr;
  check(cublasCreate(&blas), "cublasCreate");
  blas_.reset(blas);
  blas_workspace_ = buffer(kBlasWorkspace);
  check(cublasSetStream(blas, stream()), "cublasSetStream");
  check(cublasSetWorkspace(blas, blas_workspace_->as<void>(), kBlasWorkspace),
        "cublasSetWorkspace");
  check(cublasSetMathMode(blas, math_mode(options.precision)), "cublasSetMathMode");
}

std::string CudaBackend::version() const {
  const auto dnn = static_cast<std::int64_t>(cudnnGetVersion());
  int blas = 0;
  check(cublasGetVersion(blas_.get(), &blas), "cublasGetVersion");
  return "cuDNN " + version_text(dnn / 10000, dnn / 100 % 100, dnn % 100) + ", cuBLAS " +
         version_text(blas / 10000, blas / 100 % 100, blas % 100) + ", " +
         device_text(options_.device);
}

// `threads` counts threads of the processor, on which nothing here depends. The device is a
// property of the calling thread.
void CudaBackend::enter(int threads) {
  if (threads < 1) throw std::invalid_argument("enter: threads = " + std::to_string(threads));
  use_device(options_.device);
}

std::unique_ptr<const ImageStore> CudaBackend::hold_images(const ImageBytes& images) {
  use_device(options_.device);
  return std::make_unique<CudaImageStore>(images);
}

std::unique_ptr<RepeatedStep> CudaBackend::repeated_step() {
  if (!options_.step_graph) return nullptr;
  return std::make_unique<CudaRepeatedStep>(*this);
}

// Storage.

std::shared_ptr<DeviceBuffer> CudaBackend::buffer(std::int64_t bytes) const {
  return std::make_shared<DeviceBuffer>(stream_, static_cast<std::size_t>(bytes));
}

Tensor CudaBackend::make(const Shape& shape, bool nhwc) const {
  auto made = std::make_shared<CudaStorage>();
  made->allocation = std::make_shared<Allocation>();
  made->nhwc = nhwc;
  Tensor x{.shape = shape, .storage = made};
  made->allocation->data = buffer(floats(x) * kFloat);
  return x;
}

Tensor CudaBackend::in_layout(const Tensor& x, bool nhwc) const {
  const CudaStorage& from = storage(x);
  if (from.nhwc == nhwc) return x;
  Tensor y = make(x.shape, nhwc);
  const auto convert = nhwc ? kernels::to_nhwc : kernels::to_plain;
  convert(extents(x.shape), from.data(), storage(y).data(), stream());
  return y;
}

Tensor CudaBackend::do_allocate(const Shape& shape) {
  Tensor x = make(shape, false);
  storage(x).allocation->data->fill_zero();
  return x;
}

Tensor CudaBackend::do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) {
  static_cast<void>(plain_data(flat));
  const CudaStorage& whole = storage(flat);
  auto made = std::make_shared<CudaStorage>();
  made->allocation = whole.allocation;
  made->offset = whole.offset + offset;
  return {.shape = shape, .storage = std::move(made)};
}

void CudaBackend::do_write(const Tensor& to, std::span<const float> from) {
  copy_to_device(*stream_, writable_data(to), from.data(), from.size_bytes());
}

void CudaBackend::do_read(const Tensor& from, std::span<float> to) {
  const Tensor plain = in_layout(from, false);
  copy_to_host(*stream_, to.data(), plain_data(plain), to.size_bytes());
}

void CudaBackend::fill_zero(const Tensor& x) {
  const auto bytes = static_cast<std::size_t>(elements(x.shape) * kFloat);
  check(cudaMemsetAsync(writable_data(x), 0, bytes, stream()), "fill_zero");
}

void CudaBackend::do_accumulate(const Tensor& y, const Tensor& x) {
  const Tensor term = in_layout(x, storage(y).nhwc);
  float* const to = storage(y).nhwc ? storage(y).data() : writable_data(y);
  kernels::add(floats(y), to, storage(term).data(), stream());
}

// Graphs.

template <typename Make>
const Plan& CudaBackend::plan(const std::string& key, Make make) {
  const auto found = plans_.find(key);
  if (found != plans_.end()) return found->second;
  return plans_.emplace(key, make(Target(dnn_.get()))).first->second;
}

std::vector<std::string> CudaBackend::plans() const {
  std::vector<std::string> texts = steps_;
  for (const auto& [key, plan] : plans_) texts.push_back(plan.text());
  std::sort(texts.begin(), texts.end());
  return texts;
}

void CudaBackend::execute(const Plan& plan, std::initializer_list<Binding> bindings) {
  const auto workspace = buffer(plan.workspace());
  plan.execute(dnn_.get(), {bindings.begin(), bindings.size()}, workspace->as<void>());
}

// Convolution.

std::shared_ptr<DeviceBuffer> CudaBackend::rounded(std::int64_t count, const float* from) const {
  auto to = buffer(count * kHalf);
  kernels::round_to_bfloat16(count, from, to->as<std::uint16_t>(), stream());
  return to;
}

const void* CudaBackend::argument(const Tensor& x, std::shared_ptr<DeviceBuffer>& holder) const {
  const float* const data = storage(x).data();
  if (options_.precision != Precision::bf16) return data;
  holder = rounded(floats(x), data);
  return holder->as<void>();
}

const void* CudaBackend::packed_weights(const Tensor& w) const {
  const float* const plain = plain_data(w);
  Allocation& allocation = *storage(w).allocation;
  Allocation::Packed& packed = allocation.packed[storage(w).offset];
  const kernels::WeightExtents weights = weight_extents(w.shape);
  const bool bf16 = options_.precision == Precision::bf16;
  if (packed.shape != w.shape) {
    packed = {};
    packed.shape = w.shape;
    packed.data = buffer(weights.packed_count() * kFloat);
    if (bf16) packed.rounded = buffer(weights.packed_count() * kHalf);
  }
  if (packed.version != allocation.version || packed.recorded_for != recorded_rows_) {
    kernels::pack_weights(weights, plain, packed.data->as<float>(), stream());
    if (bf16) {
      kernels::round_to_bfloat16(weights.packed_count(), packed.data->as<float>(),
                                 packed.rounded->as<std::uint16_t>(), stream());
    }
    packed.version = allocation.version;
    packed.recorded_for = recorded_rows_;
  }
  return bf16 ? packed.rounded->as<void>() : packed.data->as<void>();
}

void CudaBackend::convolve(Graph::Pass pass, const ConvolutionProblem& problem, const void* x,
                           const void* w, const void* y) {
  const std::string key = std::to_string(static_cast<int>(pass)) + problem.text();
  execute(plan(key,
               [&](const Target& target) {
                 return plan_convolution(target, pass, with_padding(problem), options_.precision);
               }),
          {{kX, x}, {kW, w}, {kY, y}});
}

Tensor CudaBackend::do_conv2d(const Tensor& x, const Tensor& w, const ConvolutionProblem& problem) {
  const Tensor from = in_nhwc(x);
  Tensor y = make(problem.y, true);
  std::shared_ptr<DeviceBuffer> holder;
  convolve(Graph::Pass::forward, problem, argument(from, holder), packed_weights(w),
           storage(y).data());
  return y;
}

Tensor CudaBackend::do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                            const ConvolutionProblem& problem) {
  const Tensor from = in_nhwc(dy);
  Tensor dx = make(problem.x, true);
  std::shared_ptr<DeviceBuffer> holder;
  convolve(Graph::Pass::backward_data, problem, storage(dx).data(), packed_weights(w),
           argument(from, holder));
  return dx;
}

void CudaBackend::do_conv2d_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                             Into into, const ConvolutionProblem& problem) {
  float* const sum = writable_data(dw);
  const Tensor from = in_nhwc(x);
  const Tensor gradient = in_nhwc(dy);
  const kernels::WeightExtents weights = weight_extents(dw.shape);
  const auto term = buffer(weights.packed_count() * kFloat);
  std::shared_ptr<DeviceBuffer> x_holder;
  std::shared_ptr<DeviceBuffer> dy_holder;
  convolve(Graph::Pass::backward_weights, problem, argument(from, x_holder), term->as<void>(),
           argument(gradient, dy_holder));
  kernels::unpack_weights(weights, term->as<float>(), sum, into == Into::add, stream());
}

// Batch norm.

BatchNormForward CudaBackend::do_batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                  const Tensor& beta,
                                                  const RunningStatistics& running,
                                                  const Tensor& residual,
                                                  const BatchNormOptions& options) {
  const bool update = static_cast<bool>(running.mean);
  const std::int64_t channels = x.shape[1];
  const std::int64_t width = padded(channels);
  const auto packed = buffer(6 * width * kFloat);
  float* const gammas = packed->as<float>();
  float* const means = gammas + 2 * width;
  float* const new_means = gammas + 4 * width;
  kernels::pack_channels(
      channels, width,
      {{plain_data(gamma), plain_data(beta), update ? plain_data(running.mean) : nullptr,
        update ? plain_data(running.variance) : nullptr}},
      gammas, stream());

  const Tensor from = in_nhwc(x);
  const Tensor term = residual ? in_nhwc(residual) : residual;
  Tensor y = make(x.shape, true);
  const auto saved = std::make_shared<BatchStatistics>(stream_, width);
  const float epsilon = positive(options.epsilon);
  const BatchNormKind kind{.residual = static_cast<bool>(residual), .relu = options.relu};
  const Shape shape = padded_channels(x.shape);
  const std::string key = std::string(kind.residual ? "residual" : "") + (kind.relu ? "relu" : "") +
                          "batch_norm" + to_string(shape);
  // If there are no statistics to update, nobody reads the new ones.
  execute(plan(key, [&](const Target& target) { return plan_batch_norm(target, shape, kind); }),
          {{kX, storage(from).data()},
           {kY, storage(y).data()},
           {kGamma, gammas},
           {kBeta, gammas + width},
           {kMean, saved->mean.as<void>()},
           {kInverseDeviation, saved->inverse_deviation.as<void>()},
           {kRunningMean, means},
           {kRunningVariance, means + width},
           {kNewMean, new_means},
           {kNewVariance, new_means + width},
           {kEpsilon, &epsilon},
           {kMomentum, &options.momentum},
           {kResidual, term ? storage(term).data() : nullptr}});
  if (update) {
    kernels::unpack_channels(channels, width, new_means, writable_data(running.mean),
                             writable_data(running.variance), false, stream());
  }
  return {.y = std::move(y), .saved = saved, .residual = kind.residual};
}

// dv, the gradient before ReLU, is also the gradient of the residual.
BatchNormGradients CudaBackend::do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                                       const Tensor& gamma,
                                                       const BatchNormForward& forward,
                                                       const Tensor& dgamma, const Tensor& dbeta,
                                                       const BatchNormOptions& options) {
  const auto* const saved = dynamic_cast<const BatchStatistics*>(forward.saved.get());
  if (saved == nullptr) {
    throw std::invalid_argument("batch_norm_backward: not what batch_norm_train() returned");
  }
  Tensor dv = in_nhwc(dy);
  if (more || options.relu) {
    const Tensor given = dv;
    const Tensor other = more ? in_nhwc(more) : more;
    dv = make(x.shape, true);
    kernels::masked_sum(floats(dv), storage(given).data(), other ? storage(other).data() : nullptr,
                        options.relu ? storage(forward.y).data() : nullptr, storage(dv).data(),
                        stream());
  }
  const std::int64_t channels = x.shape[1];
  const std::int64_t width = padded(channels);
  const auto packed = buffer(4 * width * kFloat);
  kernels::pack_channels(channels, width, {{plain_data(gamma)}}, packed->as<float>(), stream());
  const auto gradients = buffer(2 * width * kFloat);
  const Tensor from = in_nhwc(x);
  Tensor dx = make(x.shape, true);
  const Shape shape = padded_channels(x.shape);
  execute(plan("batch_norm_backward" + to_string(shape),
               [&](const Target& target) { return plan_batch_norm_backward(target, shape); }),
          {{kX, storage(from).data()},
           {kDy, storage(dv).data()},
           {kGamma, packed->as<void>()},
           {kMean, saved->mean.as<void>()},
           {kInverseDeviation, saved->inverse_deviation.as<void>()},
           {kDx, storage(dx).data()},
           {kDgamma, gradients->as<void>()},
           {kDbeta, gradients->as<float>() + width}});
  kernels::unpack_channels(channels, width, gradients->as<float>(), writable_data(dgamma),
                           writable_data(dbeta), true, stream());
  return {.dx = std::move(dx), .dresidual = forward.residual ? std::move(dv) : Tensor{}};
}

Tensor CudaBackend::do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                           const RunningStatistics& running, const Tensor& residual,
                                           const BatchNormOptions& options) {
  const std::int64_t width = padded(x.shape[1]);
  const auto packed = buffer(4 * width * kFloat);
  kernels::pack_channels(x.shape[1], width,
                         {{plain_data(gamma), plain_data(beta), plain_data(running.mean),
                           plain_data(running.variance)}},
                         packed->as<float>(), stream());
  const Tensor from = in_nhwc(x);
  const Tensor term = residual ? in_nhwc(residual) : residual;
  Tensor y = make(x.shape, true);
  kernels::normalize(extents(x.shape), storage(from).data(),
                     {.packed = packed->as<float>(),
                      .epsilon = positive(options.epsilon),
                      .residual = term ? storage(term).data() : nullptr,
                      .relu = options.relu},
                     storage(y).data(), stream());
  return y;
}

// Pool and linear layer.

Tensor CudaBackend::do_global_average_pool(const Tensor& x) {
  const Tensor from = in_nhwc(x);
  Tensor y = make({x.shape[0], x.shape[1]}, false);
  kernels::average_pool(extents(x.shape), storage(from).data(), storage(y).data(), stream());
  return y;
}

Tensor CudaBackend::do_global_average_pool_backward(const Tensor& dy, const Tensor& x) {
  Tensor dx = make(x.shape, true);
  kernels::average_pool_backward(extents(x.shape), plain_data(dy), storage(dx).data(), stream());
  return dx;
}

// cuBLAS sees a row-major matrix as its transpose, so it is asked for c^T = b^T a^T.
void CudaBackend::multiply(std::int64_t rows, std::int64_t inner, std::int64_t columns, Factor a,
                           Factor b, float beta, float* c) {
  if (rows * inner * columns == 0) return;
  const auto as_int = [](std::int64_t extent) {
    if (extent > std::numeric_limits<int>::max()) {
      throw std::invalid_argument("linear: " + std::to_string(extent));
    }
    return static_cast<int>(extent);
  };
  const auto operation = [](Factor factor) {
    return factor.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  const float one = 1;
  check(cublasSgemm(blas_.get(), operation(b), operation(a), as_int(columns), as_int(rows),
                    as_int(inner), &one, b.data, as_int(b.transposed ? inner : columns), a.data,
                    as_int(a.transposed ? rows : inner), &beta, c, as_int(columns)),
        "linear");
}

Tensor CudaBackend::do_linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  const Shape y_shape{x.shape[0], w.shape[0]};
  Tensor y = allocate(y_shape);
  float* const to = storage(y).data();
  multiply(y_shape[0], x.shape[1], y_shape[1], {.data = plain_data(x)},
           {.data = plain_data(w), .transposed = true}, 0, to);
  kernels::add_bias(y_shape[0], y_shape[1], plain_data(b), to, stream());
  return y;
}

Tensor CudaBackend::do_linear_backward_data(const Tensor& dy, const Tensor& w) {
  const Shape x_shape{dy.shape[0], w.shape[1]};
  Tensor dx = allocate(x_shape);
  multiply(x_shape[0], w.shape[0], x_shape[1], {.data = plain_data(dy)}, {.data = plain_data(w)}, 0,
           storage(dx).data());
  return dx;
}

void CudaBackend::do_linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                             const Tensor& db) {
  const std::int64_t rows = x.shape[0];
  const std::int64_t columns = dw.shape[0];
  multiply(columns, rows, x.shape[1], {.data = plain_data(dy), .transposed = true},
           {.data = plain_data(x)}, 1, writable_data(dw));
  kernels::add_column_sums(rows, columns, plain_data(dy), writable_data(db), stream());
}

// While a step is recorded there is no loss to return.
CrossEntropy CudaBackend::do_softmax_cross_entropy(const Tensor& logits,
                                                   std::span<const std::uint8_t> labels) {
  CrossEntropy result{.dlogits = make(logits.shape, false)};
  if (recorded_rows_ != nullptr) {
    recorded_rows_->compute(logits, result.dlogits);
    return result;
  }
  const LossRows rows(stream_, labels.size());
  rows.write(labels);
  rows.compute(logits, result.dlogits);
  const BatchResult batch = rows.read();
  result.loss = batch.loss;
  result.correct = batch.correct;
  return result;
}

void CudaBackend::do_sgd_step(const Tensor& theta, const Tensor& gradient, float learning_rate,
                              float weight_decay) {
  kernels::sgd_step(elements(theta.shape), writable_data(theta), plain_data(gradient),
                    learning_rate, weight_decay, stream());
}

void CudaBackend::do_momentum_step(const Tensor& theta, const Tensor& velocity,
                                   const Tensor& gradient, const MomentumOptions& options) {
  kernels::momentum_step(elements(theta.shape), writable_data(theta), writable_data(velocity),
                         plain_data(gradient), options.learning_rate, options.weight_decay,
                         options.momentum, options.nesterov, stream());
}

}  // namespace mvsgd::nn::cuda
