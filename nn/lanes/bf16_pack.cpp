#include "nn/lanes/bf16_pack.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

// Each is compiled for several instruction sets, and the processor's best is taken when the program
// starts. All compute with integers.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define MVSGD_KERNEL [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define MVSGD_KERNEL
#endif
#define MVSGD_INLINE [[gnu::always_inline]] inline

namespace mvsgd::nn::lanes {
namespace {

constexpr std::int64_t kLanes = kImages;
constexpr std::int64_t kSide = kTileSide;

// Only local variables have these types, as their calling convention depends on the instruction
// set.
using Bits __attribute__((vector_size(64), may_alias, aligned(4))) = std::int32_t;
using Halves __attribute__((vector_size(32), may_alias, aligned(2))) = std::uint16_t;
using Words __attribute__((vector_size(32), may_alias, aligned(4))) = std::int32_t;

// nearest_bf16() of 16 numbers, in upper halves; the lower halves are what is left.
MVSGD_INLINE void round(const float* from, Bits& to) {
  const Bits x = *reinterpret_cast<const Bits*>(from);
  const Bits magnitude = x & 0x7FFFFFFF;
  const Bits nearest = x + 0x7FFF + ((x >> 16) & 1);
  const Bits flushed = magnitude < 0x00800000 ? x & static_cast<std::int32_t>(0x80000000) : nearest;
  to = magnitude > 0x7F800000 ? x | 0x00400000 : flushed;
}

constexpr std::uint32_t kUpper = 0xFFFF0000U;

// The same of one number.
MVSGD_INLINE std::uint32_t nearest(float from) {
  const auto x = std::bit_cast<std::uint32_t>(from);
  const std::uint32_t magnitude = x & 0x7FFFFFFFU;
  const std::uint32_t sum = x + 0x7FFFU + (x >> 16U & 1U);
  const std::uint32_t flushed = magnitude < 0x00800000U ? x & 0x80000000U : sum;
  return magnitude > 0x7F800000U ? x | 0x00400000U : flushed;
}

// Two channels of 16 images as 16 words.
MVSGD_INLINE void pair(const float* even, const float* odd, std::uint32_t* to) {
  Bits low;
  Bits high;
  round(even, low);
  round(odd, high);
  *reinterpret_cast<Bits*>(to) = (low >> 16 & 0xFFFF) | (high & static_cast<std::int32_t>(kUpper));
}

// 16 images of one channel as bfloat16.
MVSGD_INLINE void halve(const float* from, Halves& to) {
  Bits x;
  round(from, x);
  to = __builtin_convertvector(x >> 16 & 0xFFFF, Halves);
}

// Rows and columns of 8 x 8 words change places: words 1 apart, then 2, then 4.
MVSGD_INLINE void transpose(Words* rows) {
  for (int i = 0; i < 8; i += 2) {
    const Words a = rows[i];
    const Words b = rows[i + 1];
    rows[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    rows[i + 1] = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (const int i : {0, 1, 4, 5}) {
    const Words a = rows[i];
    const Words b = rows[i + 2];
    rows[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    rows[i + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 4; ++i) {
    const Words a = rows[i];
    const Words b = rows[i + 4];
    rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// 16 channels of one pixel, of which `count` are there, as [image pair][16 channels].
MVSGD_INLINE void turn_pixel(const float* from, std::int64_t count, std::uint32_t* to) {
  for (std::int64_t half = 0; half < 2; ++half) {
    Words rows[8];
    for (std::int64_t c = 0; c < 8; ++c) {
      const std::int64_t channel = 8 * half + c;
      if (channel < count) {
        Halves images;
        halve(from + channel * kLanes, images);
        std::memcpy(&rows[c], &images, sizeof(Words));
      } else {
        rows[c] = Words{};
      }
    }
    transpose(rows);
    for (std::int64_t images = 0; images < 8; ++images) {
      *reinterpret_cast<Words*>(to + images * kSide + 8 * half) = rows[images];
    }
  }
}

}  // namespace

MVSGD_KERNEL
void pack_source_row(const float* row, const Gather& gather, const Cut& cut, std::uint32_t* to) {
  const std::int64_t channels = gather.channels;
  const std::int64_t words = cut.channel_pairs * kLanes;
  const std::int64_t count = gather.columns.packed(gather.columns.results);
  for (std::int64_t column = 0; column < count; ++column) {
    std::uint32_t* pixel = to + column * words;
    const std::int64_t at = gather.columns.source(column);
    if (at < 0 || at >= gather.columns.extent) {
      std::fill_n(pixel, words, 0U);
      continue;
    }
    const float* from = row + at * channels * kLanes;
    const std::int64_t whole = channels / 2;
    for (std::int64_t p = 0; p < whole; ++p) {
      pair(from + 2 * p * kLanes, from + (2 * p + 1) * kLanes, pixel + p * kLanes);
    }
    std::int64_t packed = whole;
    if (channels % 2 != 0) {
      Bits last;
      round(from + (channels - 1) * kLanes, last);
      *reinterpret_cast<Bits*>(pixel + whole * kLanes) = last >> 16 & 0xFFFF;
      ++packed;
    }
    std::fill(pixel + packed * kLanes, pixel + words, 0U);
  }
}

MVSGD_KERNEL
void pack_weight_tiles(const float* w, const Gather& gather, const Cut& cut, std::int64_t tile,
                       std::uint32_t* to) {
  const std::int64_t row_words = cut.steps * kSide * kSide;
  std::fill_n(to, gather.rows.taps * row_words, 0U);
  const std::int64_t outputs = std::min(kSide, gather.outputs - tile * kSide);
  const float* first = w + tile * kSide * gather.output_stride;
  // Channels outermost and outputs innermost: wherever the weights of one output and channel lie,
  // those of 16 outputs and a few channels stay in the first-level cache until all are taken.
  for (std::int64_t cp = 0; cp < (gather.channels + 1) / 2; ++cp) {
    const float* even = first + 2 * cp * gather.channel_stride;
    const bool has_odd = 2 * cp + 1 < gather.channels;
    for (std::int64_t q = 0; q < gather.columns.taps; ++q) {
      const std::int64_t k = q * cut.channel_pairs + cp;
      std::uint32_t* column = to + k / cut.pairs * kSide * kSide + k % cut.pairs;
      const std::int64_t v = gather.columns.kernel_first + q * gather.columns.kernel_step;
      for (std::int64_t t = 0; t < gather.rows.taps; ++t) {
        const std::int64_t u = gather.rows.kernel_first + t * gather.rows.kernel_step;
        const float* from = even + u * gather.kernel_width + v;
        std::uint32_t* words = column + t * row_words;
        if (has_odd) {
          for (std::int64_t m = 0; m < outputs; ++m) {
            const float* weight = from + m * gather.output_stride;
            words[m * kSide] =
                nearest(weight[0]) >> 16U | (nearest(weight[gather.channel_stride]) & kUpper);
          }
        } else {
          for (std::int64_t m = 0; m < outputs; ++m) {
            words[m * kSide] = nearest(from[m * gather.output_stride]) >> 16U;
          }
        }
      }
    }
  }
}

MVSGD_KERNEL
void pack_result_row(const float* row, const WeightSum& sum, std::uint16_t* to) {
  const std::int64_t outputs = sum.shape.outputs;
  const std::int64_t pixels = sum.pixels();
  const std::int64_t rows = sum.tile().rows;
  for (std::int64_t tile = 0; tile < sum.output_tiles(); ++tile) {
    for (std::int64_t step = 0; step < sum.steps(); ++step) {
      std::uint16_t* factor = to + (tile * sum.steps() + step) * rows * pixels * kLanes;
      for (std::int64_t m = 0; m < rows; ++m) {
        const std::int64_t o = tile * kSide + m;
        for (std::int64_t p = 0; p < pixels; ++p) {
          auto* images = reinterpret_cast<Halves*>(factor + (m * pixels + p) * kLanes);
          if (o < outputs) {
            halve(row + ((step * pixels + p) * outputs + o) * kLanes, *images);
          } else {
            *images = Halves{};
          }
        }
      }
    }
  }
}

MVSGD_KERNEL
void pack_image_row(const float* row, const WeightSum& sum, std::uint32_t* to) {
  constexpr std::int64_t kPixelWords = kLanes / 2 * kSide;
  const ConvolutionShape& shape = sum.shape;
  for (std::int64_t tile = 0; tile < sum.channel_tiles(); ++tile) {
    const std::int64_t count = std::min(kSide, shape.channels - tile * kSide);
    for (std::int64_t phase = 0; phase < sum.phases(); ++phase) {
      for (std::int64_t column = 0; column < sum.phase_columns(); ++column, to += kPixelWords) {
        const std::int64_t at = column * shape.stride + phase - shape.padding;
        if (at < 0 || at >= shape.width) {
          std::fill_n(to, kPixelWords, 0U);
        } else {
          turn_pixel(row + (at * shape.channels + tile * kSide) * kLanes, count, to);
        }
      }
    }
  }
}

}  // namespace mvsgd::nn::lanes
