#include "nn/lanes/bf16_pack.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

// Each function is compiled for several instruction sets, and the processor's best is taken when
// the program starts. All compute with integers.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define MVSGD_KERNEL [[gnu::target_clones("avx2", "default")]]
#else
#define MVSGD_KERNEL
#endif
#define MVSGD_INLINE [[gnu::always_inline]] inline

namespace mvsgd::nn::lanes {
namespace {

constexpr std::int64_t kSide = kTileSide;
// Channel pairs in a vector, one a word.
constexpr std::int64_t kPairs = 8;

// Vectors of 32 bytes, the width of AVX2; memory is slower than they are. Only local variables have
// these types, since their calling convention depends on the instruction set. Pointers stand for
// references to them, of which clang takes the vector's own alignment for granted.
using Words __attribute__((vector_size(32), may_alias, aligned(4))) = std::int32_t;
using Floats __attribute__((vector_size(32), may_alias, aligned(4))) = float;
using Eight __attribute__((vector_size(16), may_alias, aligned(2))) = std::uint16_t;
using Halves __attribute__((vector_size(32), may_alias, aligned(2))) = std::uint16_t;

constexpr auto kSign = static_cast<std::int32_t>(0x80000000);
constexpr auto kUpper = static_cast<std::int32_t>(0xFFFF0000);

// nearest_bf16() of 8 numbers in the upper halves of `to`; the lower halves are left as they come.
MVSGD_INLINE void round(const float* from, Words* to) {
  const Words x = *reinterpret_cast<const Words*>(from);
  const Words magnitude = x & 0x7FFFFFFF;
  const Words nearest = x + 0x7FFF + ((x >> 16) & 1);
  const Words flushed = magnitude < 0x00800000 ? x & kSign : nearest;
  *to = magnitude > 0x7F800000 ? x | 0x00400000 : flushed;
}

// Pairs 8 numbers with 8 others, as words. Without `odd`, zeros take its place.
MVSGD_INLINE void pair(const float* even, const float* odd, Words* to) {
  Words low;
  Words high{};
  round(even, &low);
  if (odd != nullptr) round(odd, &high);
  *to = (low >> 16 & 0xFFFF) | (high & kUpper);
}

MVSGD_INLINE void widen(const std::uint16_t* from, Words* to) {
  *to = __builtin_convertvector(*reinterpret_cast<const Eight*>(from), Words);
}
MVSGD_INLINE void pair(const std::uint16_t* even, const std::uint16_t* odd, Words* to) {
  Words high{};
  widen(even, to);
  if (odd != nullptr) widen(odd, &high);
  *to |= high << 16;
}

// Packs two channels of 16 images.
template <typename Source>
MVSGD_INLINE void pair_images(const Source* even, const Source* odd, std::uint32_t* to) {
  Words* words = reinterpret_cast<Words*>(to);
  pair(even, odd, &words[0]);
  pair(even + 8, odd != nullptr ? odd + 8 : nullptr, &words[1]);
}

// Packs 16 images of one channel as bfloat16.
MVSGD_INLINE void halve(const float* from, Halves* to) {
  Words low;
  Words high;
  round(from, &low);
  round(from + 8, &high);
  *to = __builtin_shufflevector(*reinterpret_cast<const Halves*>(&low),
                                *reinterpret_cast<const Halves*>(&high), 1, 3, 5, 7, 9, 11, 13, 15,
                                17, 19, 21, 23, 25, 27, 29, 31);
}
MVSGD_INLINE void halve(const std::uint16_t* from, Halves* to) {
  *to = *reinterpret_cast<const Halves*>(from);
}

// Transposes 8 x 8 words: exchanges words 1 apart, then 2, then 4.
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

// The weights of up to 16 channels at `count` places, as words [place][8 pairs]. Pairs past the
// channels are zero.
MVSGD_INLINE void pair_kernels(const float* from, std::int64_t channel_stride,
                               std::int64_t channels, std::int64_t count, std::uint32_t* to) {
  std::int64_t place = 0;
  for (; place + 8 <= count; place += 8) {
    Words rows[kPairs];
    for (std::int64_t i = 0; i < kPairs; ++i) {
      const float* even = from + 2 * i * channel_stride + place;
      rows[i] = Words{};
      if (2 * i < channels) {
        pair(even, 2 * i + 1 < channels ? even + channel_stride : nullptr, &rows[i]);
      }
    }
    transpose(rows);
    for (std::int64_t i = 0; i < 8; ++i) {
      *reinterpret_cast<Words*>(to + (place + i) * kPairs) = rows[i];
    }
  }
  for (; place < count; ++place) {
    float even[kPairs] = {};
    float odd[kPairs] = {};
    for (std::int64_t i = 0; i < channels; i += 2) even[i / 2] = from[i * channel_stride + place];
    for (std::int64_t i = 1; i < channels; i += 2) odd[i / 2] = from[i * channel_stride + place];
    Words row;
    pair(even, odd, &row);
    *reinterpret_cast<Words*>(to + place * kPairs) = row;
  }
}

// Neither `auto` nor a template keeps a type's alignment, so the type of the stored value is
// spelled out.
MVSGD_INLINE void store(const Floats* x, Into into, float* to) {
  if (into == Into::add) {
    *reinterpret_cast<Floats*>(to) += *x;
  } else {
    *reinterpret_cast<Floats*>(to) = *x;
  }
}

// 16 channels of one pixel, of which `count` exist, as [image pair][16 channels].
template <typename Source>
MVSGD_INLINE void turn_pixel(const Source* from, std::int64_t count, std::uint32_t* to) {
  for (std::int64_t half = 0; half < 2; ++half) {
    Words rows[8];
    for (std::int64_t c = 0; c < 8; ++c) {
      const std::int64_t channel = 8 * half + c;
      if (channel < count) {
        Halves images;
        halve(from + channel * kLanes, &images);
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

template <typename Source>
MVSGD_INLINE void pack_source_row_of(const Source* row, const Gather& gather, const Cut& cut,
                                     std::uint32_t* to) {
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
    const Source* from = row + at * channels * kLanes;
    const std::int64_t whole = channels / 2;
    for (std::int64_t p = 0; p < whole; ++p) {
      pair_images(from + 2 * p * kLanes, from + (2 * p + 1) * kLanes, pixel + p * kLanes);
    }
    if (channels % 2 != 0) {
      pair_images<Source>(from + (channels - 1) * kLanes, nullptr, pixel + whole * kLanes);
    }
    std::fill(pixel + (channels + 1) / 2 * kLanes, pixel + words, 0U);
  }
}

// Both go through a row in the order of memory. The other order skips most of each page, which
// stops the processor's prefetching.
template <typename Source>
MVSGD_INLINE void pack_result_row_of(const Source* row, const WeightSum& sum, std::uint16_t* to) {
  const std::int64_t outputs = sum.shape.outputs;
  const std::int64_t pixels = sum.pixels();
  const std::int64_t rows = sum.tile().rows;
  for (std::int64_t step = 0; step < sum.steps(); ++step) {
    for (std::int64_t p = 0; p < pixels; ++p) {
      const Source* from = row + (step * pixels + p) * outputs * kLanes;
      for (std::int64_t tile = 0; tile < sum.output_tiles(); ++tile) {
        std::uint16_t* factor = to + ((tile * sum.steps() + step) * rows * pixels + p) * kLanes;
        const std::int64_t count = std::min(rows, outputs - tile * kSide);
        for (std::int64_t m = 0; m < rows; ++m, factor += pixels * kLanes) {
          if (m < count) {
            halve(from, reinterpret_cast<Halves*>(factor));
            from += kLanes;
          } else {
            *reinterpret_cast<Halves*>(factor) = Halves{};
          }
        }
      }
    }
  }
}

template <typename Source>
MVSGD_INLINE void pack_image_row_of(const Source* row, const WeightSum& sum, std::uint32_t* to) {
  constexpr std::int64_t kPixelWords = kLanes / 2 * kSide;
  const ConvolutionShape& shape = sum.shape;
  const std::int64_t columns = sum.phase_columns();
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t phase = 0; phase < sum.phases(); ++phase) {
      const std::int64_t at = column * shape.stride + phase - shape.padding;
      for (std::int64_t tile = 0; tile < sum.channel_tiles(); ++tile) {
        const std::int64_t count = std::min(kSide, shape.channels - tile * kSide);
        std::uint32_t* pixel =
            to + ((tile * sum.phases() + phase) * columns + column) * kPixelWords;
        if (at < 0 || at >= shape.width) {
          std::fill_n(pixel, kPixelWords, 0U);
        } else {
          turn_pixel(row + (at * shape.channels + tile * kSide) * kLanes, count, pixel);
        }
      }
    }
  }
}

}  // namespace

MVSGD_KERNEL
void pack_source_row(const float* row, const Gather& gather, const Cut& cut, std::uint32_t* to) {
  pack_source_row_of(row, gather, cut, to);
}

MVSGD_KERNEL
void pack_source_row(const std::uint16_t* row, const Gather& gather, const Cut& cut,
                     std::uint32_t* to) {
  pack_source_row_of(row, gather, cut, to);
}

MVSGD_KERNEL
void pack_result_row(const float* row, const WeightSum& sum, std::uint16_t* to) {
  pack_result_row_of(row, sum, to);
}

MVSGD_KERNEL
void pack_result_row(const std::uint16_t* row, const WeightSum& sum, std::uint16_t* to) {
  pack_result_row_of(row, sum, to);
}

MVSGD_KERNEL
void pack_image_row(const float* row, const WeightSum& sum, std::uint32_t* to) {
  pack_image_row_of(row, sum, to);
}

MVSGD_KERNEL
void pack_image_row(const std::uint16_t* row, const WeightSum& sum, std::uint32_t* to) {
  pack_image_row_of(row, sum, to);
}

MVSGD_KERNEL
void pack_weight_tiles(const float* w, const Gather& gather, const Cut& cut, std::int64_t tile,
                       std::uint32_t* to) {
  const std::int64_t row_words = cut.steps * kSide * kSide;
  std::fill_n(to, gather.rows.taps * row_words, 0U);
  const std::int64_t outputs = std::min(kSide, gather.outputs - tile * kSide);
  // The kernel place of each tap, in order.
  std::vector<std::int64_t> places;
  for (std::int64_t t = 0; t < gather.rows.taps; ++t) {
    for (std::int64_t q = 0; q < gather.columns.taps; ++q) {
      const std::int64_t u = gather.rows.kernel_first + t * gather.rows.kernel_step;
      const std::int64_t v = gather.columns.kernel_first + q * gather.columns.kernel_step;
      places.push_back(u * gather.kernel_width + v);
    }
  }
  const auto taps = static_cast<std::int64_t>(places.size());
  // 8 pairs of channels at a few places go through a buffer, [output][place][pair]: tiles lie a
  // power of two apart, and so they are written in runs.
  constexpr std::int64_t kPlacesAtOnce = 16;
  std::array<std::uint32_t, static_cast<std::size_t>(kSide * kPlacesAtOnce * kPairs)> buffer;
  const std::int64_t all_pairs = (gather.channels + 1) / 2;
  for (std::int64_t least = 0; least < gather.kernel_places; least += kPlacesAtOnce) {
    const std::int64_t count = std::min(kPlacesAtOnce, gather.kernel_places - least);
    for (std::int64_t cp = 0; cp < all_pairs; cp += kPairs) {
      const std::int64_t channels = std::min(2 * kPairs, gather.channels - 2 * cp);
      for (std::int64_t m = 0; m < outputs; ++m) {
        const float* from =
            w + (tile * kSide + m) * gather.output_stride + 2 * cp * gather.channel_stride + least;
        pair_kernels(from, gather.channel_stride, channels, count,
                     buffer.data() + m * count * kPairs);
      }
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const std::int64_t place = places[static_cast<std::size_t>(tap)] - least;
        if (place < 0 || place >= count) continue;
        const std::int64_t t = tap / gather.columns.taps;
        const std::int64_t first = tap % gather.columns.taps * cut.channel_pairs + cp;
        const std::int64_t last = first + (channels + 1) / 2;
        // Runs within a product.
        for (std::int64_t k = first; k < last;) {
          const std::int64_t run = std::min(last - k, cut.pairs - k % cut.pairs);
          std::uint32_t* rows = to + t * row_words + k / cut.pairs * kSide * kSide + k % cut.pairs;
          const std::uint32_t* from = buffer.data() + place * kPairs + (k - first);
          for (std::int64_t m = 0; m < outputs; ++m, from += count * kPairs, rows += kSide) {
            if (run == kPairs) {
              std::memcpy(rows, from, sizeof(Words));
            } else {
              std::copy_n(from, run, rows);
            }
          }
          k += run;
        }
      }
    }
  }
}

MVSGD_KERNEL
void spread_sums(const float* tiles, const WeightSum& sum, std::int64_t o, float* dw, Into into) {
  const ConvolutionShape& shape = sum.shape;
  const std::int64_t width = shape.kernel_width;
  const std::int64_t count = shape.kernel_height * width;
  const std::int64_t row_tiles = sum.channel_tiles() * width;
  const float* rows =
      tiles + ((o / kSide * shape.kernel_height * row_tiles) * kSide + o % kSide) * kSide;
  // The row of a tile for one place, 16 channels.
  const auto place_row = [&](std::int64_t tile, std::int64_t place) {
    return rows + (place / width * row_tiles + tile * width + place % width) * kSide * kSide;
  };
  for (std::int64_t c = 0; c < shape.channels; c += 8) {
    const std::int64_t channels = std::min<std::int64_t>(8, shape.channels - c);
    float* to = dw + (o * shape.channels + c) * count;
    std::int64_t place = 0;
    for (; channels == 8 && place + 8 <= count; place += 8) {
      Words turned[8];
      for (std::int64_t i = 0; i < 8; ++i) {
        turned[i] = *reinterpret_cast<const Words*>(place_row(c / kSide, place + i) + c % kSide);
      }
      transpose(turned);
      for (std::int64_t i = 0; i < 8; ++i) {
        store(reinterpret_cast<const Floats*>(&turned[i]), into, to + i * count + place);
      }
    }
    for (; place < count; ++place) {
      const float* more = place_row(c / kSide, place) + c % kSide;
      for (std::int64_t i = 0; i < channels; ++i) {
        float& weight = to[i * count + place];
        weight = into == Into::add ? weight + more[i] : more[i];
      }
    }
  }
}

}  // namespace mvsgd::nn::lanes
