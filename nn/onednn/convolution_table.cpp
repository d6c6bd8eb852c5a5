// Which algorithm each pass of a convolution runs: the committed table and the other choices of the
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

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// The convolutions of ResNet-18 that Winograd's algorithm can do, 3x3 with stride and padding 1
// from `channels` to as many on a plane of `side` x `side`, and for each pass the batch from which
// on it is faster than the direct one.
struct Row {
  std::int64_t channels;
  std::int64_t side;
  std::int64_t forward;
  std::int64_t backward_data;
  std::int64_t backward_weights;
};

// What pays depends on the processor's caches and memory as well as on its instructions, so each
// maker's has rows of its own. Made by bench/convolution_table.py from measurements of
// bench/convolution_bench.cpp (batches 16 to 256, widths 8 to 64, one thread), 2026-11.
//
// An Intel Xeon with AVX-512, measured with the Winograd convolutions of oneDNN 2.6, which ours
// took the place of; for other makers' too.
constexpr auto kRows = std::to_array<Row>({
    {64, 32, 16, 16, 16},
    {128, 16, 16, 16, 16},
    {256, 8, 16, 16, 16},
    {512, 4, 64, 64, 64},
});
// An AMD EPYC (Zen 5).
constexpr auto kRowsOfAmd = std::to_array<Row>({
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

std::span<const Row> rows_of_this_processor() {
#if defined(__x86_64__)
  if (__builtin_cpu_is("amd") != 0) return kRowsOfAmd;
#endif
  return kRows;
}

bool can_be_winograd(const ConvolutionProblem& problem) {
  return problem.w[2] == 3 && problem.w[3] == 3 && problem.options == Conv2dOptions{1, 1} &&
         problem.w[0] % 16 == 0 && problem.w[1] % 16 == 0;
}

Algorithm from(std::int64_t least, std::int64_t batch) {
  return batch >= least ? Algorithm::winograd : Algorithm::direct;
}

}  // namespace

PassAlgorithms choose(ConvolutionChoice choice, const ConvolutionProblem& problem) {
  if (choice == ConvolutionChoice::direct || !can_be_winograd(problem) || !onednn_has_winograd())
    return {};
  if (choice == ConvolutionChoice::winograd) {
    return {.forward = Algorithm::winograd,
            .backward_data = Algorithm::winograd,
            .backward_weights = Algorithm::winograd};
  }
  const std::int64_t batch = problem.x[0];
  const std::span<const Row> rows = rows_of_this_processor();
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& known) {
    return problem.x == Shape{batch, known.channels, known.side, known.side} &&
           problem.w[0] == known.channels;
  });
  if (row == rows.end()) return {};
  return {.forward = from(row->forward, batch),
          .backward_data = from(row->backward_data, batch),
          .backward_weights = from(row->backward_weights, batch)};
}

}  // namespace mvsgd::nn
