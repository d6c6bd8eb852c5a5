// Batch norm of the lanes backend.
#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "nn/lanes/lanes_backend.hpp"

namespace mvsgd::nn::lanes {
namespace {

Affine affine_of(const BatchStatistics& statistics, bool relu, bool bf16) {
  return {.mean = statistics.mean.data(),
          .scale = statistics.scale.data(),
          .shift = statistics.shift.data(),
          .relu = relu,
          .bf16 = bf16};
}

}  // namespace

BatchNormForward LanesBackend::do_batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                   const Tensor& beta,
                                                   const RunningStatistics& running,
                                                   const Tensor& residual,
                                                   const BatchNormOptions& options) {
  const Activation shape(x.shape);
  const auto m = static_cast<double>(shape.images * shape.plane());
  const bool update = static_cast<bool>(running.mean);
  const float* const gammas = plain_data(gamma);
  const float* const betas = plain_data(beta);
  float* const running_means = update ? plain_data(running.mean) : nullptr;
  float* const running_variances = update ? plain_data(running.variance) : nullptr;

  const Tensor from = in_lanes(x);
  const Tensor term = residual ? in_lanes(residual) : residual;
  Tensor y = make_activation(x.shape);
  auto saved = std::make_shared<BatchStatistics>(static_cast<std::size_t>(shape.channels));
  std::vector<Moments> moments(static_cast<std::size_t>(shape.channels));
  moments_of_images_.resize(static_cast<std::size_t>(shape.channels * kLanes));
  threads_.share(shape.channels, [&](Range channels, std::int64_t /*thread*/) {
    loops_.moments(shape, storage(from).data(), moments.data(), moments_of_images_.data(),
                   channels);
  });
  for (std::size_t c = 0; c < moments.size(); ++c) {
    const double variance = moments[c].squares / m;
    const double inverse_deviation = 1 / std::sqrt(variance + double{options.epsilon});
    saved->mean[c] = static_cast<float>(moments[c].mean);
    saved->inverse_deviation[c] = static_cast<float>(inverse_deviation);
    saved->scale[c] = static_cast<float>(double{gammas[c]} * inverse_deviation);
    saved->shift[c] = betas[c];
    if (update) {
      const double momentum = options.momentum;
      const auto moved = [momentum](float old, double batch) {
        return static_cast<float>((1 - momentum) * double{old} + momentum * batch);
      };
      running_means[c] = moved(running_means[c], moments[c].mean);
      running_variances[c] = moved(running_variances[c], moments[c].squares / (m - 1));
    }
  }
  threads_.share(shape.channels, [&](Range channels, std::int64_t /*thread*/) {
    loops_.apply(shape, affine_of(*saved, options.relu, rounds()), storage(from).data(),
                 term ? storage(term).data() : nullptr, storage(y).data(), channels);
  });
  storage(y).bf16 = rounds();
  return {.y = std::move(y), .saved = std::move(saved), .residual = static_cast<bool>(residual)};
}

// With h = (x - mean) / deviation, the normalised input, and dv = dy where ReLU was open, else 0:
//     dbeta = sum dv    dgamma = sum dv h    dx = gamma / deviation * (dv - (dbeta + h dgamma) / m)
// The last two terms are the effect of x through the batch's mean and variance. dv is also the
// gradient of a residual. Tensors that are handed over are overwritten if possible: dv takes the
// place of dy, and dx that of dy or, if dv is kept, of x.
BatchNormGradients LanesBackend::do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                                        const Tensor& gamma,
                                                        const BatchNormForward& forward,
                                                        const Tensor& dgamma, const Tensor& dbeta,
                                                        const BatchNormOptions& options) {
  const auto* const saved = dynamic_cast<const BatchStatistics*>(forward.saved.get());
  if (saved == nullptr) {
    throw std::invalid_argument("batch_norm_backward: not what batch_norm_train() returned");
  }
  const Activation shape(x.shape);
  const auto m = static_cast<double>(shape.images * shape.plane());
  const float* const gammas = plain_data(gamma);
  float* const dgammas = plain_data(dgamma);
  float* const dbetas = plain_data(dbeta);

  const Tensor from = in_lanes(std::exchange(x, {}));
  Tensor gradient = in_lanes(std::exchange(dy, {}));
  const bool rectified_sum = forward.residual && options.relu;
  const Tensor added = more ? in_lanes(more) : more;
  if (added && !rectified_sum) {
    Tensor sum = made_of({&gradient});
    if (sum.storage != gradient.storage) {
      std::copy_n(storage(gradient).data(), floats(gradient), storage(sum).data());
    }
    gradient = std::move(sum);
    accumulate(gradient, added);
  }
  const Tensor y = rectified_sum ? in_lanes(forward.y) : Tensor{};
  Tensor dx = forward.residual ? made_of({&from}) : made_of({&gradient, &from});
  // Without ReLU, the gradient of a residual is dy itself.
  Tensor dv = rectified_sum ? made_of({&gradient}) : gradient;

  const bool rectify = options.relu && !rectified_sum;
  const Affine affine = affine_of(*saved, rectify, false);
  const Upstream upstream{.x = storage(from).data(),
                          .y = y ? storage(y).data() : nullptr,
                          .dy = storage(gradient).data(),
                          .more = added && rectified_sum ? storage(added).data() : nullptr};
  const auto channels = static_cast<std::size_t>(shape.channels);
  std::vector<GradientSums> sums(channels);
  sums_of_images_.resize(channels);
  threads_.share(shape.channels, [&](Range range, std::int64_t /*thread*/) {
    loops_.gradient_sums(shape, affine, upstream, storage(dv).data(), sums.data(),
                         sums_of_images_.data(), range);
  });
  std::vector<float> factor(channels);
  std::vector<float> constant(channels);
  std::vector<float> slope(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse_deviation = saved->inverse_deviation[c];
    const double by_dv = double{gammas[c]} * inverse_deviation;
    const double sum_dv_h = sums[c].dv_x * inverse_deviation;
    factor[c] = static_cast<float>(by_dv);
    constant[c] = static_cast<float>(by_dv * sums[c].dv / m);
    slope[c] = static_cast<float>(by_dv * inverse_deviation * sum_dv_h / m);
    dgammas[c] += static_cast<float>(sum_dv_h);
    dbetas[c] += static_cast<float>(sums[c].dv);
  }
  const InputGradient terms{.factor = factor.data(),
                            .constant = constant.data(),
                            .slope = slope.data(),
                            .bf16 = rounds()};
  threads_.share(shape.channels, [&](Range range, std::int64_t /*thread*/) {
    loops_.input_gradient(shape, affine, rectify, terms, storage(from).data(), storage(dv).data(),
                          storage(dx).data(), range);
  });
  storage(dx).bf16 = rounds();
  return {.dx = std::move(dx), .dresidual = forward.residual ? std::move(dv) : Tensor{}};
}

Tensor LanesBackend::do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma,
                                            const Tensor& beta, const RunningStatistics& running,
                                            const Tensor& residual,
                                            const BatchNormOptions& options) {
  const Activation shape(x.shape);
  const float* const gammas = plain_data(gamma);
  const float* const betas = plain_data(beta);
  const float* const means = plain_data(running.mean);
  const float* const variances = plain_data(running.variance);
  const Tensor from = in_lanes(x);
  const Tensor term = residual ? in_lanes(residual) : residual;
  Tensor y = make_activation(x.shape);
  BatchStatistics statistics(static_cast<std::size_t>(shape.channels));
  for (std::size_t c = 0; c < statistics.mean.size(); ++c) {
    const double inverse_deviation = 1 / std::sqrt(double{variances[c]} + double{options.epsilon});
    statistics.mean[c] = means[c];
    statistics.scale[c] = static_cast<float>(double{gammas[c]} * inverse_deviation);
    statistics.shift[c] = betas[c];
  }
  threads_.share(shape.channels, [&](Range channels, std::int64_t /*thread*/) {
    loops_.apply(shape, affine_of(statistics, options.relu, rounds()), storage(from).data(),
                 term ? storage(term).data() : nullptr, storage(y).data(), channels);
  });
  storage(y).bf16 = rounds();
  return y;
}

}  // namespace mvsgd::nn::lanes
