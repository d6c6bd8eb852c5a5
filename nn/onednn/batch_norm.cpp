// Batch norm of the oneDNN backend: own loops on blocked layouts, channel block by channel block.
#include <array>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>

#include "nn/onednn/channel_block.hpp"
#include "nn/onednn/onednn_backend.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn {
namespace {

kernels::Affine affine_of(const BatchStatistics& statistics, std::int64_t first_channel,
                          bool relu) {
  return {.mean = statistics.mean.data() + first_channel,
          .scale = statistics.scale.data() + first_channel,
          .shift = statistics.shift.data() + first_channel,
          .relu = relu};
}

}  // namespace

BatchNormForward OneDnnBackend::do_batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                    const Tensor& beta,
                                                    const RunningStatistics& running,
                                                    const Tensor& residual,
                                                    const BatchNormOptions& options) {
  const std::int64_t of_a_channel = elements(x.shape) / x.shape[1];
  const auto m = static_cast<double>(of_a_channel);
  const bool update = static_cast<bool>(running.mean);
  const float* const gammas = plain_data(gamma);
  const float* const betas = plain_data(beta);
  float* const running_means = update ? writable_data(running.mean) : nullptr;
  float* const running_variances = update ? writable_data(running.variance) : nullptr;

  const auto [from, channels] = blocked(x);
  const Tensor term = residual ? in_layout(residual, layout(from)) : residual;
  Tensor y = make(x.shape, layout(from));
  auto saved = std::make_shared<BatchStatistics>(channels.padded());
  const auto do_block = [&, &form = channels, in = storage(from).data(),
                         add = term ? storage(term).data() : nullptr,
                         out = storage(y).data()](std::int64_t b) {
    std::array<double, kernels::kMaxLanes> means{};
    std::array<double, kernels::kMaxLanes> squares{};
    kernels::moments(form.block, in + b * form.stride(), means.data(), squares.data());
    form.for_each_lane(b, [&](std::size_t lane, std::size_t c) {
      const double variance = squares[lane] / m;
      const double inverse_deviation = 1 / std::sqrt(variance + double{options.epsilon});
      saved->mean[c] = static_cast<float>(means[lane]);
      saved->inverse_deviation[c] = static_cast<float>(inverse_deviation);
      saved->scale[c] = static_cast<float>(double{gammas[c]} * inverse_deviation);
      saved->shift[c] = betas[c];
      if (update) {
        const double momentum = options.momentum;
        const auto moved = [momentum](float old, double batch) {
          return static_cast<float>((1 - momentum) * double{old} + momentum * batch);
        };
        running_means[c] = moved(running_means[c], means[lane]);
        running_variances[c] = moved(running_variances[c], squares[lane] / (m - 1));
      }
    });
    const std::int64_t first = b * form.stride();
    kernels::apply(form.block, affine_of(*saved, b * form.block.lanes, options.relu), in + first,
                   add == nullptr ? nullptr : add + first, out + first);
  };
  library_.in_parallel(channels.blocks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) do_block(b);
  });
  return {.y = std::move(y), .saved = std::move(saved), .residual = static_cast<bool>(residual)};
}

// With h = (x - mean) / deviation, the normalised input, and dv = dy where ReLU was open, else 0:
//     dbeta = sum dv    dgamma = sum dv h    dx = gamma / deviation * (dv - (dbeta + h dgamma) / m)
// The last two terms are the effect of x through the batch's mean and variance. dv is also the
// gradient of a residual. Tensors that are handed over are overwritten if possible: dv takes the
// place of dy, and dx that of dy or, if dv is kept, of x.
BatchNormGradients OneDnnBackend::do_batch_norm_backward(Tensor dy, const Tensor& more, Tensor x,
                                                         const Tensor& gamma,
                                                         const BatchNormForward& forward,
                                                         const Tensor& dgamma, const Tensor& dbeta,
                                                         const BatchNormOptions& options) {
  const auto* const saved = dynamic_cast<const BatchStatistics*>(forward.saved.get());
  if (saved == nullptr) {
    throw std::invalid_argument("batch_norm_backward: not what batch_norm_train() returned");
  }
  const std::int64_t of_a_channel = elements(x.shape) / x.shape[1];
  const auto m = static_cast<double>(of_a_channel);
  const float* const gammas = plain_data(gamma);
  float* const dgammas = writable_data(dgamma);
  float* const dbetas = writable_data(dbeta);

  auto [from, channels] = blocked(std::exchange(x, {}));
  Tensor gradient = in_layout(std::exchange(dy, {}), layout(from));
  const bool rectified_sum = forward.residual && options.relu;
  const Tensor added = more ? in_layout(more, layout(from)) : more;
  if (added && !rectified_sum) {
    if (gradient.storage.use_count() > 1) gradient = copy_of(gradient);
    accumulate(gradient, added);
  }
  const Tensor y = rectified_sum ? in_layout(forward.y, layout(from)) : Tensor{};
  Tensor dx = forward.residual ? made_of({&from}) : made_of({&gradient, &from});
  // Without ReLU, the gradient of a residual is dy itself.
  Tensor dv = rectified_sum ? made_of({&gradient}) : gradient;
  const auto do_block =
      [&, &form = channels, in = storage(from).data(), terms = storage(gradient).data(),
       kept = storage(dv).data(), value = y ? storage(y).data() : nullptr,
       also = added ? storage(added).data() : nullptr, out = storage(dx).data()](std::int64_t b) {
        const std::int64_t first = b * form.stride();
        const kernels::Affine affine =
            affine_of(*saved, b * form.block.lanes, options.relu && !rectified_sum);
        std::array<double, kernels::kMaxLanes> sums{};
        std::array<double, kernels::kMaxLanes> products{};
        if (rectified_sum) {
          kernels::residual_gradient_sums(form.block, affine.mean, in + first, value + first,
                                          terms + first, also == nullptr ? nullptr : also + first,
                                          kept + first, sums.data(), products.data());
        } else {
          kernels::gradient_sums(form.block, affine, in + first, terms + first, sums.data(),
                                 products.data());
        }
        std::array<float, kernels::kMaxLanes> factor{};
        std::array<float, kernels::kMaxLanes> constant{};
        std::array<float, kernels::kMaxLanes> slope{};
        form.for_each_lane(b, [&](std::size_t lane, std::size_t c) {
          const double inverse_deviation = saved->inverse_deviation[c];
          const double by_dv = double{gammas[c]} * inverse_deviation;
          const double sum_dv_h = products[lane] * inverse_deviation;
          factor[lane] = static_cast<float>(by_dv);
          constant[lane] = static_cast<float>(by_dv * sums[lane] / m);
          slope[lane] = static_cast<float>(by_dv * inverse_deviation * sum_dv_h / m);
          dgammas[c] += static_cast<float>(sum_dv_h);
          dbetas[c] += static_cast<float>(sums[lane]);
        });
        kernels::input_gradient(
            form.block, affine,
            {.factor = factor.data(), .constant = constant.data(), .slope = slope.data()},
            in + first, kept + first, out + first);
      };
  library_.in_parallel(channels.blocks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) do_block(b);
  });
  return {.dx = std::move(dx), .dresidual = forward.residual ? std::move(dv) : Tensor{}};
}

Tensor OneDnnBackend::do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma,
                                             const Tensor& beta, const RunningStatistics& running,
                                             const Tensor& residual,
                                             const BatchNormOptions& options) {
  const float* const gammas = plain_data(gamma);
  const float* const betas = plain_data(beta);
  const float* const means = plain_data(running.mean);
  const float* const variances = plain_data(running.variance);
  const auto [from, channels] = blocked(x);
  const Tensor term = residual ? in_layout(residual, layout(from)) : residual;
  Tensor y = make(x.shape, layout(from));
  BatchStatistics statistics(channels.padded());
  for (std::size_t c = 0; c < static_cast<std::size_t>(x.shape[1]); ++c) {
    const double inverse_deviation = 1 / std::sqrt(double{variances[c]} + double{options.epsilon});
    statistics.mean[c] = means[c];
    statistics.scale[c] = static_cast<float>(double{gammas[c]} * inverse_deviation);
    statistics.shift[c] = betas[c];
  }
  library_.in_parallel(
      channels.blocks,
      [&, &form = channels, in = storage(from).data(), add = term ? storage(term).data() : nullptr,
       out = storage(y).data()](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
          const std::int64_t first = b * form.stride();
          kernels::apply(form.block, affine_of(statistics, b * form.block.lanes, options.relu),
                         in + first, add == nullptr ? nullptr : add + first, out + first);
        }
      });
  return y;
}

}  // namespace mvsgd::nn
