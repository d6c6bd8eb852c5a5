#include "nn/reference/reference_backend.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <utility>

#include "nn/exp_log.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn {
namespace {

// The extents of a convolution; k runs over taps (c, u, v), p over output positions (i, j).
struct ConvShape {
  std::int64_t n, c, h, w, o, r, s, stride, padding, out_h, out_w;

  explicit ConvShape(const ConvolutionProblem& problem)
      : n(problem.x[0]),
        c(problem.x[1]),
        h(problem.x[2]),
        w(problem.x[3]),
        o(problem.w[0]),
        r(problem.w[2]),
        s(problem.w[3]),
        stride(problem.options.stride),
        padding(problem.options.padding),
        out_h(problem.y[2]),
        out_w(problem.y[3]) {}

  [[nodiscard]] std::int64_t taps() const { return c * r * s; }
  [[nodiscard]] std::int64_t positions() const { return out_h * out_w; }
  [[nodiscard]] std::int64_t x_image() const { return c * h * w; }
  [[nodiscard]] std::int64_t y_image() const { return o * positions(); }

  // Calls f(k, p, e) for every tap k and position p that meet in an element e of the image, not in
  // its padding. k is outermost, and p increases.
  template <typename F>
  void for_each_meeting(F f) const {
    for (std::int64_t k = 0; k < taps(); ++k) {
      const std::int64_t channel = k / (r * s), u = k / s % r, v = k % s;
      // 0 <= j * stride + v - padding < w.
      const std::int64_t first = std::max<std::int64_t>(0, (padding - v + stride - 1) / stride);
      const std::int64_t last = std::min(out_w, (w - 1 + padding - v + stride) / stride);
      for (std::int64_t i = 0; i < out_h; ++i) {
        const std::int64_t row = i * stride + u - padding;
        if (row < 0 || row >= h) continue;
        const std::int64_t element = (channel * h + row) * w + v - padding;
        for (std::int64_t j = first; j < last; ++j) f(k, i * out_w + j, element + j * stride);
      }
    }
  }
};

// A matrix in memory; element (i, j) is at i * row + j * column.
template <typename T>
struct Matrix {
  const T* data;
  std::int64_t row;
  std::int64_t column;
};

// c[i][j] += sum over k < inner of a[i][k] * b[k][j]. b and c are row-major, `columns` wide.
//
// Each c[i][j] takes its terms one by one, k increasing. The inner loop runs over j, so it can be
// vectorised without changing that order. Taking four k at a time only saves loads of c.
template <typename T>
void add_product(std::int64_t rows, std::int64_t inner, std::int64_t columns, Matrix<T> a,
                 const T* __restrict b, T* __restrict c) {
  for (std::int64_t i = 0; i < rows; ++i) {
    T* __restrict ci = c + i * columns;
    std::int64_t k = 0;
    for (; k + 4 <= inner; k += 4) {
      const T a0 = a.data[i * a.row + k * a.column];
      const T a1 = a.data[i * a.row + (k + 1) * a.column];
      const T a2 = a.data[i * a.row + (k + 2) * a.column];
      const T a3 = a.data[i * a.row + (k + 3) * a.column];
      const T* bk = b + k * columns;
      for (std::int64_t j = 0; j < columns; ++j) {
        ci[j] = (((ci[j] + a0 * bk[j]) + a1 * bk[columns + j]) + a2 * bk[2 * columns + j]) +
                a3 * bk[3 * columns + j];
      }
    }
    for (; k < inner; ++k) {
      const T ak = a.data[i * a.row + k * a.column];
      const T* bk = b + k * columns;
      for (std::int64_t j = 0; j < columns; ++j) ci[j] += ak * bk[j];
    }
  }
}

// max(0, x), except that a NaN stays a NaN.
template <typename T>
T rectify(T x) {
  return x <= T(0) ? T(0) : x;
}

// The extents of a batch norm.
struct NormShape {
  std::int64_t n, c, plane;

  explicit NormShape(const Shape& x) : n(x[0]), c(x[1]), plane(x[2] * x[3]) {}

  [[nodiscard]] std::int64_t per_channel() const { return n * plane; }

  // Calls f(e) for every element e of one channel, image after image.
  template <typename F>
  void for_each(std::int64_t channel, F f) const {
    for (std::int64_t image = 0; image < n; ++image) {
      const std::int64_t first = (image * c + channel) * plane;
      for (std::int64_t e = first; e < first + plane; ++e) f(e);
    }
  }

  // The sum of f(e) over a channel: first each plane's sum, then the sum of those. Its rounding
  // error grows with plane + n rather than plane * n.
  template <typename T, typename F>
  T sum(std::int64_t channel, F f) const {
    T total = 0;
    for (std::int64_t image = 0; image < n; ++image) {
      const std::int64_t first = (image * c + channel) * plane;
      T part = 0;
      for (std::int64_t e = first; e < first + plane; ++e) part += f(e);
      total += part;
    }
    return total;
  }
};

}  // namespace

template <typename T>
struct ReferenceBackend<T>::Elements : Storage {
  std::shared_ptr<std::vector<T>> all;
  std::int64_t offset = 0;
};

template <typename T>
struct ReferenceBackend<T>::BatchStatistics : Storage {
  std::vector<T> mean;
  std::vector<T> inverse_deviation;  // 1 / sqrt(variance + epsilon)
};

template <typename T>
std::span<T> ReferenceBackend<T>::values(const Tensor& x) {
  const auto* storage = dynamic_cast<const Elements*>(x.storage.get());
  if (storage == nullptr) {
    throw std::invalid_argument("reference: not a tensor of this backend: " + to_string(x.shape));
  }
  return std::span<T>(*storage->all)
      .subspan(static_cast<std::size_t>(storage->offset),
               static_cast<std::size_t>(elements(x.shape)));
}

template <typename T>
Tensor ReferenceBackend<T>::do_allocate(const Shape& shape) {
  auto storage = std::make_shared<Elements>();
  storage->all = std::make_shared<std::vector<T>>(static_cast<std::size_t>(elements(shape)));
  return {.shape = shape, .storage = std::move(storage)};
}

template <typename T>
Tensor ReferenceBackend<T>::do_view(const Tensor& flat, std::int64_t offset, const Shape& shape) {
  const auto& whole = static_cast<const Elements&>(*flat.storage);
  auto storage = std::make_shared<Elements>();
  storage->all = whole.all;
  storage->offset = whole.offset + offset;
  return {.shape = shape, .storage = std::move(storage)};
}

template <typename T>
void ReferenceBackend<T>::do_write(const Tensor& to, std::span<const float> from) {
  const std::span<T> target = values(to);
  std::copy(from.begin(), from.end(), target.begin());
}

template <typename T>
void ReferenceBackend<T>::do_read(const Tensor& from, std::span<float> to) {
  const std::span<T> source = values(from);
  std::transform(source.begin(), source.end(), to.begin(),
                 [](T value) { return static_cast<float>(value); });
}

template <typename T>
void ReferenceBackend<T>::fill_zero(const Tensor& x) {
  const std::span<T> target = values(x);
  std::fill(target.begin(), target.end(), T(0));
}

template <typename T>
void ReferenceBackend<T>::do_accumulate(const Tensor& y, const Tensor& x) {
  const std::span<T> target = values(y);
  const std::span<const T> source = values(x);
  for (std::size_t i = 0; i < target.size(); ++i) target[i] += source[i];
}

// The three passes of a convolution are products of matrices, image by image. X[k][p] is the
// image's element where tap k meets position p (0 in the padding), W is w as [o][k], and Y is y[n]
// as [o][p]:
//     Y = W X        dX = W^T dY, added up where the image's elements stand        dW += dY X^T

template <typename T>
Tensor ReferenceBackend<T>::do_conv2d(const Tensor& x, const Tensor& w,
                                      const ConvolutionProblem& problem) {
  const ConvShape shape(problem);
  Tensor y = allocate(problem.y);
  const std::int64_t taps = shape.taps(), positions = shape.positions();
  std::vector<T> unfolded(static_cast<std::size_t>(taps * positions));  // X; its padding stays 0
  for (std::int64_t n = 0; n < shape.n; ++n) {
    const T* image = values(x).data() + n * shape.x_image();
    shape.for_each_meeting(
        [&, to = unfolded.data()](auto k, auto p, auto e) { to[k * positions + p] = image[e]; });
    add_product<T>(shape.o, taps, positions, {.data = values(w).data(), .row = taps, .column = 1},
                   unfolded.data(), values(y).data() + n * shape.y_image());
  }
  return y;
}

template <typename T>
Tensor ReferenceBackend<T>::do_conv2d_backward_data(const Tensor& dy, const Tensor& w,
                                                    const ConvolutionProblem& problem) {
  const ConvShape shape(problem);
  Tensor dx = allocate(problem.x);
  const std::int64_t taps = shape.taps(), positions = shape.positions();
  std::vector<T> unfolded(static_cast<std::size_t>(taps * positions));
  for (std::int64_t n = 0; n < shape.n; ++n) {
    std::fill(unfolded.begin(), unfolded.end(), T(0));
    add_product<T>(taps, shape.o, positions, {.data = values(w).data(), .row = 1, .column = taps},
                   values(dy).data() + n * shape.y_image(), unfolded.data());
    T* image = values(dx).data() + n * shape.x_image();
    shape.for_each_meeting([&, from = unfolded.data()](auto k, auto p, auto e) {
      image[e] += from[k * positions + p];
    });
  }
  return dx;
}

template <typename T>
void ReferenceBackend<T>::do_conv2d_backward_weights(const Tensor& x, const Tensor& dy,
                                                     const Tensor& dw, Into into,
                                                     const ConvolutionProblem& problem) {
  const ConvShape shape(problem);
  const std::int64_t taps = shape.taps(), positions = shape.positions();
  std::vector<T> unfolded(static_cast<std::size_t>(taps * positions));  // X^T
  std::vector<T> term(static_cast<std::size_t>(shape.o * taps));
  for (std::int64_t n = 0; n < shape.n; ++n) {
    const T* image = values(x).data() + n * shape.x_image();
    shape.for_each_meeting(
        [&, to = unfolded.data()](auto k, auto p, auto e) { to[p * taps + k] = image[e]; });
    add_product<T>(shape.o, positions, taps,
                   {.data = values(dy).data() + n * shape.y_image(), .row = positions, .column = 1},
                   unfolded.data(), term.data());
  }
  const std::span<T> target = values(dw);
  for (std::size_t i = 0; i < target.size(); ++i) {
    target[i] = into == Into::add ? target[i] + term[i] : term[i];
  }
}

template <typename T>
BatchNormForward ReferenceBackend<T>::do_batch_norm_train(const Tensor& x, const Tensor& gamma,
                                                          const Tensor& beta,
                                                          const RunningStatistics& running,
                                                          const Tensor& residual,
                                                          const BatchNormOptions& options) {
  const NormShape shape(x.shape);
  const std::int64_t m = shape.per_channel();
  const bool update = static_cast<bool>(running.mean);
  const Tensor y = allocate(x.shape);
  auto saved = std::make_shared<BatchStatistics>();
  const T *from = values(x).data(), *g = values(gamma).data(), *b = values(beta).data();
  const T* term = residual ? values(residual).data() : nullptr;
  T* to = values(y).data();
  for (std::int64_t c = 0; c < shape.c; ++c) {
    const T count = static_cast<T>(m);
    const T mean = shape.sum<T>(c, [&](auto e) { return from[e]; }) / count;
    const T squares = shape.sum<T>(c, [&](auto e) { return (from[e] - mean) * (from[e] - mean); });
    const T inverse_deviation = T(1) / std::sqrt(squares / count + static_cast<T>(options.epsilon));
    shape.for_each(c, [&](auto e) {
      T value = g[c] * ((from[e] - mean) * inverse_deviation) + b[c];
      if (term != nullptr) value += term[e];
      to[e] = options.relu ? rectify(value) : value;
    });
    saved->mean.push_back(mean);
    saved->inverse_deviation.push_back(inverse_deviation);
    if (update) {
      const T momentum = static_cast<T>(options.momentum);
      T& running_mean = values(running.mean)[static_cast<std::size_t>(c)];
      T& running_variance = values(running.variance)[static_cast<std::size_t>(c)];
      running_mean = (T(1) - momentum) * running_mean + momentum * mean;
      running_variance =
          (T(1) - momentum) * running_variance + momentum * (squares / (count - T(1)));
    }
  }
  return {.y = y, .saved = std::move(saved), .residual = static_cast<bool>(residual)};
}

// With h = (x - mean) / deviation, the normalised input, and dv = dy where ReLU was open, else 0:
//     dbeta = sum dv    dgamma = sum dv h    dx = gamma / deviation * (dv - (dbeta + h dgamma) / m)
// The last two terms are the effect of x through the batch's mean and variance. dv is also the
// gradient of a residual.
template <typename T>
BatchNormGradients ReferenceBackend<T>::do_batch_norm_backward(
    Tensor dy, const Tensor& more, Tensor x, const Tensor& gamma, const BatchNormForward& forward,
    const Tensor& dgamma, const Tensor& dbeta, const BatchNormOptions& options) {
  const NormShape shape(x.shape);
  const auto* saved = dynamic_cast<const BatchStatistics*>(forward.saved.get());
  if (saved == nullptr) {
    throw std::invalid_argument("batch_norm_backward: not what batch_norm_train() returned");
  }
  if (more) {
    const Tensor sum = allocate(x.shape);
    accumulate(sum, dy);
    accumulate(sum, more);
    dy = sum;
  }
  const Tensor dx = allocate(x.shape);
  const T *in = values(x).data(), *out = values(forward.y).data(), *grad = values(dy).data();
  T* to = values(dx).data();
  const T count = static_cast<T>(shape.per_channel());
  for (std::int64_t c = 0; c < shape.c; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    const T mean = saved->mean[channel], inverse_deviation = saved->inverse_deviation[channel];
    const auto h = [&](auto e) { return (in[e] - mean) * inverse_deviation; };
    const auto dv = [&](auto e) { return options.relu && out[e] <= T(0) ? T(0) : grad[e]; };
    const T sum_dv = shape.sum<T>(c, dv);
    const T sum_dv_h = shape.sum<T>(c, [&](auto e) { return dv(e) * h(e); });
    const T scale = values(gamma)[channel] * inverse_deviation;
    shape.for_each(c,
                   [&](auto e) { to[e] = scale * (dv(e) - (sum_dv + h(e) * sum_dv_h) / count); });
    values(dgamma)[channel] += sum_dv_h;
    values(dbeta)[channel] += sum_dv;
  }
  if (!forward.residual) return {.dx = dx, .dresidual = {}};
  if (!options.relu) return {.dx = dx, .dresidual = std::move(dy)};
  const Tensor dv_of_all = allocate(dy.shape);
  std::transform(grad, grad + elements(dy.shape), out, values(dv_of_all).begin(),
                 [](T gradient, T value) { return value <= T(0) ? T(0) : gradient; });
  return {.dx = dx, .dresidual = dv_of_all};
}

template <typename T>
Tensor ReferenceBackend<T>::do_batch_norm_evaluate(const Tensor& x, const Tensor& gamma,
                                                   const Tensor& beta,
                                                   const RunningStatistics& running,
                                                   const Tensor& residual,
                                                   const BatchNormOptions& options) {
  const NormShape shape(x.shape);
  Tensor y = allocate(x.shape);
  const T *from = values(x).data(), *g = values(gamma).data(), *b = values(beta).data();
  const T* term = residual ? values(residual).data() : nullptr;
  T* to = values(y).data();
  for (std::int64_t c = 0; c < shape.c; ++c) {
    const T mean = values(running.mean)[static_cast<std::size_t>(c)];
    const T variance = values(running.variance)[static_cast<std::size_t>(c)];
    const T inverse_deviation = T(1) / std::sqrt(variance + static_cast<T>(options.epsilon));
    shape.for_each(c, [&](auto e) {
      T value = g[c] * ((from[e] - mean) * inverse_deviation) + b[c];
      if (term != nullptr) value += term[e];
      to[e] = options.relu ? rectify(value) : value;
    });
  }
  return y;
}

template <typename T>
Tensor ReferenceBackend<T>::do_global_average_pool(const Tensor& x) {
  const std::int64_t plane = x.shape[2] * x.shape[3];
  Tensor y = allocate({x.shape[0], x.shape[1]});
  const T* from = values(x).data();
  for (T& mean : values(y)) {
    T sum = 0;
    for (std::int64_t i = 0; i < plane; ++i) sum += *from++;
    mean = sum / static_cast<T>(plane);
  }
  return y;
}

template <typename T>
Tensor ReferenceBackend<T>::do_global_average_pool_backward(const Tensor& dy, const Tensor& x) {
  const std::int64_t plane = x.shape[2] * x.shape[3];
  Tensor dx = allocate(x.shape);
  T* to = values(dx).data();
  for (const T gradient : values(dy)) {
    to = std::fill_n(to, plane, gradient / static_cast<T>(plane));
  }
  return dx;
}

template <typename T>
Tensor ReferenceBackend<T>::do_linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  const Shape y_shape{x.shape[0], w.shape[0]};
  Tensor y = allocate(y_shape);
  const std::int64_t rows = y_shape[0], inner = x.shape[1], columns = y_shape[1];
  for (std::int64_t n = 0; n < rows; ++n) {
    for (std::int64_t o = 0; o < columns; ++o) {
      const T *row = values(x).data() + n * inner, *weights = values(w).data() + o * inner;
      T sum = 0;
      for (std::int64_t c = 0; c < inner; ++c) sum += row[c] * weights[c];
      values(y).data()[n * columns + o] = sum + values(b).data()[o];
    }
  }
  return y;
}

template <typename T>
Tensor ReferenceBackend<T>::do_linear_backward_data(const Tensor& dy, const Tensor& w) {
  const Shape x_shape{dy.shape[0], w.shape[1]};
  Tensor dx = allocate(x_shape);
  add_product<T>(x_shape[0], w.shape[0], x_shape[1],
                 {.data = values(dy).data(), .row = w.shape[0], .column = 1}, values(w).data(),
                 values(dx).data());
  return dx;
}

template <typename T>
void ReferenceBackend<T>::do_linear_backward_weights(const Tensor& x, const Tensor& dy,
                                                     const Tensor& dw, const Tensor& db) {
  const std::int64_t rows = x.shape[0], inner = x.shape[1], columns = dw.shape[0];
  std::vector<T> weights_term(static_cast<std::size_t>(columns * inner));
  std::vector<T> bias_term(static_cast<std::size_t>(columns));
  const std::vector<T> ones(static_cast<std::size_t>(rows), T(1));
  const T* gradient = values(dy).data();
  add_product<T>(columns, rows, inner, {.data = gradient, .row = 1, .column = columns},
                 values(x).data(), weights_term.data());
  add_product<T>(1, rows, columns, {.data = ones.data(), .row = 0, .column = 1}, gradient,
                 bias_term.data());
  const std::span<T> weights = values(dw), bias = values(db);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += weights_term[i];
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += bias_term[i];
}

template <typename T>
CrossEntropy ReferenceBackend<T>::do_softmax_cross_entropy(const Tensor& logits,
                                                           std::span<const std::uint8_t> labels) {
  const auto classes = static_cast<std::size_t>(logits.shape[1]);
  const auto count = static_cast<double>(labels.size());
  CrossEntropy result{.dlogits = allocate(logits.shape)};
  std::vector<double> powers(classes);
  for (std::size_t n = 0; n < labels.size(); ++n) {
    const std::span<const T> row = values(logits).subspan(n * classes, classes);
    const std::span<T> gradient = values(result.dlogits).subspan(n * classes, classes);
    const std::size_t label = labels[n];
    const auto largest = std::max_element(row.begin(), row.end());
    if (largest - row.begin() == static_cast<std::ptrdiff_t>(label)) ++result.correct;

    double sum = 0;
    for (std::size_t i = 0; i < classes; ++i) {
      powers[i] = exact_order_exp(static_cast<double>(row[i]) - static_cast<double>(*largest));
      sum += powers[i];
    }
    result.loss +=
        exact_order_log(sum) - (static_cast<double>(row[label]) - static_cast<double>(*largest));
    for (std::size_t i = 0; i < classes; ++i) {
      const double target = i == label ? 1.0 : 0.0;
      gradient[i] = static_cast<T>((powers[i] / sum - target) / count);
    }
  }
  result.loss /= count;
  return result;
}

template <typename T>
void ReferenceBackend<T>::do_sgd_step(const Tensor& theta, const Tensor& gradient,
                                      float learning_rate, float weight_decay) {
  const std::span<T> target = values(theta);
  const std::span<const T> source = values(gradient);
  const T rate = static_cast<T>(learning_rate), decay = static_cast<T>(weight_decay);
  for (std::size_t i = 0; i < target.size(); ++i) {
    target[i] -= rate * (source[i] + decay * target[i]);
  }
}

template <typename T>
void ReferenceBackend<T>::do_momentum_step(const Tensor& theta, const Tensor& velocity,
                                           const Tensor& gradient, const MomentumOptions& options) {
  const std::span<T> target = values(theta);
  const std::span<T> kept = values(velocity);
  const std::span<const T> source = values(gradient);
  const T rate = static_cast<T>(options.learning_rate);
  const T decay = static_cast<T>(options.weight_decay);
  const T momentum = static_cast<T>(options.momentum);
  for (std::size_t i = 0; i < target.size(); ++i) {
    const T g = source[i] + decay * target[i];
    kept[i] = momentum * kept[i] + g;
    target[i] -= rate * (options.nesterov ? g + momentum * kept[i] : kept[i]);
  }
}

template class ReferenceBackend<float>;
template class ReferenceBackend<double>;

}  // namespace mvsgd::nn
