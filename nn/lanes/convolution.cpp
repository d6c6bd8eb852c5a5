#include "nn/lanes/convolution.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "nn/lanes/winograd_shape.hpp"

namespace mvsgd::nn::lanes {
namespace {

std::int64_t taps_of(const ConvolutionProblem& problem) { return problem.w[2] * problem.w[3]; }

// Zeros that stand for pixels outside the plane.
std::shared_ptr<float> zeros(const Engine& engine, std::int64_t count) {
  std::shared_ptr<float> made = engine.pool.take(count);
  std::fill_n(made.get(), count, 0.0F);
  return made;
}

// A convolution by its definition, at every pixel of the grid.
void direct_over(const Engine& engine, const PixelGrid& grid, const float* packed,
                 const Activation& x_shape, const float* x, const Activation& y_shape, float* y) {
  const std::shared_ptr<float> outside = zeros(engine, x_shape.pixel_stride());
  engine.threads.share(
      y_shape.blocks() * grid.rows * grid.columns, [&](Range pixels, std::int64_t /*thread*/) {
        std::vector<const float*> scratch(grid.taps.size() * kColumns);
        engine.loops.direct(grid, x_shape, x, packed, outside.get(), y_shape, y, scratch, pixels);
      });
}

// The taps of a result's pixels, read from x with the problem's stride.
std::vector<Tap> forward_taps(const ConvolutionProblem& problem) {
  std::vector<Tap> taps;
  for (std::int64_t u = 0; u < problem.w[2]; ++u) {
    for (std::int64_t v = 0; v < problem.w[3]; ++v) {
      taps.push_back({.index = u * problem.w[3] + v,
                      .down = u - problem.options.padding,
                      .across = v - problem.options.padding});
    }
  }
  return taps;
}

PixelGrid forward_grid(const ConvolutionProblem& problem, std::span<const Tap> taps) {
  return {.rows = problem.y[2],
          .columns = problem.y[3],
          .top = 0,
          .left = 0,
          .step = 1,
          .from = problem.options.stride,
          .kernel = taps_of(problem),
          .taps = taps};
}

// The taps u of a row a = first + stride * i of dx that read from a row of dy; the row is i + down.
struct Reached {
  std::int64_t tap;
  std::int64_t from;
};
std::vector<Reached> reached(std::int64_t first, std::int64_t kernel,
                             const Conv2dOptions& options) {
  std::vector<Reached> taps;
  for (std::int64_t u = 0; u < kernel; ++u) {
    const std::int64_t numerator = first + options.padding - u;
    if (numerator % options.stride == 0) taps.push_back({u, numerator / options.stride});
  }
  return taps;
}

void winograd_over(const Engine& engine, const Activation& x_shape, const float* x,
                   const WinogradWeights& weights, const Activation& y_shape, float* y) {
  const Loops& loops = engine.loops;
  WinogradWeights some = weights;
  const std::int64_t inputs = x_shape.channels;
  const std::int64_t outputs = y_shape.channels;
  const std::int64_t tiles = y_shape.blocks() * tiles_of(y_shape);
  const std::int64_t threads = engine.threads.count();
  const std::int64_t most = (tiles + threads - 1) / threads;  // of a thread
  // Where no tile comes after those in hand, weights are transformed as they are needed, and never
  // leave the cache. Threads would each do that again.
  const bool by_outputs = threads == 1 && loops.winograd_at_once(inputs, outputs, tiles);
  const std::int64_t step = by_outputs ? std::min(channels_at_once(inputs), outputs) : outputs;
  const std::shared_ptr<float> packed =
      engine.pool.take(loops.winograd_packed_floats(step, inputs));
  const std::int64_t scratch = loops.winograd_scratch(inputs, outputs, most);
  const std::shared_ptr<float> all = engine.pool.take(scratch * threads);
  const std::shared_ptr<float> outside = zeros(engine, x_shape.pixel_stride());
  for (std::int64_t first = 0; first < outputs; first += step) {
    const Range made{first, std::min(first + step, outputs)};
    some.w = weights.w + first * weights.output_stride;
    loops.winograd_pack(made.end - first, inputs, some, packed.get());
    engine.threads.share(tiles, [&](Range range, std::int64_t thread) {
      loops.winograd(x_shape, x, packed.get(), y_shape, y, made, outside.get(),
                     all.get() + thread * scratch, range);
    });
  }
}

std::shared_ptr<float> packed_weights(const Engine& engine, const PackedShape& shape,
                                      const float* w, std::int64_t output_stride,
                                      std::int64_t input_stride) {
  const std::int64_t count = engine.loops.packed_floats(shape);
  std::shared_ptr<float> packed = engine.pool.take(count);
  engine.loops.pack(shape, w, output_stride, input_stride, packed.get());
  if (engine.bf16) engine.loops.round_to_bf16(count, packed.get(), packed.get());
  return packed;
}

void winograd_weights(const Engine& engine, const Activation& x_shape, const float* x,
                      const Activation& y_shape, const float* dy, float* dw, Into into) {
  const std::int64_t inputs = x_shape.channels;
  const std::int64_t outputs = y_shape.channels;
  const std::int64_t tiles = y_shape.blocks() * tiles_of(y_shape);
  const std::int64_t chunk = chunk_of(inputs, outputs, tiles);
  const std::shared_ptr<float> v = engine.pool.take(kPlaces * place_stride(chunk, inputs));
  const std::shared_ptr<float> z = engine.pool.take(kPlaces * place_stride(chunk, padded(outputs)));
  const std::shared_ptr<float> outside =
      zeros(engine, std::max(x_shape.pixel_stride(), y_shape.pixel_stride()));
  const bool add = into == Into::add;
  if (chunk == tiles) {
    // Sums become gradients while they are in the cache.
    const std::int64_t step = std::min(channels_at_once(padded(outputs)), inputs);
    const std::int64_t d_place = sum_stride(step, outputs);
    const std::shared_ptr<float> d = engine.pool.take(engine.threads.count() * kPlaces * d_place);
    engine.threads.share(tiles, [&](Range share, std::int64_t /*thread*/) {
      engine.loops.winograd_arguments(x_shape, x, y_shape, dy, outside.get(), {0, tiles}, share,
                                      v.get(), z.get());
    });
    engine.threads.share((inputs + step - 1) / step, [&](Range steps, std::int64_t thread) {
      float* const sums = d.get() + thread * kPlaces * d_place;
      for (std::int64_t i = steps.begin; i < steps.end; ++i) {
        const Range some{i * step, std::min((i + 1) * step, inputs)};
        engine.loops.winograd_multiply(outputs, inputs, tiles, v.get(), z.get(), true, sums,
                                       {0, kPlaces}, some);
        engine.loops.winograd_gradients(outputs, inputs, sums,
                                        sum_stride(some.end - some.begin, outputs), add, dw, some);
      }
    });
    return;
  }
  const std::int64_t d_place = sum_stride(inputs, outputs);
  const std::shared_ptr<float> d = engine.pool.take(kPlaces * d_place);
  for (std::int64_t first = 0; first < tiles; first += chunk) {
    const Range range{first, std::min(first + chunk, tiles)};
    const std::int64_t count = range.end - range.begin;
    engine.threads.share(count, [&](Range share, std::int64_t /*thread*/) {
      engine.loops.winograd_arguments(x_shape, x, y_shape, dy, outside.get(), range,
                                      {first + share.begin, first + share.end}, v.get(), z.get());
    });
    engine.threads.share(kPlaces, [&](Range places, std::int64_t /*thread*/) {
      engine.loops.winograd_multiply(outputs, inputs, count, v.get(), z.get(), first == 0, d.get(),
                                     places, {0, inputs});
    });
  }
  engine.threads.share(inputs, [&](Range share, std::int64_t /*thread*/) {
    engine.loops.winograd_gradients(outputs, inputs, d.get() + share.begin * padded(outputs),
                                    d_place, add, dw, share);
  });
}

// dw[o][c][t] from sums whose strides are given.
struct SumStrides {
  std::int64_t output;
  std::int64_t input;
  std::int64_t tap;
};
void collect(std::int64_t outputs, std::int64_t inputs, std::int64_t taps, const float* d,
             const SumStrides& strides, float* dw, Into into) {
  for (std::int64_t o = 0; o < outputs; ++o) {
    for (std::int64_t c = 0; c < inputs; ++c) {
      for (std::int64_t t = 0; t < taps; ++t, ++dw) {
        const float term = d[o * strides.output + c * strides.input + t * strides.tap];
        *dw = into == Into::add ? *dw + term : term;
      }
    }
  }
}

}  // namespace

bool is_winograd(ConvolutionChoice choice, const ConvolutionProblem& problem) {
  return choice != ConvolutionChoice::direct && problem.w[2] == 3 && problem.w[3] == 3 &&
         problem.options == Conv2dOptions{.stride = 1, .padding = 1};
}

void forward(const Engine& engine, ConvolutionChoice choice, const ConvolutionProblem& problem,
             const float* x, const float* w, float* y) {
  const Activation x_shape(problem.x);
  const Activation y_shape(problem.y);
  const std::int64_t taps = taps_of(problem);
  const std::int64_t output_stride = x_shape.channels * taps;
  if (is_winograd(choice, problem)) {
    const WinogradWeights weights{.w = w,
                                  .output_stride = output_stride,
                                  .input_stride = taps,
                                  .turned = false,
                                  .bf16 = engine.bf16};
    return winograd_over(engine, x_shape, x, weights, y_shape, y);
  }
  const PackedShape shape{.outputs = y_shape.channels, .terms = taps, .inputs = x_shape.channels};
  const auto packed = packed_weights(engine, shape, w, output_stride, taps);
  const std::vector<Tap> reads = forward_taps(problem);
  const PixelGrid grid = forward_grid(problem, reads);
  direct_over(engine, grid, packed.get(), x_shape, x, y_shape, y);
}

void backward_data(const Engine& engine, ConvolutionChoice choice,
                   const ConvolutionProblem& problem, const float* dy, const float* w, float* dx) {
  const Activation x_shape(problem.x);
  const Activation y_shape(problem.y);
  const std::int64_t taps = taps_of(problem);
  const std::int64_t input_stride = x_shape.channels * taps;  // of w's outputs
  if (is_winograd(choice, problem)) {
    const WinogradWeights weights{.w = w,
                                  .output_stride = taps,
                                  .input_stride = input_stride,
                                  .turned = true,
                                  .bf16 = engine.bf16};
    return winograd_over(engine, y_shape, dy, weights, x_shape, dx);
  }
  const PackedShape shape{.outputs = x_shape.channels, .terms = taps, .inputs = y_shape.channels};
  const auto packed = packed_weights(engine, shape, w, taps, input_stride);
  const std::int64_t stride = problem.options.stride;
  for (std::int64_t top = 0; top < std::min(stride, x_shape.height); ++top) {
    for (std::int64_t left = 0; left < std::min(stride, x_shape.width); ++left) {
      std::vector<Tap> reads;
      for (const Reached& u : reached(top, problem.w[2], problem.options)) {
        for (const Reached& v : reached(left, problem.w[3], problem.options)) {
          reads.push_back(
              {.index = u.tap * problem.w[3] + v.tap, .down = u.from, .across = v.from});
        }
      }
      const PixelGrid grid{.rows = (x_shape.height - top + stride - 1) / stride,
                           .columns = (x_shape.width - left + stride - 1) / stride,
                           .top = top,
                           .left = left,
                           .step = stride,
                           .from = 1,
                           .kernel = taps,
                           .taps = reads};
      direct_over(engine, grid, packed.get(), y_shape, dy, x_shape, dx);
    }
  }
}

void backward_weights(const Engine& engine, ConvolutionChoice choice,
                      const ConvolutionProblem& problem, const float* x, const float* dy, float* dw,
                      Into into) {
  const Activation x_shape(problem.x);
  const Activation y_shape(problem.y);
  if (is_winograd(choice, problem)) {
    return winograd_weights(engine, x_shape, x, y_shape, dy, dw, into);
  }
  const std::int64_t outputs = y_shape.channels;
  const std::int64_t taps = taps_of(problem);
  const std::vector<Tap> reads = forward_taps(problem);
  const PixelGrid grid = forward_grid(problem, reads);
  // What fills vectors better is in their lanes.
  if (has_few_channels(x_shape, y_shape)) {
    const std::int64_t all = padded(outputs);
    const std::int64_t rows = problem.w[2];
    const std::int64_t scratch = grid.columns * kLanes * all;
    const std::shared_ptr<float> transposed = engine.pool.take(scratch * engine.threads.count());
    const std::shared_ptr<float> d = engine.pool.take(taps * x_shape.channels * all);
    for (std::int64_t block = 0; block < x_shape.blocks(); ++block) {
      engine.threads.share(rows, [&](Range share, std::int64_t thread) {
        engine.loops.direct_weights_of_few(grid, problem.w[3], x_shape,
                                           x + block * x_shape.block_stride(), y_shape,
                                           dy + block * y_shape.block_stride(), block == 0,
                                           transposed.get() + thread * scratch, d.get(), share);
      });
    }
    return collect(outputs, x_shape.channels, taps, d.get(),
                   {.output = 1, .input = all, .tap = x_shape.channels * all}, dw, into);
  }
  const std::int64_t all = padded(x_shape.channels);
  const std::shared_ptr<float> transposed = engine.pool.take(x_shape.plane() * kLanes * all);
  const std::shared_ptr<float> d = engine.pool.take(taps * outputs * all);
  for (std::int64_t block = 0; block < x_shape.blocks(); ++block) {
    engine.threads.share(x_shape.plane(), [&](Range pixels, std::int64_t /*thread*/) {
      engine.loops.transpose(x_shape, x + block * x_shape.block_stride(), transposed.get(), pixels);
    });
    engine.threads.share(outputs, [&](Range share, std::int64_t /*thread*/) {
      engine.loops.direct_weights(grid, x_shape, transposed.get(), y_shape,
                                  dy + block * y_shape.block_stride(), block == 0, d.get(), share);
    });
  }
  collect(outputs, x_shape.channels, taps, d.get(),
          {.output = all, .input = 1, .tap = outputs * all}, dw, into);
}

}  // namespace mvsgd::nn::lanes
