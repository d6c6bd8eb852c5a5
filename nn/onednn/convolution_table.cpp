// The algorithm of each pass of a convolution: the committed table, and the other choices of the
// key conv_algorithm.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

#include "nn/onednn/convolution.hpp"

namespace mvsgd::nn {
namespace {

// The convolutions of ResNet-18 that Winograd's algorithm can do: 3x3 with stride and padding 1,
// from `channels` to as many, on a plane of `side` x `side`. For each pass, the batch from which on
// it is faster than the direct one.
struct Row {
  std::int64_t channels;
  std::int64_t side;
  std::int64_t forward;
  std::int64_t backward_data;
  std::int64_t backward_weights;
};
/// Of a pass in which it is not faster at the largest batch measured.
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// The faster algorithm depends on the processor's caches and memory as well as on its instructions.
// So each maker has rows of its own, from measurements of bench/convolution_bench.cpp (one thread),
// 2026-11 and 12. Batches below the smallest one measured are direct.
//
// An Intel Xeon (Emerald Rapids), batches 16, 64 and 256; made by bench/convolution_table.py. On a
// Sapphire Rapids Winograd's was as well the faster one from 32 channels and a side of 8 up, and
// with 16 channels in all but two passes.
constexpr auto kRowsOfEmeraldRapids = std::to_array<Row>({
    {16, 16, kNever, kNever, 16},
    {16, 32, kNever, 256, 16},
    {32, 8, 16, 16, 16},
    {32, 16, 16, 16, 16},
    {32, 32, 16, 16, 16},
    {64, 4, 16, 16, 16},
    {64, 8, 16, 16, 16},
    {64, 16, 16, 16, 16},
    {64, 32, 16, 16, 16},
    {128, 4, 16, 16, 16},
    {128, 8, 16, 16, 16},
    {128, 16, 16, 16, 16},
    {256, 4, 16, 16, 16},
    {256, 8, 16, 16, 16},
    {512, 4, 16, 16, 16},
});
// An AMD EPYC (Zen 5), batches 16 to 256; made by bench/convolution_table.py.
constexpr auto kRowsOfZen5 = std::to_array<Row>({
    {16, 16, 16, 16, 16},
    {16, 32, 16, 16, 16},
    {32, 8, 16, 16, 16},
    {32, 16, 16, 16, 16},
    {32, 32, 16, 16, 16},
    {64, 4, 16, 16, 16},
    {64, 8, 16, 16, 16},
    {64, 16, 16, 16, 16},
    {64, 32, 16, 16, 16},
    {128, 4, 16, 16, 16},
    {128, 8, 16, 16, 16},
    {128, 16, 16, 16, 16},
    {256, 4, 16, 16, 16},
    {256, 8, 16, 16, 16},
    {512, 4, 16, 16, 16},
});

Maker maker_of_this_processor() {
#if defined(__x86_64__)
  if (__builtin_cpu_is("amd") != 0) return Maker::amd;
  if (__builtin_cpu_is("intel") != 0) return Maker::intel;
#endif
  return Maker::other;
}

bool can_be_winograd(const ConvolutionProblem& problem) {
  return problem.w[2] == 3 && problem.w[3] == 3 && problem.options == Conv2dOptions{1, 1} &&
         problem.w[0] % 16 == 0 && problem.w[1] % 16 == 0;
}

Algorithm from(std::int64_t least, std::int64_t batch) {
  return batch >= least ? Algorithm::winograd : Algorithm::direct;
}

}  // namespace

Measured nearest_measured(Maker maker, bool amx) {
  if (maker == Maker::other) return amx ? Measured::emerald_rapids : Measured::zen5;
  return maker == Maker::intel ? Measured::emerald_rapids : Measured::zen5;
}

PassAlgorithms measured_choice(Measured where, const ConvolutionProblem& problem) {
  const std::int64_t batch = problem.x[0];
  const std::span<const Row> rows =
      where == Measured::zen5 ? std::span<const Row>(kRowsOfZen5) : kRowsOfEmeraldRapids;
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& known) {
    return problem.x == Shape{batch, known.channels, known.side, known.side} &&
           problem.w[0] == known.channels;
  });
  if (row == rows.end() || !can_be_winograd(problem)) return {};
  return {.forward = from(row->forward, batch),
          .backward_data = from(row->backward_data, batch),
          .backward_weights = from(row->backward_weights, batch)};
}

PassAlgorithms choose(ConvolutionChoice choice, const ConvolutionProblem& problem) {
  if (choice == ConvolutionChoice::direct || !can_be_winograd(problem) || !onednn_has_winograd())
    return {};
  if (choice == ConvolutionChoice::winograd) {
    return {.forward = Algorithm::winograd,
            .backward_data = Algorithm::winograd,
            .backward_weights = Algorithm::winograd};
  }
  return measured_choice(nearest_measured(maker_of_this_processor(), onednn_has_amx()), problem);
}

}  // namespace mvsgd::nn
