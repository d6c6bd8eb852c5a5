#include "nn/cuda/kernels.hpp"

#include <cuda_bf16.h>

#include <cmath>

#include "nn/cuda/for_each.cuh"

// Products and sums are rounded once each, in the order written: this file, like the whole project,
// is compiled without contraction.
namespace mvsgd::nn::cuda::kernels {
namespace {

// max(0, x), except that a NaN stays a NaN.
__device__ float rectify(float x) { return x <= 0 ? 0.0F : x; }

}  // namespace

void to_nhwc(const Extents& extents, const float* plain, float* nhwc, cudaStream_t stream) {
  const Extents e = extents;
  for_each(e.nhwc_count(), stream, [=] __device__(std::int64_t i) {
    const std::int64_t c = i % e.padded;
    const std::int64_t position = i / e.padded % e.plane;
    const std::int64_t n = i / e.padded / e.plane;
    nhwc[i] = c < e.channels ? plain[(n * e.channels + c) * e.plane + position] : 0.0F;
  });
}

void to_plain(const Extents& extents, const float* nhwc, float* plain, cudaStream_t stream) {
  const Extents e = extents;
  for_each(e.plain_count(), stream, [=] __device__(std::int64_t i) {
    const std::int64_t position = i % e.plane;
    const std::int64_t c = i / e.plane % e.channels;
    const std::int64_t n = i / e.plane / e.channels;
    plain[i] = nhwc[(n * e.plane + position) * e.padded + c];
  });
}

void pack_weights(const WeightExtents& extents, const float* plain, float* packed,
                  cudaStream_t stream) {
  const WeightExtents e = extents;
  for_each(e.packed_count(), stream, [=] __device__(std::int64_t i) {
    const std::int64_t c = i % e.padded_inputs;
    const std::int64_t tap = i / e.padded_inputs % e.taps;
    const std::int64_t o = i / e.padded_inputs / e.taps;
    const bool inside = c < e.inputs && o < e.outputs;
    packed[i] = inside ? plain[(o * e.inputs + c) * e.taps + tap] : 0.0F;
  });
}

void unpack_weights(const WeightExtents& extents, const float* packed, float* plain, bool add,
                    cudaStream_t stream) {
  const WeightExtents e = extents;
  for_each(e.plain_count(), stream, [=] __device__(std::int64_t i) {
    const std::int64_t tap = i % e.taps;
    const std::int64_t c = i / e.taps % e.inputs;
    const std::int64_t o = i / e.taps / e.inputs;
    const float value = packed[(o * e.taps + tap) * e.padded_inputs + c];
    plain[i] = add ? plain[i] + value : value;
  });
}

void round_to_bfloat16(std::int64_t count, const float* from, std::uint16_t* to,
                       cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t i) {
    to[i] = __bfloat16_as_ushort(__float2bfloat16_rn(from[i]));
  });
}

void add(std::int64_t count, float* y, const float* x, cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t i) { y[i] += x[i]; });
}

void masked_sum(std::int64_t count, const float* dy, const float* more, const float* y, float* dx,
                cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t i) {
    const float sum = more == nullptr ? dy[i] : dy[i] + more[i];
    dx[i] = y != nullptr && y[i] <= 0 ? 0.0F : sum;
  });
}

void pack_channels(std::int64_t channels, std::int64_t padded, const ChannelVectors& vectors,
                   float* packed, cudaStream_t stream) {
  const ChannelVectors given = vectors;
  for_each(4 * padded, stream, [=] __device__(std::int64_t i) {
    const float* const vector = given.vector[i / padded];
    const std::int64_t c = i % padded;
    packed[i] = vector != nullptr && c < channels ? vector[c] : 0.0F;
  });
}

void unpack_channels(std::int64_t channels, std::int64_t padded, const float* packed, float* a,
                     float* b, bool add, cudaStream_t stream) {
  for_each(channels, stream, [=] __device__(std::int64_t c) {
    a[c] = add ? a[c] + packed[c] : packed[c];
    b[c] = add ? b[c] + packed[padded + c] : packed[padded + c];
  });
}

void normalize(const Extents& extents, const float* x, const AffineArguments& arguments, float* y,
               cudaStream_t stream) {
  const std::int64_t padded = extents.padded;
  const AffineArguments a = arguments;
  for_each(extents.nhwc_count(), stream, [=] __device__(std::int64_t i) {
    const float* const channel = a.packed + i % padded;
    const float gamma = channel[0];
    const float beta = channel[padded];
    const float mean = channel[2 * padded];
    const float inverse_deviation = 1.0F / sqrtf(channel[3 * padded] + a.epsilon);
    float value = gamma * ((x[i] - mean) * inverse_deviation) + beta;
    if (a.residual != nullptr) value += a.residual[i];
    y[i] = a.relu ? rectify(value) : value;
  });
}

void average_pool(const Extents& extents, const float* x, float* y, cudaStream_t stream) {
  const Extents e = extents;
  for_each(e.images * e.channels, stream, [=] __device__(std::int64_t i) {
    const float* element = x + i / e.channels * e.plane * e.padded + i % e.channels;
    float sum = 0;
    for (std::int64_t position = 0; position < e.plane; ++position, element += e.padded) {
      sum += *element;
    }
    y[i] = sum / static_cast<float>(e.plane);
  });
}

void average_pool_backward(const Extents& extents, const float* dy, float* dx,
                           cudaStream_t stream) {
  const Extents e = extents;
  for_each(e.nhwc_count(), stream, [=] __device__(std::int64_t i) {
    const std::int64_t c = i % e.padded;
    const std::int64_t n = i / e.padded / e.plane;
    dx[i] = c < e.channels ? dy[n * e.channels + c] / static_cast<float>(e.plane) : 0.0F;
  });
}

void add_bias(std::int64_t rows, std::int64_t columns, const float* b, float* y,
              cudaStream_t stream) {
  for_each(rows * columns, stream, [=] __device__(std::int64_t i) { y[i] += b[i % columns]; });
}

void add_column_sums(std::int64_t rows, std::int64_t columns, const float* x, float* sums,
                     cudaStream_t stream) {
  for_each(columns, stream, [=] __device__(std::int64_t o) {
    float sum = 0;
    for (std::int64_t n = 0; n < rows; ++n) sum += x[n * columns + o];
    sums[o] += sum;
  });
}

void cut_windows(std::int64_t count, std::int64_t side, const WindowArguments& arguments,
                 float* images, cudaStream_t stream) {
  const WindowArguments a = arguments;
  for_each(count * kColors * side * side, stream, [=] __device__(std::int64_t i) {
    const std::int64_t column = i % side;
    const std::int64_t row = i / side % side;
    const std::int64_t channel = i / side / side % kColors;
    const Window window = a.windows[i / side / side / kColors];
    const std::int64_t y = window.top + row;
    const std::int64_t x = window.left + (window.flip ? side - 1 - column : column);
    const bool inside = y >= 0 && y < side && x >= 0 && x < side;
    const std::uint8_t byte =
        inside ? a.pixels[((window.image * kColors + channel) * side + y) * side + x] : 0;
    images[i] = a.levels[channel * kByteValues + byte];
  });
}

void cross_entropy(std::int64_t rows, std::int64_t classes, const float* logits,
                   const std::uint8_t* labels, const CrossEntropyRows& results,
                   cudaStream_t stream) {
  const CrossEntropyRows to = results;
  for_each(rows, stream, [=] __device__(std::int64_t n) {
    const float* const row = logits + n * classes;
    std::int64_t largest = 0;
    for (std::int64_t i = 1; i < classes; ++i) {
      if (row[largest] < row[i]) largest = i;
    }
    const auto above = [=](std::int64_t i) {
      return static_cast<double>(row[i]) - static_cast<double>(row[largest]);
    };
    double sum = 0;
    for (std::int64_t i = 0; i < classes; ++i) sum += exp(above(i));
    const std::int64_t label = labels[n];
    to.loss[n] = log(sum) - above(label);
    to.correct[n] = largest == label ? 1 : 0;
    for (std::int64_t i = 0; i < classes; ++i) {
      const double target = i == label ? 1.0 : 0.0;
      to.dlogits[n * classes + i] =
          static_cast<float>((exp(above(i)) / sum - target) / static_cast<double>(rows));
    }
  });
}

void sgd_step(std::int64_t count, float* theta, const float* gradient, float learning_rate,
              float weight_decay, cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t i) {
    theta[i] -= learning_rate * (gradient[i] + weight_decay * theta[i]);
  });
}

void momentum_step(std::int64_t count, float* theta, float* velocity, const float* gradient,
                   float learning_rate, float weight_decay, float momentum, bool nesterov,
                   cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t i) {
    const float g = gradient[i] + weight_decay * theta[i];
    const float v = momentum * velocity[i] + g;
    velocity[i] = v;
    theta[i] -= learning_rate * (nesterov ? g + momentum * v : v);
  });
}

}  // namespace mvsgd::nn::cuda::kernels
