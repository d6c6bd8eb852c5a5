// How fast each convolution of ResNet-18 is in each pass, on bfloat16 with images in lanes
// (nn/lanes), by the processor's tile unit where it has one and by fused multiply-adds. There is
// one kernel thread, so CPU time counts.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "bench/throughput.hpp"
#include "nn/lanes/bf16_convolution.hpp"
#include "nn/lanes/tiles_units.hpp"

namespace mvsgd::nn::lanes {
namespace {

// The floats of a tensor in lanes, all 1. The images fill whole blocks.
class Ones {
 public:
  explicit Ones(std::int64_t count)
      : count_(count),
        data_(static_cast<float*>(::operator new (static_cast<std::size_t>(count) * sizeof(float),
                                                  std::align_val_t{64}))) {
    std::fill_n(data_.get(), count, 1.0F);
  }
  [[nodiscard]] float* data() const { return data_.get(); }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] double sum() const {
    double all = 0;
    for (std::int64_t i = 0; i < count_; ++i) all += double{data_.get()[i]};
    return all;
  }

 private:
  struct Free {
    void operator()(float* data) const { ::operator delete (data, std::align_val_t{64}); }
  };
  std::int64_t count_;
  std::unique_ptr<float, Free> data_;
};

enum class Pass : std::uint8_t { forward, data, weights };

// One convolution with padding such that a stride of 1 keeps the size, of x = w = dy = 1.
class Problem {
 public:
  Problem(const benchmark::State& state, Bf16Engine engine, Pass pass)
      : pass_(pass),
        shape_{.images = state.range(5),
               .channels = state.range(0),
               .height = state.range(1),
               .width = state.range(1),
               .outputs = state.range(2),
               .kernel_height = state.range(3),
               .kernel_width = state.range(3),
               .stride = state.range(4),
               .padding = state.range(3) / 2},
        convolutions_(engine,
                      [](std::int64_t count, const std::function<void(std::int64_t)>& body) {
                        for (std::int64_t i = 0; i < count; ++i) body(i);
                      }),
        x_(shape_.images * shape_.channels * shape_.height * shape_.width),
        w_(shape_.outputs * shape_.channels * shape_.kernel_height * shape_.kernel_width),
        y_(shape_.images * shape_.outputs * shape_.result_height() * shape_.result_width()),
        result_(pass == Pass::forward ? y_.count()
                : pass == Pass::data  ? x_.count()
                                      : w_.count()) {}

  void run() {
    switch (pass_) {
      case Pass::forward:
        convolutions_.forward(shape_, x_.data(), w_.data(), result_.data());
        break;
      case Pass::data:
        convolutions_.backward_data(shape_, y_.data(), w_.data(), result_.data());
        break;
      case Pass::weights:
        convolutions_.backward_weights(shape_, x_.data(), y_.data(), result_.data(),
                                       Into::overwrite);
        break;
    }
  }

  // This is the sum of the elements of y, of dx and of dw alike. Each element is an integer below
  // 2^24.
  [[nodiscard]] bool is_right() {
    run();
    return result_.sum() == products();
  }

  // The number of products of an element of x and one of w.
  [[nodiscard]] double products() const {
    std::int64_t along_side = 0;
    for (std::int64_t i = 0; i < shape_.result_height(); ++i) {
      for (std::int64_t u = 0; u < shape_.kernel_height; ++u) {
        const std::int64_t at = i * shape_.stride + u - shape_.padding;
        if (at >= 0 && at < shape_.height) ++along_side;
      }
    }
    return static_cast<double>(shape_.images * shape_.channels * shape_.outputs * along_side *
                               along_side);
  }

 private:
  Pass pass_;
  ConvolutionShape shape_;
  Bf16Convolutions convolutions_;
  Ones x_;
  Ones w_;
  Ones y_;
  Ones result_;
};

#if defined(__x86_64__) && defined(__linux__)
// Floating-point operations a second on full tiles that are loaded once: the best of nine trials.
double tile_flops_per_second() {
  // Ones, since zeros would be multiplied faster.
  alignas(64) std::array<std::uint32_t, kTileSide * kTileSide> ones;
  ones.fill(0x3F803F80);
  double best = 0;
  for (int trial = 0; trial < 9; ++trial) {
    constexpr std::int64_t kRounds = 50'000;
    const double start = bench::thread_seconds();
    AmxUnit<AmxInstructions> unit({});
    unit.load<4>(ones.data(), kRowBytes);
    unit.load<5>(ones.data(), kRowBytes);
    unit.load<6>(ones.data(), kRowBytes);
    unit.load<7>(ones.data(), kRowBytes);
    for (std::int64_t i = 0; i < kRounds; ++i) {
      unit.product<0, 4, 6>();
      unit.product<1, 4, 7>();
      unit.product<2, 5, 6>();
      unit.product<3, 5, 7>();
    }
    const double seconds = bench::thread_seconds() - start;
    best = std::max(best, static_cast<double>(kRounds) * 4 * 2 * 16 * 16 * 32 / seconds);
  }
  return best;
}
#else
double tile_flops_per_second() { return 0; }
#endif

void BM_Bf16Convolution(benchmark::State& state, Bf16Engine engine, Pass pass) {
  if (const std::string why = objection(engine); !why.empty()) {
    return state.SkipWithError(why.c_str());
  }
  Problem problem(state, engine, pass);
  if (!problem.is_right()) return state.SkipWithError("wrong answer");
  const double start = bench::thread_seconds();
  for (auto _ : state) problem.run();
  const double seconds = bench::thread_seconds() - start;
  const double rate = 2 * problem.products() * static_cast<double>(state.iterations()) / seconds;
  state.counters["flops"] = rate;
  if (engine == Bf16Engine::amx) {
    static const double peak = tile_flops_per_second();
    state.counters["peak_pct"] = 100 * rate / peak;
  }
}

// All convolutions of ResNet-18 at widths 8 to 64. One that several widths share appears once. The
// stem's images get no gradient.
template <Pass Of>
void convolutions(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"c", "h", "o", "r", "s", "batch"})->Unit(benchmark::kMillisecond);
  std::set<std::vector<std::int64_t>> shapes;
  for (const std::int64_t width : {8, 16, 64}) {
    if (Of != Pass::data) shapes.insert({3, 32, width, 3, 1});
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
    for (const std::int64_t batch : {16, 64}) {
      std::vector<std::int64_t> arguments = shape;
      arguments.push_back(batch);
      bench->Args(arguments);
    }
  }
}
BENCHMARK_CAPTURE(BM_Bf16Convolution, amx_forward, Bf16Engine::amx, Pass::forward)
    ->Apply(convolutions<Pass::forward>);
BENCHMARK_CAPTURE(BM_Bf16Convolution, amx_data, Bf16Engine::amx, Pass::data)
    ->Apply(convolutions<Pass::data>);
BENCHMARK_CAPTURE(BM_Bf16Convolution, amx_weights, Bf16Engine::amx, Pass::weights)
    ->Apply(convolutions<Pass::weights>);
BENCHMARK_CAPTURE(BM_Bf16Convolution, fma_forward, Bf16Engine::fma, Pass::forward)
    ->Apply(convolutions<Pass::forward>);
BENCHMARK_CAPTURE(BM_Bf16Convolution, fma_data, Bf16Engine::fma, Pass::data)
    ->Apply(convolutions<Pass::data>);
BENCHMARK_CAPTURE(BM_Bf16Convolution, fma_weights, Bf16Engine::fma, Pass::weights)
    ->Apply(convolutions<Pass::weights>);

}  // namespace
}  // namespace mvsgd::nn::lanes
