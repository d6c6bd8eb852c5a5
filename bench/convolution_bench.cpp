// How fast each convolution of ResNet-18 is in each pass, direct and by Winograd's algorithm, in
// nn/onednn and in nn/lanes. convolution_table.py makes the table of nn/onednn from these times.
// There is one kernel thread, so CPU time counts.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include "bench/peak.hpp"
#include "nn/lanes/make_lanes.hpp"
#include "nn/onednn/make_onednn.hpp"

namespace mvsgd::nn {
namespace {

std::vector<float> ones(const Shape& shape) {
  return std::vector<float>(static_cast<std::size_t>(elements(shape)), 1);
}

// One convolution with padding such that a stride of 1 keeps the size, of x = w = dy = 1.
class Problem {
 public:
  explicit Problem(const benchmark::State& state)
      : c_(state.range(0)),
        h_(state.range(1)),
        o_(state.range(2)),
        r_(state.range(3)),
        s_(state.range(4)),
        batch_(state.range(5)),
        winograd_(state.range(6) != 0),
        backend_(make(winograd_ ? ConvolutionChoice::winograd : ConvolutionChoice::direct,
                      state.range(7) != 0)),
        dw_(backend_->allocate({o_, c_, r_, r_})) {
    backend_->enter(1);
    w_ = tensor({o_, c_, r_, r_});
    // As in a step, activations have the layout in which a convolution leaves them.
    x_ = activation({batch_, c_, h_, h_});
    dy_ = activation({batch_, o_, h_ / s_, h_ / s_});
  }

  [[nodiscard]] Tensor forward() const { return backend_->conv2d(x_, w_, options()); }
  [[nodiscard]] Tensor backward_data() const {
    return backend_->conv2d_backward_data(dy_, w_, x_.shape, options());
  }
  [[nodiscard]] Tensor backward_weights() const {
    backend_->conv2d_backward_weights(x_, dy_, dw_, Into::overwrite, options());
    return dw_;
  }

  // This is the sum of the elements of y, of dx and of dw alike.
  [[nodiscard]] bool is_right(const Tensor& result) const {
    std::vector<float> values(static_cast<std::size_t>(elements(result.shape)));
    backend_->read(result, values);
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    return std::abs(sum - products()) <= (winograd_ ? 1e-4 : 0) * products();
  }

  void report(benchmark::State& state, double seconds) const {
    bench::report_flops(state, 2 * products(), seconds);
  }

 private:
  static std::unique_ptr<Backend> make(ConvolutionChoice choice, bool lanes) {
    return lanes ? make_lanes_backend({.convolution = choice})
                 : make_onednn_backend({.convolution = choice});
  }

  [[nodiscard]] Conv2dOptions options() const { return {.stride = s_, .padding = r_ / 2}; }

  [[nodiscard]] Tensor tensor(const Shape& shape) const {
    Tensor x = backend_->allocate(shape);
    backend_->write(x, ones(shape));
    return x;
  }
  [[nodiscard]] Tensor activation(const Shape& shape) const {
    const std::int64_t channels = shape[1];
    if (channels == 3) return tensor(shape);  // the images
    const Tensor from_one = tensor({shape[0], 1, shape[2], shape[3]});
    return backend_->conv2d(from_one, tensor({channels, 1, 1, 1}), {});
  }

  // The number of products of an element of x and one of w.
  [[nodiscard]] double products() const {
    std::int64_t along_side = 0;
    for (std::int64_t i = 0; i < h_ / s_; ++i) {
      for (std::int64_t u = 0; u < r_; ++u) {
        const std::int64_t at = i * s_ + u - r_ / 2;
        if (at >= 0 && at < h_) ++along_side;
      }
    }
    return static_cast<double>(batch_ * c_ * o_ * along_side * along_side);
  }

  std::int64_t c_, h_, o_, r_, s_, batch_;
  bool winograd_;
  std::unique_ptr<Backend> backend_;
  Tensor w_;
  Tensor x_;
  Tensor dy_;
  Tensor dw_;
};

void run(benchmark::State& state, Tensor (Problem::*pass)() const) {
  if (state.range(6) != 0 && state.range(7) == 0 && !onednn_has_winograd()) {
    return state.SkipWithError("no Winograd here");
  }
  const Problem problem(state);
  if (!problem.is_right((problem.*pass)())) return state.SkipWithError("wrong answer");
  const double start = bench::thread_seconds();
  for (auto _ : state) benchmark::DoNotOptimize((problem.*pass)());
  problem.report(state, bench::thread_seconds() - start);
}

void BM_Convolution(benchmark::State& state) { run(state, &Problem::forward); }
void BM_ConvolutionBackwardData(benchmark::State& state) { run(state, &Problem::backward_data); }
void BM_ConvolutionBackwardWeights(benchmark::State& state) {
  run(state, &Problem::backward_weights);
}

// All convolutions of ResNet-18 at widths 8 to 64. One that several widths share appears once. The
// stem's images get no gradient.
template <bool Images>
void convolutions(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"c", "h", "o", "r", "s", "batch", "winograd", "lanes"})
      ->Unit(benchmark::kMillisecond);
  std::set<std::vector<std::int64_t>> shapes;
  for (const std::int64_t width : {8, 16, 32, 64}) {
    if (Images) shapes.insert({3, 32, width, 3, 1});
    for (std::int64_t stage = 0; stage < 4; ++stage) {
      const std::int64_t channels = width << stage;
      const std::int64_t side = 32 >> stage;
      if (stage > 0) {
        shapes.insert({channels / 2, side * 2, channels, 3, 2});
        shapes.insert({channels / 2, side * 2, channels, 1, 2});
      }
      shapes.insert({channels, side, channels, 3, 1});
    }
  }
  for (const std::vector<std::int64_t>& shape : shapes) {
    for (const std::int64_t batch : {16, 32, 64, 128, 256}) {
      for (const std::int64_t lanes : {0, 1}) {
        // Winograd's algorithm takes 3x3 with stride 1. That of onednn also needs as many outputs
        // as inputs, a multiple of 16, which excludes the stem.
        const bool both = shape[3] == 3 && shape[4] == 1 &&
                          (lanes == 1 || (shape[0] == shape[2] && shape[0] % 16 == 0));
        for (std::int64_t winograd = 0; winograd <= (both ? 1 : 0); ++winograd) {
          std::vector<std::int64_t> arguments = shape;
          arguments.insert(arguments.end(), {batch, winograd, lanes});
          bench->Args(arguments);
        }
      }
    }
  }
}
BENCHMARK(BM_Convolution)->Apply(convolutions<true>);
BENCHMARK(BM_ConvolutionBackwardData)->Apply(convolutions<false>);
BENCHMARK(BM_ConvolutionBackwardWeights)->Apply(convolutions<true>);

}  // namespace
}  // namespace mvsgd::nn
