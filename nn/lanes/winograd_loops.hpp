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

  static std::int64_t packed_floats(std::int64_t outputs, std::int64_t inputs) {
    return kPlaces * P::packed_floats({.outputs = outputs, .terms = 1, .inputs = inputs});
  }

  // Outputs in the lanes: as many as a vector of this instruction set holds, a whole count of
  // packed ones.
  static void pack(std::int64_t outputs, std::int64_t inputs, const float* w,
                   std::int64_t output_stride, std::int64_t input_stride, bool turned,
                   float* packed) {
    const std::int64_t place_stride = packed_floats(outputs, inputs) / kPlaces;
    for (std::int64_t first = 0; first < outputs; first += S::kWidth) {
      const std::int64_t count = std::min<std::int64_t>(S::kWidth, outputs - first);
      for (std::int64_t c = 0; c < inputs; ++c) {
        alignas(64) float taps[kTaps * kTaps][S::kWidth] = {};
        for (std::int64_t o = 0; o < count; ++o) {
          const float* const from = w + (first + o) * output_stride + c * input_stride;
          for (int t = 0; t < kTaps * kTaps; ++t) {
            taps[t][o] = from[turned ? kTaps * kTaps - 1 - t : t];
          }
        }
        const auto load = [&](int down, int across) __attribute__((always_inline)) {
          return S::load(taps[down * kTaps + across]);
        };
        const auto save = [&](int place, typename S::Vec value) __attribute__((always_inline)) {
          alignas(64) float lanes[S::kWidth];
          S::store(lanes, value);
          float* to =
              packed + place * place_stride + (first / P::kOutputs * inputs + c) * P::kOutputs;
          for (std::int64_t o = 0; o < count; o += P::kOutputs, to += inputs * P::kOutputs) {
            for (int l = 0; l < P::kOutputs; ++l) to[l] = lanes[o + l];
          }
        };
        along_both<S, G, kTaps, kInputs>(load, save);
      }
    }
  }

  static void convolve(const Activation& x_shape, const float* x, const float* packed,
                       const Activation& y_shape, float* y, float* scratch, Range tiles) {
    const std::int64_t chunk = chunk_of(x_shape.channels, y_shape.channels, tiles);
    const std::int64_t v_place = place_stride(chunk, x_shape.channels);
    const std::int64_t m_place = place_stride(chunk, y_shape.channels);
    float* const v = scratch;
    float* const m = scratch + kPlaces * v_place;
    for (std::int64_t first = tiles.begin; first < tiles.end; first += chunk) {
      const std::int64_t count = std::min(chunk, tiles.end - first);
      for (std::int64_t t = 0; t < count; ++t) {
        const Corner corner(x_shape, first + t);
        const float* const block = x + corner.block * x_shape.block_stride();
        for (std::int64_t c = 0; c < x_shape.channels; ++c) {
          for (std::int64_t part = 0; part < kLanes; part += S::kWidth) {
            float* const to = v + (t * x_shape.channels + c) * kLanes + part;
            const auto save = [&](int place, typename S::Vec value) __attribute__((always_inline)) {
              S::store(to + place * v_place, value);
            };
            transform_tile<S, B, kInputs, 1>(x_shape, corner, block + c * kLanes + part, save);
          }
        }
      }
      multiply(x_shape.channels, y_shape.channels, count, packed, v, v_place, m, m_place);
      for (std::int64_t t = 0; t < count; ++t) {
        const Corner corner(y_shape, first + t);
        float* const block = y + corner.block * y_shape.block_stride();
        for (std::int64_t o = 0; o < y_shape.channels; ++o) {
          for (std::int64_t part = 0; part < kLanes; part += S::kWidth) {
            results(y_shape, corner, m + (t * y_shape.channels + o) * kLanes + part, m_place,
                    block + o * kLanes + part);
          }
        }
      }
    }
  }

  static void arguments(const Activation& x_shape, const float* x, const Activation& y_shape,
                        const float* dy, Range chunk, Range share, float* v, float* z) {
    const std::int64_t count = chunk.end - chunk.begin;
    const std::int64_t all = padded(x_shape.channels);
    const std::int64_t v_place = place_stride(count, all);
    const std::int64_t z_place = place_stride(count, y_shape.channels);
    for (std::int64_t tile = share.begin; tile < share.end; ++tile) {
      const Corner corner(x_shape, tile);
      const std::int64_t t = tile - chunk.begin;
      const float* const from = x + corner.block * x_shape.block_stride();
      float* const to = v + t * kLanes * all;
      std::int64_t c = 0;
      for (; c + S::kWidth <= all; c += S::kWidth) {
        transposed_inputs<S>(x_shape, corner, from, c, to, v_place);
      }
      if constexpr (isa == Isa::avx512) {
        if (c < all) transposed_inputs<Simd<Isa::avx2>>(x_shape, corner, from, c, to, v_place);
      }
      const float* const gradient = dy + corner.block * y_shape.block_stride();
      for (std::int64_t o = 0; o < y_shape.channels; ++o) {
        for (std::int64_t part = 0; part < kLanes; part += S::kWidth) {
          float* const z_of = z + (t * y_shape.channels + o) * kLanes + part;
          const auto save = [&](int place, typename S::Vec value) __attribute__((always_inline)) {
            S::store(z_of + place * z_place, value);
          };
          transform_tile<S, A, kResults, 0>(y_shape, corner, gradient + o * kLanes + part, save);
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
      float* const d_of = d + place * outputs * all;
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
        const auto load = [&](int down, int across) __attribute__((always_inline)) {
          return V::load(d + ((down * kInputs + across) * outputs + o) * all + c);
        };
        const auto save = [&](int tap, typename V::Vec value) __attribute__((always_inline)) {
          V::store(taps[tap], value);
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

  // Transforms a square of From x From vectors, load(row, column), to one of To x To, which it
  // hands to save(index, vector).
  template <typename V, typename One, int From, int To, typename Load, typename Save>
  [[gnu::always_inline]] static void along_both(const Load& load, const Save& save) {
    using Vec = typename V::Vec;
    Vec middle[To][From];
    for (int column = 0; column < From; ++column) {
      Vec from[From];
      for (int row = 0; row < From; ++row) from[row] = load(row, column);
      Vec to[To];
      One::template of<V>(from, to);
      for (int row = 0; row < To; ++row) middle[row][column] = to[row];
    }
    for (int row = 0; row < To; ++row) {
      Vec to[To];
      One::template of<V>(middle[row], to);
      for (int column = 0; column < To; ++column) save(row * To + column, to[column]);
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

  // The square of Side x Side vectors, `Before` rows and columns before the tile's results, zero
  // outside the plane.
  template <typename V, typename One, int Side, int Before, typename Save>
  [[gnu::always_inline]] static void transform_tile(const Activation& shape, const Corner& corner,
                                                    const float* x, const Save& save) {
    const std::int64_t top = corner.top - Before;
    const std::int64_t left = corner.left - Before;
    const std::int64_t row_stride = shape.width * shape.pixel_stride();
    const float* const from = x + top * row_stride + left * shape.pixel_stride();
    if (top >= 0 && left >= 0 && top + Side <= shape.height && left + Side <= shape.width) {
      const auto load = [&](int row, int column) __attribute__((always_inline)) {
        return V::load(from + row * row_stride + column * shape.pixel_stride());
      };
      along_both<V, One, Side, kInputs>(load, save);
    } else {
      const auto load = [&](int row, int column) __attribute__((always_inline)) {
        const bool inside = top + row >= 0 && top + row < shape.height && left + column >= 0 &&
                            left + column < shape.width;
        return inside ? V::load(from + row * row_stride + column * shape.pixel_stride())
                      : typename V::Vec{};
      };
      along_both<V, One, Side, kInputs>(load, save);
    }
  }

  // Channels c to c + V's width of a tile, [16 images][padded(C)] at each place.
  template <typename V>
  [[gnu::always_inline]] static void transposed_inputs(const Activation& shape,
                                                       const Corner& corner, const float* x,
                                                       std::int64_t c, float* to,
                                                       std::int64_t v_place) {
    const std::int64_t all = padded(shape.channels);
    for (std::int64_t part = 0; part < kLanes; part += V::kWidth) {
      typename V::Vec transformed[kPlaces][V::kWidth] = {};
      for (int i = 0; i < V::kWidth && c + i < shape.channels; ++i) {
        const auto save = [&](int place, typename V::Vec value) __attribute__((always_inline)) {
          transformed[place][i] = value;
        };
        transform_tile<V, B, kInputs, 1>(shape, corner, x + (c + i) * kLanes + part, save);
      }
      for (int place = 0; place < kPlaces; ++place) {
        V::transpose(transformed[place]);
        for (int i = 0; i < V::kWidth; ++i) {
          V::store(to + place * v_place + (part + i) * all + c, transformed[place][i]);
        }
      }
    }
  }

  static void multiply(std::int64_t inputs, std::int64_t outputs, std::int64_t tiles,
                       const float* packed, const float* v, std::int64_t v_place, float* m,
                       std::int64_t m_place) {
    const PackedShape shape{.outputs = outputs, .terms = 1, .inputs = inputs};
    const std::int64_t u_place = P::packed_floats(shape);
    const Tap only;
    const std::int64_t end = tiles * S::kParts;
    for (std::int64_t place = 0; place < kPlaces; ++place) {
      for (std::int64_t first = 0; first < end; first += kColumns) {
        const int count = static_cast<int>(std::min<std::int64_t>(kColumns, end - first));
        const float* from[kColumns];
        float* to[kColumns];
        for (int column = 0; column < count; ++column) {
          const std::int64_t tile = (first + column) / S::kParts;
          const std::int64_t part = (first + column) % S::kParts * S::kWidth;
          from[column] = v + place * v_place + tile * inputs * kLanes + part;
          to[column] = m + place * m_place + tile * outputs * kLanes + part;
        }
        P::columns(count, shape, packed + place * u_place, {&only, 1}, from, to);
      }
    }
  }

  // y = A^T m A of one tile and channel.
  [[gnu::always_inline]] static void results(const Activation& shape, const Corner& corner,
                                             const float* m, std::int64_t m_place, float* y) {
    const auto load = [&](int row, int column) __attribute__((always_inline)) {
      return S::load(m + (row * kInputs + column) * m_place);
    };
    float* const to = y + (corner.top * shape.width + corner.left) * shape.pixel_stride();
    const bool whole = corner.top + kTile <= shape.height && corner.left + kTile <= shape.width;
    const auto save = [&](int index, typename S::Vec value) __attribute__((always_inline)) {
      const std::int64_t row = index / kResults;
      const std::int64_t column = index % kResults;
      if (whole || (corner.top + row < shape.height && corner.left + column < shape.width)) {
        S::store(to + (row * shape.width + column) * shape.pixel_stride(), value);
      }
    };
    along_both<S, At, kInputs, kResults>(load, save);
  }
};

}  // namespace mvsgd::nn::lanes
