// How a bfloat16 convolution is cut into gathers, and each sum into tile products. The cut is part
// of the result, so it depends on the shape alone.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/lanes/convolution_shape.hpp"
#include "nn/lanes/tiles.hpp"

namespace mvsgd::nn::lanes {

/// One axis of a gather. Result i is the sum over taps t of source[first + i * step + t] times
/// kernel[kernel_first + t * kernel_step]. The source is zero outside [0, extent).
struct Axis {
  std::int64_t results = 0;
  std::int64_t step = 1;
  std::int64_t first = 0;
  std::int64_t taps = 0;
  std::int64_t extent = 0;
  std::int64_t kernel_first = 0;
  std::int64_t kernel_step = 1;
  /// Result i stands at result_first + i * result_step.
  std::int64_t result_first = 0;
  std::int64_t result_step = 1;

  /// Packed positions are those that some tap reads, in order. Tap t of result i is at i * pitch()
  /// + t.
  [[nodiscard]] std::int64_t pitch() const { return step < taps ? step : taps; }
  [[nodiscard]] std::int64_t packed(std::int64_t count) const {
    return count > 0 && taps > 0 ? (count - 1) * pitch() + taps : 0;
  }
  /// The source's index at a packed position; it may be outside [0, extent).
  [[nodiscard]] std::int64_t source(std::int64_t position) const {
    return step <= taps ? first + position : first + position / taps * step + position % taps;
  }
  /// Whether the source of tap t of result i is inside.
  [[nodiscard]] bool inside(std::int64_t i, std::int64_t t) const {
    const std::int64_t at = first + i * step + t;
    return at >= 0 && at < extent;
  }
};

/// The sum over a kernel row's taps and all channels, in this order, cut into `steps` products of
/// `pairs` pairs each. Channels are padded to an even number, and further if the cut then has fewer
/// products.
struct Cut {
  std::int64_t channel_pairs = 0;  ///< of a pixel, padding included
  std::int64_t pairs = 1;          ///< of a product, at most 16
  std::int64_t steps = 0;          ///< products of a kernel row; 0 without taps
};
[[nodiscard]] Cut cut_of_row(std::int64_t channels, std::int64_t taps);

/// Result [i][j][m] is a sum of weights x source, over the kernel rows inside the source and over
/// the products of a row in order. A product is c + (even + odd). Rows outside are left out;
/// columns outside are zeros.
struct Gather {
  Axis rows;
  Axis columns;
  std::int64_t blocks = 1;         ///< of images
  std::int64_t channels = 1;       ///< of the source
  std::int64_t outputs = 1;        ///< of the result
  std::int64_t result_height = 1;  ///< of the whole result tensor
  std::int64_t result_width = 1;
  /// The weight of output m and channel c at kernel place k = u * S + v is
  /// w[m * output_stride + c * channel_stride + k].
  std::int64_t output_stride = 1;
  std::int64_t channel_stride = 1;
  std::int64_t kernel_width = 1;
  std::int64_t kernel_places = 1;  ///< R * S

  [[nodiscard]] TileShape tile() const;
  [[nodiscard]] Cut cut() const { return cut_of_row(channels, columns.taps); }
  [[nodiscard]] std::int64_t output_tiles() const { return (outputs + kTileSide - 1) / kTileSide; }
};

/// y from x.
[[nodiscard]] Gather forward_gather(const ConvolutionShape& shape);

/// dx from dy, by a gather with mirrored weights for each of the stride^2 classes of pixels that
/// meet the same taps. A class may have no taps: its dx is zero.
[[nodiscard]] std::vector<Gather> data_gathers(const ConvolutionShape& shape);

/// dw from x and dy. A product sums over 16 images of two neighbouring pixels of dy, or of one if a
/// row has an odd number of them. Products go by image blocks, rows and pixels, in order.
struct WeightSum {
  ConvolutionShape shape;
  Axis rows;  ///< as in forward_gather()

  explicit WeightSum(const ConvolutionShape& shape);

  [[nodiscard]] std::int64_t pixels() const { return shape.result_width() % 2 == 0 ? 2 : 1; }
  [[nodiscard]] std::int64_t steps() const { return shape.result_width() / pixels(); }
  [[nodiscard]] TileShape tile() const;
  [[nodiscard]] std::int64_t output_tiles() const {
    return (shape.outputs + kTileSide - 1) / kTileSide;
  }
  [[nodiscard]] std::int64_t channel_tiles() const {
    return (shape.channels + kTileSide - 1) / kTileSide;
  }
  /// The columns of x are sorted by their rest modulo the stride, so that those of neighbouring
  /// results are neighbours. The number of rests, and the number of packed columns of each.
  [[nodiscard]] std::int64_t phases() const {
    return shape.stride < shape.kernel_width ? shape.stride : shape.kernel_width;
  }
  [[nodiscard]] std::int64_t phase_columns() const {
    return (shape.kernel_width - 1) / shape.stride + shape.result_width();
  }
};

}  // namespace mvsgd::nn::lanes
