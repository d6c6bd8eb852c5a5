// How fast batches are assembled: permutation, augmentation and normalisation of a worker's images.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "data/batches.hpp"
#include "data/dataset.hpp"
#include "data/synthetic.hpp"

namespace mvsgd {
namespace {

constexpr std::size_t kBatch = 64;

/// As many images as CIFAR-10 has for training, so that rows come from memory and not from cache.
/// Their pixels do not affect the time.
data::Dataset as_large_as_cifar10() {
  constexpr std::size_t kImages = 50000;
  data::Dataset dataset{.pixels = std::vector<std::uint8_t>(kImages * data::kImageBytes),
                        .labels = std::vector<std::uint8_t>(kImages)};
  for (std::size_t p = 0; p < dataset.pixels.size(); ++p) {
    dataset.pixels[p] = static_cast<std::uint8_t>(p * 2654435761U >> 16);
  }
  return dataset;
}

/// Whether `got` is the view that the source promises. Its value at (i, j) is the normalised
/// image's (of load_plain()) at (i + top - 4, j' + left - 4), where j' is j, or 31 - j if the view
/// is flipped.
bool is_view(const data::Dataset& dataset, const data::View& view, std::span<const float> got) {
  constexpr auto kSide = static_cast<int>(data::kSide);
  std::vector<float> whole(data::kImageBytes);
  std::uint8_t label = 0;
  data::load_plain(dataset, view.image, 1, whole, std::span(&label, 1));
  for (int row = 0; row < 3 * kSide; ++row) {
    const int i = row % kSide + view.top - 4;
    for (int j = 0; j < kSide; ++j) {
      const int column = (view.flip ? kSide - 1 - j : j) + view.left - 4;
      if (i < 0 || i >= kSide || column < 0 || column >= kSide) continue;  // black
      const int from = (row / kSide * kSide + i) * kSide + column;
      const int to = row * kSide + j;
      if (got[static_cast<std::size_t>(to)] != whole[static_cast<std::size_t>(from)]) return false;
    }
  }
  return true;
}

// One of ten workers loads batches of 64, step after step, so permutations cost what they cost in a
// run. Bytes: the pixels read and the floats written, 5 * 3,072 an image.
void BM_LoadBatch(benchmark::State& state) {
  static const data::Dataset dataset = as_large_as_cifar10();
  std::vector<std::uint32_t> mine(dataset.size() / 10);
  std::iota(mine.begin(), mine.end(), 0U);
  data::BatchSource source(dataset, mine,
                           {.batch = kBatch, .augment = state.range(0) == 1, .seed = 1});
  std::vector<float> images(kBatch * data::kImageBytes);
  std::vector<std::uint8_t> labels(kBatch);
  source.load(0, images, labels);
  const auto views = source.views(0);
  for (std::size_t k = 0; k < kBatch; ++k) {
    const auto image = std::span(images).subspan(k * data::kImageBytes, data::kImageBytes);
    if (!is_view(dataset, views[k], image)) return state.SkipWithError("wrong image");
  }

  std::uint64_t step = 0;
  for (auto _ : state) {
    source.load(step++, images, labels);
    benchmark::DoNotOptimize(images.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(5 * kBatch * data::kImageBytes));
}
BENCHMARK(BM_LoadBatch)->ArgName("augment")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

// Evaluation's batches of 100 images in the order of the data set. Bytes as above.
void BM_LoadPlain(benchmark::State& state) {
  constexpr std::size_t kCount = 100;
  const data::Dataset dataset = data::synthesize({.train = 1000, .test = 0, .seed = 1}).train;
  std::vector<float> images(kCount * data::kImageBytes);
  std::vector<std::uint8_t> labels(kCount);
  data::load_plain(dataset, 0, kCount, images, labels);
  if (!is_view(dataset, {.image = 99}, std::span(images).last(data::kImageBytes))) {
    return state.SkipWithError("wrong image");
  }

  std::size_t first = 0;
  for (auto _ : state) {
    data::load_plain(dataset, first, kCount, images, labels);
    benchmark::DoNotOptimize(images.data());
    benchmark::ClobberMemory();
    first = (first + kCount) % dataset.size();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCount));
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(5 * kCount * data::kImageBytes));
}
BENCHMARK(BM_LoadPlain)->Unit(benchmark::kMicrosecond);

// The generator makes 100 images.
void BM_Synthesize(benchmark::State& state) {
  const data::SyntheticOptions options{.train = 100, .test = 0, .seed = 1};
  const data::Dataset want = data::synthesize(options).train;
  if (want.pixels.size() != 100 * data::kImageBytes ||
      std::ranges::count(want.pixels, want.pixels[0]) > 50000) {
    return state.SkipWithError("no images");
  }
  for (auto _ : state) {
    auto made = data::synthesize(options);
    benchmark::DoNotOptimize(made.train.pixels.data());
  }
  state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(BM_Synthesize)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mvsgd
