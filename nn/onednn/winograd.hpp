// Winograd's F(4x4, 3x3), the kernels: 3x3 convolutions with stride and padding 1 by a quarter of
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
// At each of the 36 places of a tile the sums are a matrix product, and nearly all the time is
// spent there.
#pragma once

#include <cstdint>

#include "nn/backend.hpp"

namespace mvsgd::nn::winograd {

inline constexpr std::int64_t kLanes = 16;
inline constexpr std::int64_t kTile = 4;     ///< results along a side
inline constexpr std::int64_t kPlaces = 36;  ///< products of a tile

/// An activation [images][blocks][height][width][16 channels] and its tiles, image by image, row by
/// row. The last ones of a row or a column may reach past the edge.
struct Activation {
  std::int64_t blocks = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  [[nodiscard]] std::int64_t across() const { return (width + kTile - 1) / kTile; }
  [[nodiscard]] std::int64_t down() const { return (height + kTile - 1) / kTile; }
  [[nodiscard]] std::int64_t tiles() const { return across() * down(); }  ///< of an image
};

/// Consecutive tiles.
struct Tiles {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// Transformed values [36 places][blocks][rows][16 lanes], a row being a tile or an input channel.
/// Another 64 bytes for each place keep the same element of all places from falling into one set of
/// the cache.
struct Places {
  std::int64_t blocks = 0;
  std::int64_t rows = 0;
  float* data = nullptr;

  [[nodiscard]] std::int64_t block_stride() const { return rows * kLanes; }
  [[nodiscard]] std::int64_t place_stride() const { return (blocks * rows + 1) * kLanes; }
  [[nodiscard]] std::int64_t floats() const { return kPlaces * place_stride(); }
  [[nodiscard]] float* at(std::int64_t place, std::int64_t block) const {
    return data + place * place_stride() + block * block_stride();
  }
};

// `tiles` are rows 0, 1, ... of v, z and m. `block` is the block of channels in the activation.

/// V for a block of inputs.
void transform_inputs(const Activation& shape, std::int64_t block, Tiles tiles, const float* x,
                      const Places& v);
/// Z for a block of outputs.
void transform_gradients(const Activation& shape, std::int64_t block, Tiles tiles, const float* dy,
                         const Places& z);
/// y for a block of outputs, which is block `from` of m.
void transform_results(const Activation& shape, std::int64_t block, Tiles tiles, const Places& m,
                       std::int64_t from, float* y);

/// U for 16 inputs and 16 outputs: rows `row` to row + 15 of block `to`. `w` has them as
/// [9 taps][16 inputs][16 outputs].
void transform_weights(const float* w, const Places& u, std::int64_t to, std::int64_t row);
/// The same for the data's gradient: `w` is turned, and is [9 taps][16 outputs][16 inputs].
void transform_turned_weights(const float* w, const Places& u, std::int64_t to, std::int64_t row);
/// dw [9 taps][16 inputs][16 outputs] from rows `row` to row + 15 of block `from`.
void transform_weight_gradients(const Places& d, std::int64_t from, std::int64_t row, Into into,
                                float* dw);

/// m[o][t] = sum over inputs c of v[c][t] u[o][c], in order, at one place. For each block of m,
/// from as many blocks of u, from `first` on.
void multiply(std::int64_t place, std::int64_t tiles, const Places& v, const Places& u,
              std::int64_t first, const Places& m);
/// d[o][c] = (or += if `add`) the sum over tiles t of v[c][t] z[o][t], in order, at one place. For
/// each block of d, from as many blocks of z, from `first` on.
void multiply_over_tiles(std::int64_t place, std::int64_t tiles, const Places& v, const Places& z,
                         std::int64_t first, bool add, const Places& d);

}  // namespace mvsgd::nn::winograd
