// The loops of this backend, each compiled for every instruction set.
//
// Each number of a result is a sum in one order, given here. The order does not depend on the
// instruction set or on how the work is shared: products enter by fused multiply-adds, one after
// the other.
//
//     N images    C input channels    O output channels    H, W height, width    R, S kernel's
#pragma once

#include <cstdint>
#include <span>

#include "nn/lanes/activation.hpp"
#include "nn/lanes/isa.hpp"

namespace mvsgd::nn::lanes {

/// [begin, end) of something that threads share.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// The weights of a sum of products, as [outputs / kOutputs][terms][inputs][kOutputs] floats. Zeros
/// fill up the last outputs.
struct PackedShape {
  std::int64_t outputs = 0;
  std::int64_t terms = 0;
  std::int64_t inputs = 0;
};

/// One tap of a kernel: its index, and its distance from the pixel.
struct Tap {
  std::int64_t index = 0;
  std::int64_t down = 0;
  std::int64_t across = 0;
};

/// Pixels of a result that the same taps reach: (top + step * i, left + step * j) for i < rows,
/// j < columns. Tap t reads pixel (from * i + t.down, from * j + t.across), or zeros outside.
struct PixelGrid {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t step = 1;
  std::int64_t from = 1;
  std::int64_t kernel = 0;  ///< taps of the kernel; only a few of them may reach these pixels
  std::span<const Tap> taps;
};

/// The moments of one channel: mean, and the sum of squared differences from it.
struct Moments {
  double mean = 0;
  double squares = 0;
};

/// The map by which batch norm changes a value: (x - mean) * scale + shift. Arrays [channels].
struct Affine {
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  bool relu = false;  ///< max(0, .) of the result, the residual added
  bool bf16 = false;  ///< the result, all else done, is rounded to bfloat16
};

/// What a batch norm's backward pass reads. dv is dy, or dy + more if `more` is given, where ReLU
/// was open, else 0. ReLU's state comes from `y` if that is given, else from affine(x).
struct Upstream {
  const float* x = nullptr;
  const float* y = nullptr;
  const float* dy = nullptr;
  const float* more = nullptr;
};

/// The sums over a channel of dv and of dv * (x - mean).
struct GradientSums {
  double dv = 0;
  double dv_x = 0;
};
/// These sums for each image of a block, and the sums in float over the pixels at hand.
struct ImageSums {
  float dv[kLanes];
  float dv_x[kLanes];
  GradientSums all[kLanes];
};

/// dx = factor * dv - constant - slope * (x - mean). Arrays [channels].
struct InputGradient {
  const float* factor = nullptr;
  const float* constant = nullptr;
  const float* slope = nullptr;
  bool bf16 = false;  ///< dx is rounded to bfloat16
};

/// Weights of a 3x3 convolution: w[o * output_stride + c * input_stride + tap].
struct WinogradWeights {
  const float* w = nullptr;
  std::int64_t output_stride = 0;
  std::int64_t input_stride = 0;
  bool turned = false;  ///< by half a circle
  bool bf16 = false;    ///< rounded to bfloat16, before their transform
};

/// The number of vectors of images that are multiplied at once.
inline constexpr int kColumns = 3;

/// The loops of one instruction set.
struct Loops {
  /// The number of floats of packed weights.
  std::int64_t (*packed_floats)(const PackedShape& shape);
  /// Packs from w[o * output_stride + c * input_stride + t].
  void (*pack)(const PackedShape& shape, const float* w, std::int64_t output_stride,
               std::int64_t input_stride, float* packed);

  /// y[o] = sum over taps in order, over channels c in order, of w[o, tap, c] x[c], at the grid's
  /// pixels `pixels`, which are counted through all blocks. `zeros` has x.pixel_stride() zeros;
  /// scratch has kColumns pointers a tap.
  void (*direct)(const PixelGrid& grid, const Activation& x_shape, const float* x,
                 const float* packed, const float* zeros, const Activation& y_shape, float* y,
                 std::span<const float*> scratch, Range pixels);

  /// Rounds to bfloat16 by nearest_bf16() of nn/lanes/tiles.hpp. `to` may be `from`.
  void (*round_to_bf16)(std::int64_t count, const float* from, float* to);
  /// Images [N][C][H W] to lanes, filling included.
  void (*to_lanes)(const Activation& shape, const float* plain, float* lanes);
  /// The transposed copy [pixels][16 images][padded(C)] of pixels of all blocks, filled up with
  /// zeros.
  void (*transpose)(const Activation& shape, const float* x, float* transposed, Range pixels);
  /// d[tap][o][padded(C)] = (or += unless `first`) the sum of dy[o] x[c], with x at the pixel that
  /// the tap reads, over the grid's pixels of one block in order and over its images in order. For
  /// outputs `outputs`.
  void (*direct_weights)(const PixelGrid& grid, const Activation& x_shape, const float* transposed,
                         const Activation& y_shape, const float* dy, bool first, float* d,
                         Range outputs);
  /// The same sums as d[tap][c][padded(O)], for kernel rows `kernel_rows`: where there are too few
  /// channels to fill a vector. `transposed` has columns * kLanes * padded(O) floats.
  void (*direct_weights_of_few)(const PixelGrid& grid, std::int64_t kernel_width,
                                const Activation& x_shape, const float* x,
                                const Activation& y_shape, const float* dy, bool first,
                                float* transposed, float* d, Range kernel_rows);

  // Winograd's F(4x4, 3x3): nn/lanes/winograd_algebra.hpp.

  std::int64_t (*winograd_packed_floats)(std::int64_t outputs, std::int64_t inputs);
  /// For as many tiles, or fewer, and all outputs or some.
  std::int64_t (*winograd_scratch)(std::int64_t inputs, std::int64_t outputs, std::int64_t tiles);
  /// U packed.
  void (*winograd_pack)(std::int64_t outputs, std::int64_t inputs, const WinogradWeights& weights,
                        float* packed);
  /// Whether so many tiles are transformed at once.
  bool (*winograd_at_once)(std::int64_t inputs, std::int64_t outputs, std::int64_t tiles);
  /// y's `outputs`, of which alone U is packed, of `tiles`, counted through all blocks. `zeros` has
  /// x.pixel_stride() of them; scratch is winograd_scratch() floats. Outputs that are not the first
  /// go by the V that those left in scratch, so the tiles are such as are transformed at once.
  void (*winograd)(const Activation& x_shape, const float* x, const float* packed,
                   const Activation& y_shape, float* y, Range outputs, const float* zeros,
                   float* scratch, Range tiles);
  /// V and Z transposed of the tiles `share` of a chunk: v [36][chunk][C][16 images],
  /// z [36][chunk][16 images][padded(O)].
  void (*winograd_arguments)(const Activation& x_shape, const float* x, const Activation& y_shape,
                             const float* dy, const float* zeros, Range chunk, Range share,
                             float* v, float* z);
  /// d[place][c][padded(O)] = or, unless `first`, += sum over the chunk's tiles in order, over
  /// images in order, of z[o] v[c], at `places`, for inputs `inputs_of`, which alone d has.
  void (*winograd_multiply)(std::int64_t outputs, std::int64_t inputs, std::int64_t chunk,
                            const float* v, const float* z, bool first, float* d, Range places,
                            Range inputs_of);
  /// dw[o][c][9 taps] = G^T d G, or that much more, for inputs `inputs_of`, with whose first d
  /// begins and whose places are d_place floats apart.
  void (*winograd_gradients)(std::int64_t outputs, std::int64_t inputs, const float* d,
                             std::int64_t d_place, bool add, float* dw, Range inputs_of);

  // Batch norm, for channels `channels`. `scratch` has kLanes Moments, or one ImageSums a channel.

  /// Joins chunks of an image, then images, in double, by the update of Chan, Golub and LeVeque.
  void (*moments)(const Activation& shape, const float* x, Moments* moments, Moments* scratch,
                  Range channels);
  /// y = affine(x) + residual; residual may be null.
  void (*apply)(const Activation& shape, const Affine& affine, const float* x,
                const float* residual, float* y, Range channels);
  /// Keeps dv if `dv` is given; dv may be the memory of dy or of more.
  void (*gradient_sums)(const Activation& shape, const Affine& affine, const Upstream& upstream,
                        float* dv, GradientSums* sums, ImageSums* scratch, Range channels);
  /// dx from dv as kept or, if `rectify`, from dv = dy where affine(x) > 0. dx may be x or dv.
  void (*input_gradient)(const Activation& shape, const Affine& affine, bool rectify,
                         const InputGradient& gradient, const float* x, const float* dv, float* dx,
                         Range channels);
};

/// Throws std::invalid_argument unless supports(isa).
[[nodiscard]] const Loops& loops(Isa isa);

/// The loops from the source that is compiled for this instruction set.
template <Isa Path>
struct LoopsOf {
  static const Loops kTable;
};

}  // namespace mvsgd::nn::lanes
