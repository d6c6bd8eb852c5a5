#include "nn/lanes/bf16_plan.hpp"

#include <algorithm>
#include <stdexcept>

namespace mvsgd::nn::lanes {
namespace {

int rows_of_a_tile(std::int64_t outputs) {
  return static_cast<int>(std::min<std::int64_t>(outputs, kTileSide));
}

Axis forward_axis(std::int64_t extent, std::int64_t results, std::int64_t kernel,
                  const ConvolutionShape& shape) {
  return {.results = results,
          .step = shape.stride,
          .first = -shape.padding,
          .taps = kernel,
          .extent = extent};
}

// The class of dx's positions p + k * stride. dx[i] is the sum over u of
// dy[(i + padding - u) / stride] w[u], over the u for which the division leaves no rest. u falls,
// so that dy's position rises.
Axis data_axis(std::int64_t position, std::int64_t extent, std::int64_t results,
               std::int64_t kernel, const ConvolutionShape& shape) {
  const std::int64_t s = shape.stride;
  const std::int64_t least = (position + shape.padding) % s;
  const std::int64_t taps = least < kernel ? (kernel - 1 - least) / s + 1 : 0;
  const std::int64_t largest = least + (taps - 1) * s;
  return {.results = extent > position ? (extent - position - 1) / s + 1 : 0,
          .step = 1,
          .first = taps > 0 ? (position + shape.padding - largest) / s : 0,
          .taps = taps,
          .extent = results,
          .kernel_first = largest,
          .kernel_step = -s,
          .result_first = position,
          .result_step = s};
}

}  // namespace

void check_convolution(const ConvolutionShape& shape) {
  const bool positive =
      std::min({shape.images, shape.channels, shape.height, shape.width, shape.outputs,
                shape.kernel_height, shape.kernel_width, shape.stride}) >= 1 &&
      shape.padding >= 0;
  if (positive && shape.height + 2 * shape.padding >= shape.kernel_height &&
      shape.width + 2 * shape.padding >= shape.kernel_width) {
    return;
  }
  std::string text = "convolution:";
  const auto extents = {shape.images,       shape.channels, shape.height,
                        shape.width,        shape.outputs,  shape.kernel_height,
                        shape.kernel_width, shape.stride,   shape.padding};
  const char* name = "nchwoRSsp";
  for (const std::int64_t extent : extents)
    text += std::string(" ") + *name++ + std::to_string(extent);
  throw std::invalid_argument(text);
}

Cut cut_of_row(std::int64_t channels, std::int64_t taps) {
  const std::int64_t least = (channels + 1) / 2;
  if (taps == 0) return {.channel_pairs = least};
  const std::int64_t most = (least + kTileSide - 1) / kTileSide * kTileSide;
  Cut best;
  for (std::int64_t padded = least; padded <= most; ++padded) {
    const std::int64_t all = taps * padded;
    std::int64_t steps = (all + kTileSide - 1) / kTileSide;
    while (all % steps != 0) ++steps;
    if (best.steps == 0 || steps < best.steps) {
      best = {.channel_pairs = padded, .pairs = all / steps, .steps = steps};
    }
  }
  return best;
}

TileShape Gather::tile() const {
  return {.rows = rows_of_a_tile(outputs), .pairs = static_cast<int>(cut().pairs)};
}

Gather forward_gather(const ConvolutionShape& shape) {
  const std::int64_t kernel = shape.kernel_height * shape.kernel_width;
  return {.rows = forward_axis(shape.height, shape.result_height(), shape.kernel_height, shape),
          .columns = forward_axis(shape.width, shape.result_width(), shape.kernel_width, shape),
          .blocks = shape.blocks(),
          .channels = shape.channels,
          .outputs = shape.outputs,
          .result_height = shape.result_height(),
          .result_width = shape.result_width(),
          .output_stride = shape.channels * kernel,
          .channel_stride = kernel,
          .kernel_width = shape.kernel_width,
          .kernel_places = kernel};
}

std::vector<Gather> data_gathers(const ConvolutionShape& shape) {
  const std::int64_t kernel = shape.kernel_height * shape.kernel_width;
  std::vector<Gather> gathers;
  for (std::int64_t i = 0; i < std::min(shape.stride, shape.height); ++i) {
    const Axis rows = data_axis(i, shape.height, shape.result_height(), shape.kernel_height, shape);
    for (std::int64_t j = 0; j < std::min(shape.stride, shape.width); ++j) {
      gathers.push_back(
          {.rows = rows,
           .columns = data_axis(j, shape.width, shape.result_width(), shape.kernel_width, shape),
           .blocks = shape.blocks(),
           .channels = shape.outputs,
           .outputs = shape.channels,
           .result_height = shape.height,
           .result_width = shape.width,
           .output_stride = kernel,
           .channel_stride = shape.channels * kernel,
           .kernel_width = shape.kernel_width,
           .kernel_places = kernel});
    }
  }
  return gathers;
}

WeightSum::WeightSum(const ConvolutionShape& of)
    : shape(of), rows(forward_axis(of.height, of.result_height(), of.kernel_height, of)) {}

TileShape WeightSum::tile() const {
  return {.rows = rows_of_a_tile(shape.outputs), .pairs = static_cast<int>(pixels() * kLanes / 2)};
}

}  // namespace mvsgd::nn::lanes
