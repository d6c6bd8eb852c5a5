// Winograd's F(4x4, 3x3) with images in the lanes, for one instruction set: 3x3 convolutions with
// stride and padding 1 by a quarter of the products.
//
// By Toom and Cook: in one dimension four results of three taps on six inputs are
//
//     y = A^T [(G w) o (B^T x)]        o: element by element
//
// where, for the points p_k = 0, a, -a, b, -b and infinity with a = 5/8 and b = 3/2,
//
//     A_ki = p_k^i      G_kj = p_k^j / product over l != k of (p_k - p_l)
//     B^T_kj = the coefficient of p^j in the product over l != k of (p - p_l)
//
// over the finite points; of infinity A and G have a one in the last column. In two dimensions each
// transform is made along both. An image is cut into tiles of 4x4 results, which 6x6 inputs reach:
//
//     forward    y  = A^T [sum over inputs c of U_c o V_c] A     U = G w G^T     V = B^T x B
//     data       the same of dy, with w turned by half a circle, inputs and outputs exchanged
//     weights    dw = G^T [sum over tiles of Z o V] G            Z = A dy A^T
//
// No transform mixes lanes, so that none needs a shuffle.
#pragma once

#include <cstddef>

#include "nn/lanes/products.hpp"

namespace mvsgd::nn::lanes {

template <Isa isa>
struct WinogradLoops {
  using S = Simd<isa>;
  using P = Product<isa>;
  // The vector for what there are nine taps of.
  using Half = Simd<isa == Isa::avx512 ? Isa::avx2 : isa>;

  static std::int64_t packed_floats(std::int64_t outputs, std::int64_t inputs) {
    return kPlaces * packed_place(outputs, inputs);
  }

  // Outputs in the lanes.
  static void pack(std::int64_t outputs, std::int64_t inputs, const float* w,
                   std::int64_t output_stride, std::int64_t input_stride, bool turned,
                   float* packed) {
    for (std::int64_t first = 0; first < outputs; first += Half::kWidth) {
      const std::int64_t count = std::min<std::int64_t>(Half::kWidth, outputs - first);
      for (std::int64_t c = 0; c < inputs; ++c) {
        const float* const from = w + first * output_stride + c * input_stride;
        float* const to = packed + (first / P::kOutputs * inputs + c) * P::kOutputs;
        turned ? pack_part<true>(inputs, count, from, output_stride, outputs, to)
               : pack_part<false>(inputs, count, from, output_stride, outputs, to);
      }
    }
  }

  static std::int64_t scratch_floats(std::int64_t inputs, std::int64_t outputs) {
    const std::int64_t chunk = columns_of(inputs + outputs);
    return kPlaces * (column_place(chunk, inputs) + column_place(chunk, outputs));
  }

  static void convolve(const Activation& x_shape, const float* x, const float* packed,
                       const Activation& y_shape, float* y, const float* zeros, float* scratch,
                       Range tiles) {
    const std::int64_t chunk = columns_of(x_shape.channels + y_shape.channels);
    const std::int64_t v_place = column_place(chunk, x_shape.channels);
    const std::int64_t m_place = column_place(chunk, y_shape.channels);
    float* const v = scratch;
    float* const m = scratch + kPlaces * v_place;
    const std::int64_t end = tiles.end * S::kParts;
    for (std::int64_t first = tiles.begin * S::kParts; first < end; first += chunk) {
      const std::int64_t count = std::min(chunk, end - first);
      for (std::int64_t column = 0; column < count; ++column) {
        const Square<kInputs, 1> square(x_shape, Corner(x_shape, (first + column) / S::kParts), x,
                                        zeros);
        const std::int64_t part = (first + column) % S::kParts * S::kWidth;
        float* const to = v + column * x_shape.channels * S::kWidth;
        for (std::int64_t c = 0; c < x_shape.channels; ++c) {
          const auto save = [&](int row, const typename S::Vec* values)
              __attribute__((always_inline)) {
            LineOut<S>{to + row * kInputs * v_place + c * S::kWidth, v_place}
                .template store<kInputs>(values);
          };
          transform_tile<S, B>(square, c * kLanes + part, save);
        }
      }
      multiply(x_shape.channels, y_shape.channels, count, packed, v, v_place, m, m_place);
      for (std::int64_t column = 0; column < count; ++column) {
        const Corner corner(y_shape, (first + column) / S::kParts);
        float* const to =
            y + corner.block * y_shape.block_stride() + (first + column) % S::kParts * S::kWidth;
        for (std::int64_t o = 0; o < y_shape.channels; ++o) {
          results(y_shape, corner, m + (column * y_shape.channels + o) * S::kWidth, m_place,
                  to + o * kLanes);
        }
      }
    }
  }

  static void arguments(const Activation& x_shape, const float* x, const Activation& y_shape,
                        const float* dy, const float* zeros, Range chunk, Range share, float* v,
                        float* z) {
    const std::int64_t count = chunk.end - chunk.begin;
    const std::int64_t all = padded(x_shape.channels);
    const std::int64_t v_place = place_stride(count, all);
    const std::int64_t z_place = place_stride(count, y_shape.channels);
    for (std::int64_t tile = share.begin; tile < share.end; ++tile) {
      const Corner corner(x_shape, tile);
      const Square<kInputs, 1> square(x_shape, corner, x, zeros);
      const std::int64_t t = tile - chunk.begin;
      float* const to = v + t * kLanes * all;
      std::int64_t c = 0;
      for (; c + S::kWidth <= all; c += S::kWidth) {
        transposed_inputs<S>(square, x_shape.channels, c, to, v_place);
      }
      if constexpr (isa == Isa::avx512) {
        if (c < all) transposed_inputs<Simd<Isa::avx2>>(square, x_shape.channels, c, to, v_place);
      }
      const Square<kResults, 0> gradient(y_shape, corner, dy, zeros);
      for (std::int64_t o = 0; o < y_shape.channels; ++o) {
        for (std::int64_t part = 0; part < kLanes; part += S::kWidth) {
          float* const z_of = z + (t * y_shape.channels + o) * kLanes + part;
          const auto save = [&](int row, const typename S::Vec* values)
              __attribute__((always_inline)) {
            LineOut<S>{z_of + row * kInputs * z_place, z_place}.template store<kInputs>(values);
          };
          transform_tile<S, A>(gradient, o * kLanes + part, save);
        }
      }
    }
  }

  static void multiply_over_images(std::int64_t outputs, std::int64_t inputs, std::int64_t chunk,
                                   const float* v, const float* z, float* d, Range places) {
    const std::int64_t all = padded(inputs);
    for (std::int64_t place = places.begin; place < places.end; ++place) {
      const float* const v_of = v + place * place_stride(chunk, all);
      const float* const z_of = z + place * place_stride(chunk, outputs);
      float* const d_of = d + place * sum_stride(outputs, inputs);
      for_each_vectors<isa>(
          inputs, [&]<typename V, int Vectors>(std::int64_t c) __attribute__((always_inline)) {
            const auto at = [&](std::int64_t t) __attribute__((always_inline)) {
              return v_of + t * kLanes * all + c;
            };
            ProductOverImages<V>::template outputs<Vectors>(
                {0, outputs}, chunk, z_of, outputs * kLanes, at, all, d_of + c, all);
          });
    }
  }

  static void gradients(std::int64_t outputs, std::int64_t inputs, const float* d, bool add,
                        float* dw, Range outputs_of) {
    using V = Simd<isa == Isa::avx512 ? Isa::avx2 : isa>;
    const std::int64_t all = padded(inputs);
    for (std::int64_t o = outputs_of.begin; o < outputs_of.end; ++o) {
      for (std::int64_t c = 0; c < inputs; c += V::kWidth) {
        alignas(64) float taps[kTaps * kTaps][V::kWidth];
        const std::int64_t place = sum_stride(outputs, inputs);
        const auto load = [&](int column, typename V::Vec* values) __attribute__((always_inline)) {
          Line<V>{d + column * place + o * all + c, kInputs * place}.template load<kInputs>(values);
        };
        const auto save = [&](int row, const typename V::Vec* values)
            __attribute__((always_inline)) {
          for (int t = 0; t < kTaps; ++t) V::store(taps[row * kTaps + t], values[t]);
        };
        along_both<V, Gt, kInputs, kTaps>(load, save);
        const std::int64_t count = std::min<std::int64_t>(V::kWidth, inputs - c);
        float* const to = dw + (o * inputs + c) * kTaps * kTaps;
        for (std::int64_t i = 0; i < count; ++i) {
          for (int t = 0; t < kTaps * kTaps; ++t) {
            float& sum = to[i * kTaps * kTaps + t];
            sum = add ? sum + taps[t][i] : taps[t][i];
          }
        }
      }
    }
  }

 private:
  static constexpr int kTaps = 3;
  static constexpr int kResults = static_cast<int>(kTile);
  static constexpr int kInputs = 6;
  // Floats more for each place, which keep the same element of all places from one set of the
  // cache.
  static constexpr std::int64_t kApart = 16;

  // Floats of U at one place.
  static std::int64_t packed_place(std::int64_t outputs, std::int64_t inputs) {
    return P::packed_floats({.outputs = outputs, .terms = 1, .inputs = inputs}) + kApart;
  }

  // Columns (vectors of images of a tile) that are transformed and multiplied at once: what stays
  // in the second-level cache, but enough to make it worth reading U.
  static std::int64_t columns_of(std::int64_t channels) {
    const std::int64_t bytes = kPlaces * channels * S::kWidth * std::int64_t{sizeof(float)};
    return std::max<std::int64_t>(2, (256 << 10) / bytes / kColumns) * kColumns;
  }
  static std::int64_t column_place(std::int64_t columns, std::int64_t channels) {
    return columns * channels * S::kWidth + kApart;
  }

  // The points, and for each pair of them, and 0, what G divides by.
  static constexpr float kA = 0.625F;
  static constexpr float kB = 1.5F;
  static constexpr float kA2 = kA * kA;
  static constexpr float kB2 = kB * kB;
  static constexpr float kPerZero = 1 / (kA2 * kB2);
  static constexpr float kPerA = 1 / (2 * kA2 * (kA2 - kB2));
  static constexpr float kPerB = 1 / (2 * kB2 * (kB2 - kA2));

  // B^T, A, G, A^T and G^T of one vector of lanes each: `to` is what the name says of `from`.

  struct B {
    template <typename V, typename Vec>
    [[gnu::always_inline]] static void of(const Vec* from, Vec* to) {
      const auto c = [](float value) { return V::broadcast(value); };
      to[0] = V::fma(c(kA2 * kB2), from[0], V::fma(c(-(kA2 + kB2)), from[2], from[4]));
      const Vec even_a = V::fma(c(-kB2), from[2], from[4]);
      const Vec odd_a = V::fma(c(-kB2), from[1], from[3]);
      to[1] = V::fma(c(kA), odd_a, even_a);
      to[2] = V::fma(c(-kA), odd_a, even_a);
      const Vec even_b = V::fma(c(-kA2), from[2], from[4]);
      const Vec odd_b = V::fma(c(-kA2), from[1], from[3]);
      to[3] = V::fma(c(kB), odd_b, even_b);
      to[4] = V::fma(c(-kB), odd_b, even_b);
      to[5] = V::fma(c(kA2 * kB2), from[1], V::fma(c(-(kA2 + kB2)), from[3], from[5]));
    }
  };
  struct A {
    template <typename V, typename Vec>
    [[gnu::always_inline]] static void of(const Vec* from, Vec* to) {
      const auto c = [](float value) { return V::broadcast(value); };
      to[0] = from[0];
      const Vec even_a = V::fma(c(kA2), from[2], from[0]);
      const Vec odd_a = V::fma(c(kA2), from[3], from[1]);
      to[1] = V::fma(c(kA), odd_a, even_a);
      to[2] = V::fma(c(-kA), odd_a, even_a);
      const Vec even_b = V::fma(c(kB2), from[2], from[0]);
      const Vec odd_b = V::fma(c(kB2), from[3], from[1]);
      to[3] = V::fma(c(kB), odd_b, even_b);
      to[4] = V::fma(c(-kB), odd_b, even_b);
      to[5] = from[3];
    }
  };
  struct G {
    template <typename V, typename Vec>
    [[gnu::always_inline]] static void of(const Vec* from, Vec* to) {
      const auto c = [](float value) { return V::broadcast(value); };
      to[0] = c(kPerZero) * from[0];
      const Vec even_a = c(kPerA) * V::fma(c(kA2), from[2], from[0]);
      to[1] = V::fma(c(kPerA * kA), from[1], even_a);
      to[2] = V::fma(c(-kPerA * kA), from[1], even_a);
      const Vec even_b = c(kPerB) * V::fma(c(kB2), from[2], from[0]);
      to[3] = V::fma(c(kPerB * kB), from[1], even_b);
      to[4] = V::fma(c(-kPerB * kB), from[1], even_b);
      to[5] = from[2];
    }
  };
  struct At {
    template <typename V, typename Vec>
    [[gnu::always_inline]] static void of(const Vec* from, Vec* to) {
      const auto c = [](float value) { return V::broadcast(value); };
      const Vec sum_a = from[1] + from[2];
      const Vec difference_a = from[1] - from[2];
      const Vec sum_b = from[3] + from[4];
      const Vec difference_b = from[3] - from[4];
      to[0] = from[0] + sum_a + sum_b;
      to[1] = V::fma(c(kA), difference_a, c(kB) * difference_b);
      to[2] = V::fma(c(kA2), sum_a, c(kB2) * sum_b);
      to[3] = V::fma(c(kA2 * kA), difference_a, V::fma(c(kB2 * kB), difference_b, from[5]));
    }
  };
  struct Gt {
    template <typename V, typename Vec>
    [[gnu::always_inline]] static void of(const Vec* from, Vec* to) {
      const auto c = [](float value) { return V::broadcast(value); };
      const Vec sum_a = c(kPerA) * (from[1] + from[2]);
      const Vec sum_b = c(kPerB) * (from[3] + from[4]);
      to[0] = V::fma(c(kPerZero), from[0], sum_a + sum_b);
      to[1] = V::fma(c(kPerA * kA), from[1] - from[2], c(kPerB * kB) * (from[3] - from[4]));
      to[2] = V::fma(c(kA2), sum_a, V::fma(c(kB2), sum_b, from[5]));
    }
  };

  // Vectors `stride` apart. The compiler is kept from seeing where they begin: it would otherwise
  // hold each one's offset in memory, and load it for every one.
  template <typename V>
  struct Line {
    const float* first;
    std::int64_t stride;
    template <int Count>
    [[gnu::always_inline]] void load(typename V::Vec* to) const {
      const float* x = first;
      asm("" : "+r"(x));
      for (int i = 0; i < Count; ++i) to[i] = V::load(x + i * stride);
    }
  };
  template <typename V>
  struct LineOut {
    float* first;
    std::int64_t stride;
    template <int Count>
    [[gnu::always_inline]] void store(const typename V::Vec* from) const {
      float* x = first;
      asm("" : "+r"(x));
      for (int i = 0; i < Count; ++i) V::store(x + i * stride, from[i]);
    }
  };

  // Transforms a square of From x From vectors, given column by column to load(column, vectors), to
  // one of To x To, which it hands row by row to save(row, vectors).
  template <typename V, typename One, int From, int To, typename Load, typename Save>
  [[gnu::always_inline]] static void along_both(const Load& load, const Save& save) {
    using Vec = typename V::Vec;
    Vec middle[To][From];
    for (int column = 0; column < From; ++column) {
      Vec from[From];
      load(column, from);
      Vec to[To];
      One::template of<V>(from, to);
      for (int row = 0; row < To; ++row) middle[row][column] = to[row];
    }
    for (int row = 0; row < To; ++row) {
      Vec to[To];
      One::template of<V>(middle[row], to);
      save(row, to);
    }
  }

  // Where the results of a tile begin, tiles being counted through all blocks, row by row.
  struct Corner {
    std::int64_t block;
    std::int64_t top;
    std::int64_t left;
    Corner(const Activation& shape, std::int64_t tile)
        : block(tile / tiles_of(shape)),
          top(tile % tiles_of(shape) / tiles_across(shape) * kTile),
          left(tile % tiles_across(shape) * kTile) {}
  };

  // The square of Side x Side pixels, `Before` rows and columns before a tile's results: where
  // they stand, `zeros` where they are outside of the plane.
  template <int Side, int Before>
  struct Square {
    const float* pixels[Side * Side];
    std::int64_t row_stride;
    std::int64_t pixel_stride;
    bool inside;

    Square(const Activation& shape, const Corner& corner, const float* x, const float* zeros)
        : row_stride(shape.width * shape.pixel_stride()), pixel_stride(shape.pixel_stride()) {
      const std::int64_t top = corner.top - Before;
      const std::int64_t left = corner.left - Before;
      const float* const first =
          x + corner.block * shape.block_stride() + top * row_stride + left * pixel_stride;
      pixels[0] = first;
      inside = top >= 0 && left >= 0 && top + Side <= shape.height && left + Side <= shape.width;
      if (inside) return;
      for (int row = 0; row < Side; ++row) {
        for (int column = 0; column < Side; ++column) {
          const bool here = top + row >= 0 && top + row < shape.height && left + column >= 0 &&
                            left + column < shape.width;
          pixels[row * Side + column] =
              here ? first + row * row_stride + column * pixel_stride : zeros;
        }
      }
    }
  };

  // Of the vectors `at` floats behind the pixels.
  template <typename V, typename One, int Side, int Before, typename Save>
  [[gnu::always_inline]] static void transform_tile(const Square<Side, Before>& square,
                                                    std::int64_t at, const Save& save) {
    if (square.inside) {
      const float* const from = square.pixels[0] + at;
      const auto load = [&](int column, typename V::Vec* values) __attribute__((always_inline)) {
        Line<V>{from + column * square.pixel_stride, square.row_stride}.template load<Side>(values);
      };
      along_both<V, One, Side, kInputs>(load, save);
    } else {
      const auto load = [&](int column, typename V::Vec* values) __attribute__((always_inline)) {
        for (int row = 0; row < Side; ++row) {
          values[row] = V::load(square.pixels[row * Side + column] + at);
        }
      };
      along_both<V, One, Side, kInputs>(load, save);
    }
  }

  // Channels c to c + V's width of a tile, [16 images][padded(C)] at each place.
  template <typename V>
  [[gnu::always_inline]] static void transposed_inputs(const Square<kInputs, 1>& square,
                                                       std::int64_t channels, std::int64_t c,
                                                       float* to, std::int64_t v_place) {
    const std::int64_t all = padded(channels);
    for (std::int64_t part = 0; part < kLanes; part += V::kWidth) {
      typename V::Vec transformed[kPlaces][V::kWidth];
      for (int i = 0; i < V::kWidth; ++i) {
        if (c + i >= channels) {
          for (int place = 0; place < kPlaces; ++place) transformed[place][i] = typename V::Vec{};
          continue;
        }
        const auto save = [&](int row, const typename V::Vec* values)
            __attribute__((always_inline)) {
          for (int k = 0; k < kInputs; ++k) transformed[row * kInputs + k][i] = values[k];
        };
        transform_tile<V, B>(square, (c + i) * kLanes + part, save);
      }
      for (int place = 0; place < kPlaces; ++place) {
        V::transpose(transformed[place]);
        for (int i = 0; i < V::kWidth; ++i) {
          V::store(to + place * v_place + (part + i) * all + c, transformed[place][i]);
        }
      }
    }
  }

  static void multiply(std::int64_t inputs, std::int64_t outputs, std::int64_t columns,
                       const float* packed, const float* v, std::int64_t v_place, float* m,
                       std::int64_t m_place) {
    const PackedShape shape{.outputs = outputs, .terms = 1, .inputs = inputs};
    const std::int64_t u_place = packed_place(outputs, inputs);
    const Tap only;
    for (std::int64_t place = 0; place < kPlaces; ++place) {
      for (std::int64_t first = 0; first < columns; first += kColumns) {
        const int count = static_cast<int>(std::min<std::int64_t>(kColumns, columns - first));
        const float* from[kColumns];
        float* to[kColumns];
        for (int column = 0; column < count; ++column) {
          from[column] = v + place * v_place + (first + column) * inputs * S::kWidth;
          to[column] = m + place * m_place + (first + column) * outputs * S::kWidth;
        }
        P::template columns<S::kWidth>(count, shape, packed + place * u_place, {&only, 1}, from,
                                       to);
      }
    }
  }

  // U of one input and `count` outputs, each `stride` from the one before.
  template <bool Turned>
  [[gnu::always_inline]] static void pack_part(std::int64_t inputs, std::int64_t count,
                                               const float* w, std::int64_t stride,
                                               std::int64_t outputs, float* to) {
    constexpr int kAll = kTaps * kTaps;
    constexpr int kWidth = Half::kWidth;
    typename Half::Vec taps[kAll];
    for (int first = 0; first + kWidth <= kAll; first += kWidth) {
      typename Half::Vec rows[kWidth] = {};
      for (int o = 0; o < kWidth; ++o) {
        if (o < count) rows[o] = Half::load(w + o * stride + first);
      }
      Half::transpose(rows);
      for (int t = 0; t < kWidth; ++t) taps[first + t] = rows[t];
    }
    typename Half::Vec last{};
    for (int o = 0; o < kWidth; ++o) last[o] = o < count ? w[o * stride + kAll - 1] : 0.0F;
    taps[kAll - 1] = last;
    const std::int64_t place_stride = packed_place(outputs, inputs);
    const auto load = [&](int across, typename Half::Vec* values) __attribute__((always_inline)) {
      for (int down = 0; down < kTaps; ++down) {
        const int tap = down * kTaps + across;
        values[down] = taps[Turned ? kAll - 1 - tap : tap];
      }
    };
    const auto save = [&](int row, const typename Half::Vec* values)
        __attribute__((always_inline)) {
      for (int o = 0; o < kWidth; o += P::kOutputs) {
        if (o >= count) break;
        float* first = to + row * kInputs * place_stride + o * inputs;
        asm("" : "+r"(first));
        for (int k = 0; k < kInputs; ++k) {
          __builtin_memcpy(first + k * place_stride, reinterpret_cast<const float*>(&values[k]) + o,
                           P::kOutputs * sizeof(float));
        }
      }
    };
    along_both<Half, G, kTaps, kInputs>(load, save);
  }

  // y = A^T m A of one tile and channel.
  [[gnu::always_inline]] static void results(const Activation& shape, const Corner& corner,
                                             const float* m, std::int64_t m_place, float* y) {
    const auto load = [&](int column, typename S::Vec* values) __attribute__((always_inline)) {
      Line<S>{m + column * m_place, kInputs * m_place}.template load<kInputs>(values);
    };
    const std::int64_t row_stride = shape.width * shape.pixel_stride();
    float* const to = y + corner.top * row_stride + corner.left * shape.pixel_stride();
    if (corner.top + kTile <= shape.height && corner.left + kTile <= shape.width) {
      const auto save = [&](int row, const typename S::Vec* values) __attribute__((always_inline)) {
        LineOut<S>{to + row * row_stride, shape.pixel_stride()}.template store<kResults>(values);
      };
      return along_both<S, At, kInputs, kResults>(load, save);
    }
    const auto save = [&](int row, const typename S::Vec* values) __attribute__((always_inline)) {
      for (int column = 0; column < kResults; ++column) {
        if (corner.top + row >= shape.height || corner.left + column >= shape.width) continue;
        S::store(to + row * row_stride + column * shape.pixel_stride(), values[column]);
      }
    };
    along_both<S, At, kInputs, kResults>(load, save);
  }
};

}  // namespace mvsgd::nn::lanes
