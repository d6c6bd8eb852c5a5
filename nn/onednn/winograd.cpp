#include "nn/onednn/winograd.hpp"

#include <algorithm>

#include "nn/onednn/lanes.hpp"

// Compiled for AVX-512, for its speed, and for a baseline of every processor, with the same bits.
#if defined(__x86_64__) && defined(__gnu_linux__)
#define MVSGD_KERNEL [[gnu::target_clones("avx512f", "default")]]
#else
#define MVSGD_KERNEL
#endif
#define MVSGD_INLINE [[gnu::always_inline]] inline
#define MVSGD_STEP __attribute__((always_inline))

namespace mvsgd::nn::winograd {
namespace {

using kernels::Vec;
using kernels::vector;

constexpr int kInputs = 6;   // of a tile along a side
constexpr int kResults = 4;  // kTile
constexpr int kTaps = 3;

// The points, and G's divisors: one for each pair of points, and one for 0.
constexpr float kA = 0.625F;
constexpr float kB = 1.5F;
constexpr float kA2 = kA * kA;
constexpr float kB2 = kB * kB;
constexpr float kPerZero = 1 / (kA2 * kB2);
constexpr float kPerA = 1 / (2 * kA2 * (kA2 - kB2));
constexpr float kPerB = 1 / (2 * kB2 * (kB2 - kA2));

// B^T, A, G, A^T and G^T, each applied to one vector of lanes: `to` becomes the matrix times
// `from`.

MVSGD_INLINE void b_transposed(const Vec* from, Vec* to) {
  to[0] = kA2 * kB2 * from[0] - (kA2 + kB2) * from[2] + from[4];
  const Vec even_a = from[4] - kB2 * from[2];
  const Vec odd_a = kA * (from[3] - kB2 * from[1]);
  to[1] = even_a + odd_a;
  to[2] = even_a - odd_a;
  const Vec even_b = from[4] - kA2 * from[2];
  const Vec odd_b = kB * (from[3] - kA2 * from[1]);
  to[3] = even_b + odd_b;
  to[4] = even_b - odd_b;
  to[5] = kA2 * kB2 * from[1] - (kA2 + kB2) * from[3] + from[5];
}

MVSGD_INLINE void a(const Vec* from, Vec* to) {
  to[0] = from[0];
  const Vec even_a = from[0] + kA2 * from[2];
  const Vec odd_a = kA * (from[1] + kA2 * from[3]);
  to[1] = even_a + odd_a;
  to[2] = even_a - odd_a;
  const Vec even_b = from[0] + kB2 * from[2];
  const Vec odd_b = kB * (from[1] + kB2 * from[3]);
  to[3] = even_b + odd_b;
  to[4] = even_b - odd_b;
  to[5] = from[3];
}

MVSGD_INLINE void g(const Vec* from, Vec* to) {
  to[0] = kPerZero * from[0];
  const Vec even_a = kPerA * (from[0] + kA2 * from[2]);
  const Vec odd_a = kPerA * kA * from[1];
  to[1] = even_a + odd_a;
  to[2] = even_a - odd_a;
  const Vec even_b = kPerB * (from[0] + kB2 * from[2]);
  const Vec odd_b = kPerB * kB * from[1];
  to[3] = even_b + odd_b;
  to[4] = even_b - odd_b;
  to[5] = from[2];
}

MVSGD_INLINE void a_transposed(const Vec* from, Vec* to) {
  const Vec sum_a = from[1] + from[2];
  const Vec difference_a = kA * (from[1] - from[2]);
  const Vec sum_b = from[3] + from[4];
  const Vec difference_b = kB * (from[3] - from[4]);
  to[0] = from[0] + sum_a + sum_b;
  to[1] = difference_a + difference_b;
  to[2] = kA2 * sum_a + kB2 * sum_b;
  to[3] = kA2 * difference_a + kB2 * difference_b + from[5];
}

MVSGD_INLINE void g_transposed(const Vec* from, Vec* to) {
  const Vec sum_a = kPerA * (from[1] + from[2]);
  const Vec sum_b = kPerB * (from[3] + from[4]);
  to[0] = kPerZero * from[0] + sum_a + sum_b;
  to[1] = kPerA * kA * (from[1] - from[2]) + kPerB * kB * (from[3] - from[4]);
  to[2] = kA2 * sum_a + kB2 * sum_b + from[5];
}

using Transform = void(const Vec* from, Vec* to);

// Transforms a square of From x From vectors, load(row, column), to one of To x To, which goes to
// save(index, vector).
template <Transform One, int From, int To, typename Load, typename Save>
MVSGD_INLINE void along_both(const Load& load, const Save& save) {
  Vec middle[To][From];
  for (int column = 0; column < From; ++column) {
    Vec from[From];
    for (int row = 0; row < From; ++row) from[row] = *load(row, column);
    Vec to[To];
    One(from, to);
    for (int row = 0; row < To; ++row) middle[row][column] = to[row];
  }
  for (int row = 0; row < To; ++row) {
    Vec to[To];
    One(middle[row], to);
    for (int column = 0; column < To; ++column) save(row * To + column, &to[column]);
  }
}

// Calls f(tile, image and block's first element, top, left); the tile's first result is at (top,
// left).
template <typename F>
MVSGD_INLINE void for_each_tile(const Activation& shape, std::int64_t block, Tiles tiles,
                                const F& f) {
  const std::int64_t plane = shape.height * shape.width * kLanes;
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const std::int64_t image = (tiles.first + t) / shape.tiles();
    const std::int64_t tile = (tiles.first + t) % shape.tiles();
    f(t, (image * shape.blocks + block) * plane, tile / shape.across() * kTile,
      tile % shape.across() * kTile);
  }
}

// Prefetches what the tile below will read and this one does not. The processor's own prefetching
// stops at the end of each page, and a page is a few rows of an image. It saves a seventh of the
// time at 64 channels.
MVSGD_INLINE void ask_for_rows(const Activation& shape, const float* plane, std::int64_t top,
                               std::int64_t left) {
  for (std::int64_t i = top; i < top + kTile; ++i) {
    for (std::int64_t j = left; j < left + kTile; ++j) {
      __builtin_prefetch(plane + (i * shape.width + j) * kLanes, 0, 2);
    }
  }
}

// Puts squares of Side x Side to their places. A square begins `Before` rows and columns before the
// tile's results and is zero outside the image.
template <Transform One, int Side, std::int64_t Before>
MVSGD_INLINE void transform_tiles(const Activation& shape, std::int64_t block, Tiles tiles,
                                  const float* x, const Places& places) {
  const Vec zero{};
  for_each_tile(
      shape, block, tiles,
      [&](std::int64_t t, std::int64_t plane, std::int64_t top, std::int64_t left) MVSGD_STEP {
        ask_for_rows(shape, x + plane, top - Before + Side, left);
        const auto load = [&](int row, int column) MVSGD_STEP -> const Vec* {
          const std::int64_t i = top - Before + row;
          const std::int64_t j = left - Before + column;
          const bool inside = i >= 0 && i < shape.height && j >= 0 && j < shape.width;
          return inside ? vector(x + plane + (i * shape.width + j) * kLanes) : &zero;
        };
        float* const to = places.at(0, block) + t * kLanes;
        const auto save = [&](int place, const Vec* value)
                              MVSGD_STEP { *vector(to + place * places.place_stride()) = *value; };
        along_both<One, Side, kInputs>(load, save);
      });
}

template <bool Turned>
MVSGD_INLINE void transform_weights_of(const float* w, const Places& u, std::int64_t to,
                                       std::int64_t row) {
  constexpr int kAll = kTaps * kTaps;
  Vec taps[kAll][kLanes];
  for (int tap = 0; tap < kAll; ++tap) {
    const Vec* from = vector(w) + (Turned ? kAll - 1 - tap : tap) * kLanes;
    for (int i = 0; i < kLanes; ++i) taps[tap][i] = from[i];
    if constexpr (Turned) kernels::transpose(taps[tap]);
  }
  for (int i = 0; i < kLanes; ++i) {
    float* const input = u.at(0, to) + (row + i) * kLanes;
    const auto load = [&](int down, int across)
                          MVSGD_STEP -> const Vec* { return &taps[down * kTaps + across][i]; };
    const auto save = [&](int place, const Vec* value)
                          MVSGD_STEP { *vector(input + place * u.place_stride()) = *value; };
    along_both<g, kTaps, kInputs>(load, save);
  }
}

// sum += a * b, rounded once. It is one instruction where the processor has it; elsewhere the bits
// are the same. The loop writes to a copy, since at -O3 GCC 12 does not vectorise it if it writes
// to `sum`.
MVSGD_INLINE void fma(const Vec* a, const Vec* b, Vec* sum) {
  Vec result;
  for (int l = 0; l < kLanes; ++l) result[l] = __builtin_fmaf((*a)[l], (*b)[l], (*sum)[l]);
  *sum = result;
}

// The sums of a few rows and blocks of a matrix product, in registers. 8 x 2 sums hide the latency
// of a multiplication, and each two vectors loaded are used 8 times.
constexpr int kRows = 8;

template <int Rows, int Blocks>
struct Sums {
  Vec of[Rows][Blocks];

  // of[r][b] += sum over i in [0, count) of a[r * RowStride + i * Step] b[b][i], in order.
  template <std::int64_t RowStride, std::int64_t Step>
  MVSGD_INLINE void add(std::int64_t count, const float* a, const float* b,
                        std::int64_t block_stride) {
#pragma GCC unroll 4
    for (std::int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int block = 0; block < Blocks; ++block) {
          const Vec factor = a[r * RowStride + i * Step] - Vec{};
          fma(&factor, vector(b + block * block_stride + i * kLanes), &of[r][block]);
        }
      }
    }
  }

  // Calls f(sum, its element) for each sum, for rows and blocks from `x` on.
  template <typename F>
  MVSGD_INLINE void for_each(float* x, std::int64_t block_stride, const F& f) {
    for (int r = 0; r < Rows; ++r) {
      for (int block = 0; block < Blocks; ++block) {
        f(&of[r][block], vector(x + block * block_stride + r * kLanes));
      }
    }
  }
};

template <int Rows, int Blocks>
MVSGD_INLINE void multiply_rows(const float* v, std::int64_t inputs, std::int64_t v_stride,
                                const float* u, std::int64_t u_stride, float* m,
                                std::int64_t m_stride) {
  Sums<Rows, Blocks> sums{};
  for (std::int64_t c = 0; c < inputs; ++c) {
    sums.template add<kLanes, 1>(kLanes, v + c * v_stride, u + c * kLanes * kLanes, u_stride);
  }
  sums.for_each(m, m_stride, [](const Vec* sum, Vec* to) MVSGD_STEP { *to = *sum; });
}

template <int Blocks>
MVSGD_INLINE void multiply_blocks(std::int64_t tiles, std::int64_t inputs, const float* v,
                                  std::int64_t v_stride, const float* u, std::int64_t u_stride,
                                  float* m, std::int64_t m_stride) {
  std::int64_t t = 0;
  for (; t + kRows <= tiles; t += kRows) {
    multiply_rows<kRows, Blocks>(v + t * kLanes, inputs, v_stride, u, u_stride, m + t * kLanes,
                                 m_stride);
  }
  for (; t < tiles; ++t) {
    multiply_rows<1, Blocks>(v + t * kLanes, inputs, v_stride, u, u_stride, m + t * kLanes,
                             m_stride);
  }
}

template <int Blocks>
MVSGD_INLINE void multiply_blocks_over_tiles(std::int64_t tiles, std::int64_t inputs,
                                             const float* v, std::int64_t v_stride, const float* z,
                                             std::int64_t z_stride, bool add, float* d,
                                             std::int64_t d_stride) {
  for (std::int64_t c = 0; c < inputs * kLanes; c += kRows) {
    float* const to = d + c * kLanes;
    Sums<kRows, Blocks> sums{};
    if (add) {
      sums.for_each(to, d_stride, [](Vec* sum, const Vec* from) MVSGD_STEP { *sum = *from; });
    }
    sums.template add<1, kLanes>(tiles, v + c / kLanes * v_stride + c % kLanes, z, z_stride);
    sums.for_each(to, d_stride, [](const Vec* sum, Vec* from) MVSGD_STEP { *from = *sum; });
  }
}

}  // namespace

MVSGD_KERNEL void transform_inputs(const Activation& shape, std::int64_t block, Tiles tiles,
                                   const float* x, const Places& v) {
  transform_tiles<b_transposed, kInputs, 1>(shape, block, tiles, x, v);
}

MVSGD_KERNEL void transform_gradients(const Activation& shape, std::int64_t block, Tiles tiles,
                                      const float* dy, const Places& z) {
  transform_tiles<a, kResults, 0>(shape, block, tiles, dy, z);
}

MVSGD_KERNEL void transform_results(const Activation& shape, std::int64_t block, Tiles tiles,
                                    const Places& m, std::int64_t from, float* y) {
  for_each_tile(shape, block, tiles,
                [&](std::int64_t t, std::int64_t plane, std::int64_t top, std::int64_t left)
                    MVSGD_STEP {
                      const float* const places = m.at(0, from) + t * kLanes;
                      float* const to = y + plane + (top * shape.width + left) * kLanes;
                      const std::int64_t rows = std::min(kTile, shape.height - top);
                      const std::int64_t columns = std::min(kTile, shape.width - left);
                      const auto load = [&](int row, int column) MVSGD_STEP -> const Vec* {
                        return vector(places + (row * kInputs + column) * m.place_stride());
                      };
                      const auto save = [&](int index, const Vec* value) MVSGD_STEP {
                        const std::int64_t i = index / kTile;
                        const std::int64_t j = index % kTile;
                        if (i < rows && j < columns)
                          *vector(to + (i * shape.width + j) * kLanes) = *value;
                      };
                      along_both<a_transposed, kInputs, kResults>(load, save);
                    });
}

MVSGD_KERNEL void transform_weights(const float* w, const Places& u, std::int64_t to,
                                    std::int64_t row) {
  transform_weights_of<false>(w, u, to, row);
}

MVSGD_KERNEL void transform_turned_weights(const float* w, const Places& u, std::int64_t to,
                                           std::int64_t row) {
  transform_weights_of<true>(w, u, to, row);
}

MVSGD_KERNEL void transform_weight_gradients(const Places& d, std::int64_t from, std::int64_t row,
                                             Into into, float* dw) {
  for (int i = 0; i < kLanes; ++i) {
    const float* const input = d.at(0, from) + (row + i) * kLanes;
    const auto load = [&](int down, int across) MVSGD_STEP -> const Vec* {
      return vector(input + (down * kInputs + across) * d.place_stride());
    };
    const auto save = [&](int tap, const Vec* value) MVSGD_STEP {
      Vec* const to = vector(dw + (tap * kLanes + i) * kLanes);
      *to = into == Into::add ? *to + *value : *value;
    };
    along_both<g_transposed, kInputs, kTaps>(load, save);
  }
}

MVSGD_KERNEL void multiply(std::int64_t place, std::int64_t tiles, const Places& v, const Places& u,
                           std::int64_t first, const Places& m) {
  const auto blocks = [&]<int Blocks>(std::int64_t o) MVSGD_STEP {
    multiply_blocks<Blocks>(tiles, v.blocks, v.at(place, 0), v.block_stride(),
                            u.at(place, first + o), u.block_stride(), m.at(place, o),
                            m.block_stride());
  };
  std::int64_t o = 0;
  for (; o + 2 <= m.blocks; o += 2) blocks.template operator()<2>(o);
  if (o < m.blocks) blocks.template operator()<1>(o);
}

MVSGD_KERNEL void multiply_over_tiles(std::int64_t place, std::int64_t tiles, const Places& v,
                                      const Places& z, std::int64_t first, bool add,
                                      const Places& d) {
  const auto blocks = [&]<int Blocks>(std::int64_t o) MVSGD_STEP {
    multiply_blocks_over_tiles<Blocks>(tiles, v.blocks, v.at(place, 0), v.block_stride(),
                                       z.at(place, first + o), z.block_stride(), add,
                                       d.at(place, o), d.block_stride());
  };
  std::int64_t o = 0;
  for (; o + 2 <= d.blocks; o += 2) blocks.template operator()<2>(o);
  if (o < d.blocks) blocks.template operator()<1>(o);
}

}  // namespace mvsgd::nn::winograd
