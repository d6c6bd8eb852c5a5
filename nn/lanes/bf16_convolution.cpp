#include "nn/lanes/bf16_convolution.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "nn/backend_error.hpp"
#include "nn/lanes/bf16_kernels.hpp"
#include "nn/lanes/bf16_pack.hpp"

namespace mvsgd::nn::lanes {
namespace {

// The most bytes for a band's packed arguments. They share a second-level cache of 2 MiB with the
// weights and with the results under way.
constexpr std::int64_t kBandBytes = std::int64_t{5} << 18;
// Configuring the unit takes as long as 11 products.
constexpr std::int64_t kShareProducts = 512;

TileFunctions functions_of(Bf16Engine engine) {
  const std::string why = objection(engine);
  if (!why.empty()) {
    throw UnavailableError("bfloat16 convolutions by " + std::string(name(engine)) + ": " + why);
  }
  switch (engine) {
#if defined(__x86_64__) && defined(__linux__)
    case Bf16Engine::amx:
      return tile_functions<AmxUnit<AmxInstructions>>();
#endif
    case Bf16Engine::fma:
      return tile_functions<FmaUnit>();
    default:
      return tile_functions<ModelUnit>();
  }
}

std::int64_t quotient_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The number of image blocks of a band, and of result rows of each.
struct BandExtents {
  std::int64_t slots = 1;
  std::int64_t rows = 1;
};

// For packed rows of `row_bytes` and result rows of `result_bytes`.
BandExtents extents_of(const Axis& rows, std::int64_t blocks, std::int64_t row_bytes,
                       std::int64_t result_bytes, std::int64_t budget) {
  const auto bytes = [&](std::int64_t count) {
    return rows.packed(count) * row_bytes + count * result_bytes;
  };
  const std::int64_t image = std::max<std::int64_t>(bytes(rows.results), 1);
  if (image <= budget) return {.slots = std::min(blocks, budget / image), .rows = rows.results};
  std::int64_t count = 1;
  while (bytes(count + 1) <= budget) ++count;
  // As many bands as that takes, all of the same size.
  return {.slots = 1, .rows = quotient_up(rows.results, quotient_up(rows.results, count))};
}

}  // namespace

std::string_view name(Bf16Engine engine) {
  constexpr std::array<std::string_view, 3> kNames = {"amx", "fma", "model"};
  return kNames[static_cast<std::size_t>(engine)];
}

std::string objection(Bf16Engine engine) {
  switch (engine) {
    case Bf16Engine::amx:
      return amx_objection();
    case Bf16Engine::fma:
      return fma_tiles_objection();
    default:
      return "";
  }
}

Bf16Engine fastest_bf16_engine() {
  for (const Bf16Engine engine : {Bf16Engine::amx, Bf16Engine::fma}) {
    if (objection(engine).empty()) return engine;
  }
  return Bf16Engine::model;
}

std::byte* TileBuffer::take(std::int64_t bytes) {
  if (bytes > bytes_) {
    data_.reset();
    bytes_ = 0;
    data_.reset(static_cast<std::byte*>(
        ::operator new (static_cast<std::size_t>(bytes), std::align_val_t{64})));
    bytes_ = bytes;
  }
  return data_.get();
}

Bf16Convolutions::Bf16Convolutions(Bf16Engine engine, ParallelLoop in_parallel)
    : Bf16Convolutions(functions_of(engine), std::move(in_parallel)) {}

Bf16Convolutions::Bf16Convolutions(TileFunctions functions, ParallelLoop in_parallel)
    : functions_(functions), in_parallel_(std::move(in_parallel)) {}

void Bf16Convolutions::share(std::int64_t count, std::int64_t products_of_unit,
                             const std::function<void(std::int64_t, std::int64_t)>& f) {
  if (count == 0) return;
  const std::int64_t shares =
      std::clamp<std::int64_t>(count * products_of_unit / kShareProducts, 1, count);
  in_parallel_(shares, [&](std::int64_t i) { f(count * i / shares, count * (i + 1) / shares); });
}

void Bf16Convolutions::forward(const ConvolutionShape& shape, LanesView x, const float* w,
                               float* y) {
  check_convolution(shape);
  run(forward_gather(shape), x, w, y);
}

void Bf16Convolutions::backward_data(const ConvolutionShape& shape, LanesView dy, const float* w,
                                     float* dx) {
  check_convolution(shape);
  for (const Gather& gather : data_gathers(shape)) run(gather, dy, w, dx);
}

void Bf16Convolutions::run(const Gather& gather, LanesView source, const float* w, float* result) {
  GatherBand band;
  band.gather = &gather;
  band.cut = gather.cut();
  band.tile = gather.tile();
  band.result = result;
  const std::int64_t tile_bytes = gather.rows.taps * band.cut.steps * kTileBytes;
  std::byte* weights = lefts_.take(gather.output_tiles() * tile_bytes);
  in_parallel_(gather.output_tiles(), [&](std::int64_t tile) {
    pack_weight_tiles(w, gather, band.cut, tile,
                      reinterpret_cast<std::uint32_t*>(weights + tile * tile_bytes));
  });
  band.weights = weights;

  band.row_bytes =
      gather.columns.packed(gather.columns.results) * band.cut.channel_pairs * kRowBytes;
  const BandExtents extents = extents_of(gather.rows, gather.blocks, band.row_bytes, 0, kBandBytes);
  band.slot_bytes = gather.rows.packed(extents.rows) * band.row_bytes;
  std::byte* packed = rights_.take(extents.slots * band.slot_bytes);
  band.source = packed;
  for (std::int64_t block = 0; block < gather.blocks; block += extents.slots) {
    band.first_block = block;
    band.slots = std::min(extents.slots, gather.blocks - block);
    for (std::int64_t row = 0; row < gather.rows.results; row += extents.rows) {
      band.begin = row;
      band.end = std::min(row + extents.rows, gather.rows.results);
      pack(band, source, packed);
      const std::int64_t products = gather.rows.taps * band.cut.steps * gather.columns.results * 2;
      share(band.units(), products,
            [&](std::int64_t first, std::int64_t last) { functions_.gather(band, first, last); });
    }
  }
}

void Bf16Convolutions::pack(const GatherBand& band, LanesView source, std::byte* to) {
  const Gather& gather = *band.gather;
  const std::int64_t rows = gather.rows.packed(band.end - band.begin);
  const std::int64_t row_elements = gather.columns.extent * gather.channels * kLanes;
  in_parallel_(band.slots * rows, [&](std::int64_t i) {
    const std::int64_t slot = i / rows;
    const std::int64_t row = i % rows;
    const std::int64_t at = gather.rows.source(band.begin * gather.rows.pitch() + row);
    if (at < 0 || at >= gather.rows.extent) return;  // no tap asks for it
    auto* words =
        reinterpret_cast<std::uint32_t*>(to + slot * band.slot_bytes + row * band.row_bytes);
    source.at(((band.first_block + slot) * gather.rows.extent + at) * row_elements,
              [&](const auto* from) { pack_source_row(from, gather, band.cut, words); });
  });
}

void Bf16Convolutions::backward_weights(const ConvolutionShape& shape, LanesView x, LanesView dy,
                                        float* dw, Into into) {
  check_convolution(shape);
  const WeightSum sum(shape);
  WeightBand band;
  band.sum = &sum;
  band.tile = sum.tile();
  band.result_row_bytes = sum.output_tiles() * sum.steps() * band.tile.rows * band.tile.pairs * 4;
  band.image_row_bytes =
      sum.channel_tiles() * sum.phases() * sum.phase_columns() * (kLanes / 2) * kRowBytes;
  const std::int64_t sums = sum.output_tiles() * shape.kernel_height * band.columns() * kTileBytes;
  band.tiles = reinterpret_cast<float*>(sums_.take(sums));
  // Every band reads and writes all sums. The more sums there are, the more few bands pay.
  const std::int64_t budget = kBandBytes + std::min(sums, 2 * kBandBytes);
  const BandExtents extents =
      extents_of(sum.rows, shape.blocks(), band.image_row_bytes, band.result_row_bytes, budget);
  band.image_rows = sum.rows.packed(extents.rows);
  std::byte* images = rights_.take(extents.slots * band.image_rows * band.image_row_bytes);
  std::byte* results = lefts_.take(extents.slots * extents.rows * band.result_row_bytes);
  band.images = images;
  band.results = results;
  for (std::int64_t block = 0; block < shape.blocks(); block += extents.slots) {
    band.slots = std::min(extents.slots, shape.blocks() - block);
    for (std::int64_t row = 0; row < sum.rows.results; row += extents.rows) {
      band.begin = row;
      band.end = std::min(row + extents.rows, sum.rows.results);
      pack(band, block, x, dy, images, results);
      const std::int64_t products =
          band.slots * (band.end - band.begin) * sum.steps() * band.columns() * 2;
      share(band.units(), products,
            [&](std::int64_t first, std::int64_t last) { functions_.weights(band, first, last); });
      band.first = false;
    }
  }
  in_parallel_(shape.outputs, [&](std::int64_t o) { spread_sums(band.tiles, sum, o, dw, into); });
}

void Bf16Convolutions::pack(const WeightBand& band, std::int64_t first_block, LanesView x,
                            LanesView dy, std::byte* images, std::byte* results) {
  const WeightSum& sum = *band.sum;
  const ConvolutionShape& shape = sum.shape;
  const std::int64_t result_rows = band.end - band.begin;
  const std::int64_t image_rows = sum.rows.packed(result_rows);
  const std::int64_t rows = result_rows + image_rows;
  in_parallel_(band.slots * rows, [&](std::int64_t i) {
    const std::int64_t slot = i / rows;
    const std::int64_t block = first_block + slot;
    std::int64_t row = i % rows;
    if (row < result_rows) {
      const std::int64_t at = block * shape.result_height() + band.begin + row;
      auto* factors = reinterpret_cast<std::uint16_t*>(results + (slot * result_rows + row) *
                                                                     band.result_row_bytes);
      dy.at(at * shape.result_width() * shape.outputs * kLanes,
            [&](const auto* from) { pack_result_row(from, sum, factors); });
      return;
    }
    row -= result_rows;
    const std::int64_t at = sum.rows.source(band.begin * sum.rows.pitch() + row);
    if (at < 0 || at >= shape.height) return;  // no tap asks for it
    auto* factors = reinterpret_cast<std::uint32_t*>(images + (slot * band.image_rows + row) *
                                                                  band.image_row_bytes);
    x.at((block * shape.height + at) * shape.width * shape.channels * kLanes,
         [&](const auto* from) { pack_image_row(from, sum, factors); });
  });
}

}  // namespace mvsgd::nn::lanes
