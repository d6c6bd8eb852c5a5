#include "nn/onednn/winograd_convolution.hpp"

#include <algorithm>
#include <initializer_list>

#include "nn/onednn/winograd.hpp"

namespace mvsgd::nn {
namespace {

using winograd::Activation;
using winograd::kLanes;
using winograd::kPlaces;
using winograd::Places;
using winograd::Tiles;

// This many tiles go through all transforms before the next ones do. Their data stay in the caches.
// The transformed weights do not all fit there; they are read once for all these tiles.
constexpr std::int64_t kChunk = 64;
// Blocks of outputs that are multiplied and transformed together.
constexpr std::int64_t kGroup = 2;

// The most floats of transformed weights, or of sums for their gradients, that are kept from chunk
// to chunk: 4 MiB. More than that comes back from memory more slowly than it is made again.
constexpr std::int64_t kKept = std::int64_t{1} << 20;

constexpr std::int64_t kSquare = kLanes * kLanes;
constexpr std::int64_t kTaps = 9;

void lay_out(Library& library, std::initializer_list<Places*> all) {
  std::int64_t size = 0;
  for (const Places* places : all) size += places->floats();
  float* data = library.scratch(size);
  for (Places* places : all) {
    places->data = data;
    data += places->floats();
  }
}

// Calls f(chunk) for all tiles, in order.
template <typename F>
void for_each_chunk(std::int64_t tiles, F f) {
  for (std::int64_t first = 0; first < tiles; first += kChunk) {
    f(Tiles{.first = first, .count = std::min(kChunk, tiles - first)});
  }
}

// Calls f(first, blocks) for all groups of blocks.
template <typename F>
void for_each_group(std::int64_t blocks, std::int64_t group, F f) {
  for (std::int64_t first = 0; first < blocks; first += group) {
    f(first, std::min(group, blocks - first));
  }
}

// Whether data with a square of these blocks at each place are kept for all chunks.
bool keeps(std::int64_t tiles, const Activation& from, const Activation& to) {
  return tiles > kChunk && kPlaces * from.blocks * to.blocks * kSquare <= kKept;
}

// Calls f(i) for i in [0, count), which the threads share.
template <typename F>
void in_parallel(const Library& library, std::int64_t count, F f) {
  library.in_parallel(count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i);
  });
}

// Calls f(row, column) for a matrix of blocks.
template <typename F>
void for_each_square(const Library& library, std::int64_t rows, std::int64_t columns, F f) {
  in_parallel(library, rows * columns, [&](std::int64_t i) { f(i / columns, i % columns); });
}

// y from x. w_block(output block, input block) gives the address of the weights between the two,
// and `transform` makes U of them.
template <typename Weights, typename Transform>
void convolve(Library& library, std::int64_t images, const Activation& from, const float* x,
              const Activation& to, float* y, Weights w_block, Transform transform) {
  const std::int64_t tiles = images * from.tiles();
  const std::int64_t rows = std::min(kChunk, tiles);
  const bool all_at_once = keeps(tiles, from, to);
  Places v{.blocks = from.blocks, .rows = rows};
  Places u{.blocks = all_at_once ? to.blocks : kGroup, .rows = from.blocks * kLanes};
  Places m{.blocks = kGroup, .rows = rows};
  lay_out(library, {&v, &u, &m});
  const auto transform_weights = [&](std::int64_t first, std::int64_t blocks) {
    for_each_square(library, blocks, from.blocks, [&](std::int64_t output, std::int64_t input) {
      transform(w_block(first + output, input), u, output, input * kLanes);
    });
  };
  if (all_at_once) transform_weights(0, to.blocks);
  for_each_chunk(tiles, [&](Tiles chunk) {
    in_parallel(library, from.blocks,
                [&](std::int64_t b) { transform_inputs(from, b, chunk, x, v); });
    for_each_group(to.blocks, kGroup, [&](std::int64_t first, std::int64_t blocks) {
      if (!all_at_once) transform_weights(first, blocks);
      Places sums = m;
      sums.blocks = blocks;
      in_parallel(library, kPlaces, [&](std::int64_t place) {
        multiply(place, chunk.count, v, u, all_at_once ? first : 0, sums);
      });
      in_parallel(library, blocks,
                  [&](std::int64_t b) { transform_results(to, first + b, chunk, sums, b, y); });
    });
  });
}

}  // namespace

void WinogradConvolution::forward(Library& library, const float* x, const float* w,
                                  float* y) const {
  const Activation from{.blocks = inputs / kLanes, .height = height, .width = width};
  const Activation to{.blocks = outputs / kLanes, .height = height, .width = width};
  convolve(
      library, images, from, x, to, y,
      [&](std::int64_t output, std::int64_t input) {
        return w + (output * from.blocks + input) * kTaps * kSquare;
      },
      winograd::transform_weights);
}

void WinogradConvolution::backward_data(Library& library, const float* dy, const float* w,
                                        float* dx) const {
  const Activation from{.blocks = outputs / kLanes, .height = height, .width = width};
  const Activation to{.blocks = inputs / kLanes, .height = height, .width = width};
  convolve(
      library, images, from, dy, to, dx,
      [&](std::int64_t output, std::int64_t input) {
        return w + (input * to.blocks + output) * kTaps * kSquare;
      },
      winograd::transform_turned_weights);
}

void WinogradConvolution::backward_weights(Library& library, const float* x, const float* dy,
                                           float* dw) const {
  const Activation from{.blocks = inputs / kLanes, .height = height, .width = width};
  const Activation to{.blocks = outputs / kLanes, .height = height, .width = width};
  const std::int64_t tiles = images * from.tiles();
  const std::int64_t rows = std::min(kChunk, tiles);
  const bool all_at_once = keeps(tiles, from, to);
  Places v{.blocks = from.blocks, .rows = rows};
  Places z{.blocks = to.blocks, .rows = rows};
  Places d{.blocks = all_at_once ? to.blocks : kGroup, .rows = inputs};
  lay_out(library, {&v, &z, &d});
  for_each_chunk(tiles, [&](Tiles chunk) {
    in_parallel(library, from.blocks,
                [&](std::int64_t b) { transform_inputs(from, b, chunk, x, v); });
    in_parallel(library, to.blocks,
                [&](std::int64_t b) { transform_gradients(to, b, chunk, dy, z); });
    const bool later = chunk.first > 0;
    const bool last = chunk.first + chunk.count == tiles;
    for_each_group(to.blocks, d.blocks, [&](std::int64_t first, std::int64_t blocks) {
      Places sums = d;
      sums.blocks = blocks;
      in_parallel(library, kPlaces, [&](std::int64_t place) {
        multiply_over_tiles(place, chunk.count, v, z, first, all_at_once && later, sums);
      });
      if (all_at_once && !last) return;
      const Into into = later && !all_at_once ? Into::add : Into::overwrite;
      for_each_square(library, blocks, from.blocks, [&](std::int64_t output, std::int64_t input) {
        transform_weight_gradients(sums, output, input * kLanes, into,
                                   dw + ((first + output) * from.blocks + input) * kTaps * kSquare);
      });
    });
  });
}

}  // namespace mvsgd::nn
