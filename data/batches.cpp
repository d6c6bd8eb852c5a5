#include "data/batches.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "data/random.hpp"

namespace mvsgd::data {
namespace {

constexpr std::size_t kCorners = 2 * kPadding + 1;

constexpr std::array<Levels, kChannels> make_levels() {
  constexpr std::array<double, kChannels> kMean = {.4914, .4822, .4465};
  constexpr std::array<double, kChannels> kStd = {.2023, .1994, .2010};
  std::array<Levels, kChannels> levels{};
  for (std::size_t c = 0; c < kChannels; ++c) {
    for (std::size_t p = 0; p < 256; ++p) {
      levels[c][p] = static_cast<float>((static_cast<double>(p) / 255.0 - kMean[c]) / kStd[c]);
    }
  }
  return levels;
}

constexpr std::array<Levels, kChannels> kLevels = make_levels();

void check_spans(const char* where, std::size_t count, std::span<const float> images,
                 std::span<const std::uint8_t> labels) {
  if (images.size() != count * kImageBytes || labels.size() != count) {
    throw std::invalid_argument(std::string(where) + ": room for " + std::to_string(images.size()) +
                                " values and " + std::to_string(labels.size()) + " labels, for " +
                                std::to_string(count) + " images");
  }
}

/// Normalises a view of `image`; both are [3, 32, 32].
void render(std::span<const std::uint8_t> image, const View& view, std::span<float> out) {
  // The window's rows [top, bottom) and columns [left, right) lie on the image.
  const std::size_t top = kPadding - std::min<std::size_t>(kPadding, view.top);
  const std::size_t left = kPadding - std::min<std::size_t>(kPadding, view.left);
  const std::size_t bottom = std::min(kSide, kSide + kPadding - view.top);
  const std::size_t right = std::min(kSide, kSide + kPadding - view.left);
  for (std::size_t c = 0; c < kChannels; ++c) {
    const Levels& levels = kLevels[c];
    const auto plane = image.subspan(c * kSide * kSide, kSide * kSide);
    for (std::size_t i = 0; i < kSide; ++i) {
      const auto row = out.subspan((c * kSide + i) * kSide, kSide);
      std::fill(row.begin(), row.end(), levels[0]);
      if (i < top || i >= bottom) continue;
      const auto from = plane.subspan((i + view.top - kPadding) * kSide, kSide);
      for (std::size_t j = left; j < right; ++j) row[j] = levels[from[j + view.left - kPadding]];
      if (view.flip) std::reverse(row.begin(), row.end());
    }
  }
}

void check_view(const View& view, const Dataset& dataset) {
  if (view.image < dataset.size() && std::max(view.top, view.left) < kCorners) return;
  throw std::invalid_argument("load_views: image " + std::to_string(view.image) + " of " +
                              std::to_string(dataset.size()) + " from corner (" +
                              std::to_string(view.top) + ", " + std::to_string(view.left) + ')');
}

}  // namespace

const std::array<Levels, kChannels>& levels() { return kLevels; }

BatchSource::BatchSource(const Dataset& dataset, std::vector<std::uint32_t> images,
                         const BatchOptions& options)
    : dataset_(dataset), images_(std::move(images)), options_(options) {
  if (options_.batch == 0) throw std::invalid_argument("BatchSource: batch = 0");
  if (images_.empty()) throw std::invalid_argument("BatchSource: a worker without images");
  const std::uint32_t highest = *std::max_element(images_.begin(), images_.end());
  if (highest >= dataset_.size()) {
    throw std::invalid_argument("BatchSource: image " + std::to_string(highest) + " of " +
                                std::to_string(dataset_.size()));
  }
}

const std::vector<std::uint32_t>& BatchSource::permutation(std::uint64_t number) {
  Permutation& kept = cache_[number % cache_.size()];
  if (kept.order.empty() || kept.number != number) {
    kept = {number, shuffled(static_cast<std::uint32_t>(images_.size()), options_.seed,
                             Purpose::kPermutation, {.round = number, .worker = options_.worker})};
  }
  return kept.order;
}

std::uint64_t BatchSource::first_position(std::uint64_t step) const {
  if (options_.sampling == Sampling::permutation) return step * options_.batch;
  const std::uint64_t permutations = (options_.batch - 1) / images_.size() + 1;
  return step * permutations * images_.size();
}

std::vector<View> BatchSource::views(std::uint64_t step) {
  std::vector<View> views(options_.batch);
  std::uint64_t position = first_position(step);
  for (View& view : views) {
    const std::uint64_t epoch = position / images_.size();
    const std::uint64_t index = position % images_.size();
    view.image = images_[permutation(epoch)[index]];
    if (options_.augment) {
      Draws draws(options_.seed, Purpose::kAugmentation,
                  {.round = epoch, .worker = options_.worker, .index = index});
      view.top = static_cast<std::uint8_t>(draws.below(kCorners));
      view.left = static_cast<std::uint8_t>(draws.below(kCorners));
      view.flip = draws.below(2) == 1;
    }
    ++position;
  }
  return views;
}

void BatchSource::load(std::uint64_t step, std::span<float> images,
                       std::span<std::uint8_t> labels) {
  check_spans("BatchSource::load", options_.batch, images, labels);
  load_views(dataset_, views(step), images, labels);
}

void load_views(const Dataset& dataset, std::span<const View> views, std::span<float> images,
                std::span<std::uint8_t> labels) {
  check_spans("load_views", views.size(), images, labels);
  for (const View& view : views) check_view(view, dataset);
  std::size_t k = 0;
  for (const View& view : views) {
    render(dataset.image(view.image), view, images.subspan(k * kImageBytes, kImageBytes));
    labels[k] = dataset.labels[view.image];
    ++k;
  }
}

void load_plain(const Dataset& dataset, std::size_t first, std::size_t count,
                std::span<float> images, std::span<std::uint8_t> labels) {
  if (first > dataset.size() || count > dataset.size() - first) {
    throw std::invalid_argument("load_plain: images " + std::to_string(first) + " to " +
                                std::to_string(first + count) + " of " +
                                std::to_string(dataset.size()));
  }
  check_spans("load_plain", count, images, labels);
  for (std::size_t k = 0; k < count; ++k) {
    render(dataset.image(first + k), View{}, images.subspan(k * kImageBytes, kImageBytes));
    labels[k] = dataset.labels[first + k];
  }
}

}  // namespace mvsgd::data
