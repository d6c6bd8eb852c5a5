// The algebra of Winograd's F(4x4, 3x3): 3x3 convolutions with stride and padding 1 by a quarter of
// the products.
//
// In one dimension, by Toom and Cook, four results of three taps on six inputs are
//
//     y = A^T [(G w) o (B^T x)]        o: element by element
//
// where, for the points p_k = 0, a, -a, b, -b and infinity with a = 5/8 and b = 3/2,
//
//     A_ki = p_k^i      G_kj = p_k^j / product over l != k of (p_k - p_l)
//     B^T_kj = the coefficient of p^j in the product over l != k of (p - p_l)
//
// over the finite points. For infinity, A and G have a one in the last column. In two dimensions
// each transform is made along both. An image is cut into tiles of 4x4 results, which 6x6 inputs
// reach:
//
//     forward    y  = A^T [sum over inputs c of U_c o V_c] A     U = G w G^T     V = B^T x B
//     data       the same of dy, with w turned by half a circle, inputs and outputs exchanged
//     weights    dw = G^T [sum over tiles of Z o V] G            Z = A dy A^T
//
// No transform mixes lanes, so none needs a shuffle.
#pragma once

#include <cstdint>

#include "nn/lanes/winograd_shape.hpp"

namespace mvsgd::nn::lanes::winograd {

inline constexpr int kTaps = 3;
inline constexpr int kResults = static_cast<int>(kTile);
inline constexpr int kInputs = 6;  ///< of a tile along a side

// The points, and G's divisors: one for each pair of points, and one for 0.
inline constexpr float kA = 0.625F;
inline constexpr float kB = 1.5F;
inline constexpr float kA2 = kA * kA;
inline constexpr float kB2 = kB * kB;
inline constexpr float kPerZero = 1 / (kA2 * kB2);
inline constexpr float kPerA = 1 / (2 * kA2 * (kA2 - kB2));
inline constexpr float kPerB = 1 / (2 * kB2 * (kB2 - kA2));

// B^T, A, G, A^T and G^T, each applied to one vector of lanes: `to` becomes the matrix times
// `from`.

struct B {
  template <typename V, typename Vec>
  [[gnu::always_inline]] static void of(const Vec* from, Vec* to) {
    const auto c = [](float value) { return V::broadcast(value); };
    to[0] = V::fma(c(kA2 * kB2), from[0], V::fnma(c(kA2 + kB2), from[2], from[4]));
    const Vec even_a = V::fnma(c(kB2), from[2], from[4]);
    const Vec odd_a = V::fnma(c(kB2), from[1], from[3]);
    to[1] = V::fma(c(kA), odd_a, even_a);
    to[2] = V::fnma(c(kA), odd_a, even_a);
    const Vec even_b = V::fnma(c(kA2), from[2], from[4]);
    const Vec odd_b = V::fnma(c(kA2), from[1], from[3]);
    to[3] = V::fma(c(kB), odd_b, even_b);
    to[4] = V::fnma(c(kB), odd_b, even_b);
    to[5] = V::fma(c(kA2 * kB2), from[1], V::fnma(c(kA2 + kB2), from[3], from[5]));
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
    to[2] = V::fnma(c(kA), odd_a, even_a);
    const Vec even_b = V::fma(c(kB2), from[2], from[0]);
    const Vec odd_b = V::fma(c(kB2), from[3], from[1]);
    to[3] = V::fma(c(kB), odd_b, even_b);
    to[4] = V::fnma(c(kB), odd_b, even_b);
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
    to[2] = V::fnma(c(kPerA * kA), from[1], even_a);
    const Vec even_b = c(kPerB) * V::fma(c(kB2), from[2], from[0]);
    to[3] = V::fma(c(kPerB * kB), from[1], even_b);
    to[4] = V::fnma(c(kPerB * kB), from[1], even_b);
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

// Vectors `stride` apart. The compiler is kept from seeing where they begin. It would otherwise
// hold the offset of each in memory, and load it each time.
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

// Transforms a square of From x From vectors to one of To x To. load(column, vectors) gives the
// first column by column; save(row, vectors) takes the second row by row.
template <typename V, typename One, int From, int To, typename Load, typename Save>
[[gnu::always_inline]] inline void along_both(const Load& load, const Save& save) {
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

}  // namespace mvsgd::nn::lanes::winograd
