// Batches of normalised images: a worker's endless training stream, and plain ones for evaluation.
//
// A byte p of channel c becomes levels()[c][p] = (p / 255 - mean[c]) / std[c] with mean (.4914,
// .4822, .4465) and std (.2023, .1994, .2010), computed in double and rounded to float once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.hpp"

namespace mvsgd::data {

/// The value to which each byte of a channel is mapped.
using Levels = std::array<float, 256>;
[[nodiscard]] const std::array<Levels, kChannels>& levels();

/// Black pixels added to an image on each side before a window is cut out.
inline constexpr std::uint8_t kPadding = 4;

/// How a worker's images become its batches.
enum class Sampling : std::uint8_t {
  permutation,  ///< ordinary epochs, which use each permutation of the worker's images to its end
  fresh,  ///< the authors' practice: a new shuffle for every step, of which only the first batch is
          ///< used
};

struct BatchOptions {
  std::size_t batch = 64;    ///< images a batch, at least 1
  bool augment = true;       ///< random crop and flip
  std::uint64_t seed = 0;    ///< seed of the permutations and the augmentation
  std::uint32_t worker = 0;  ///< workers with one seed have different streams
  Sampling sampling = Sampling::permutation;
};

/// An image of the data set and a view of it: the 32 x 32 window whose corner is (top, left) in the
/// image with 4 black pixels added on each side, mirrored left to right or not.
struct View {
  std::uint32_t image = 0;
  std::uint8_t top = kPadding;  ///< in [0, 8]; 4 shows the image itself
  std::uint8_t left = kPadding;
  bool flip = false;

  friend bool operator==(const View&, const View&) = default;
};

/// One worker's endless stream of training batches.
///
/// The stream is permutation 0, 1, 2, ... of the worker's images, one after another. Each position
/// draws its own crop (corner uniform in [0, 8]^2) and flip (probability 1/2). Batch s is `batch`
/// consecutive positions, so that every batch is full:
///
///   permutation  from position s * batch on: the last batch of a permutation is completed from the
///                next one
///   fresh        from the start of permutation s * P on, with P = ceil(batch / images); if the
///                worker has at least a batch of images, P = 1 and a batch has no image twice
///
/// Batch s is a function of (dataset, images, options, s), so calls in any order give the same
/// bytes. An object keeps the permutations last used, so it belongs to one thread.
class BatchSource {
 public:
  /// `dataset` must outlive the source. `images` are the worker's images, as indices into it.
  ///
  /// Throws std::invalid_argument if options.batch is 0, or `images` is empty or has an index
  /// beyond the data set.
  BatchSource(const Dataset& dataset, std::vector<std::uint32_t> images,
              const BatchOptions& options);

  /// The views in batch `step`.
  ///
  ///   returns  [batch]
  ///
  /// Cost: O(batch), plus O(images) if a permutation is not one of the last two used. With
  /// Sampling::permutation that is once an epoch, with Sampling::fresh every step.
  [[nodiscard]] std::vector<View> views(std::uint64_t step);

  /// Batch `step`, ready for the network.
  ///
  ///   images  [batch, 3, 32, 32], normalised; the added black pixels are (0 - mean) / std
  ///   labels  [batch]
  ///
  /// Throws std::invalid_argument if a span has another size. Cost: as views(), and one table
  /// look-up a pixel.
  void load(std::uint64_t step, std::span<float> images, std::span<std::uint8_t> labels);

 private:
  struct Permutation {
    std::uint64_t number = 0;
    std::vector<std::uint32_t> order;  // empty if none yet
  };

  const std::vector<std::uint32_t>& permutation(std::uint64_t number);
  [[nodiscard]] std::uint64_t first_position(std::uint64_t step) const;

  const Dataset& dataset_;
  std::vector<std::uint32_t> images_;
  BatchOptions options_;
  std::array<Permutation, 2> cache_;  // permutation p lives in cache_[p % 2]
};

/// Views of a data set's images, normalised; added black pixels are as in BatchSource::load().
///
///   images  [views.size(), 3, 32, 32]
///   labels  [views.size()]
///
/// Throws std::invalid_argument if the data set does not have an image, a corner is beyond [0, 8],
/// or a span has another size.
void load_views(const Dataset& dataset, std::span<const View> views, std::span<float> images,
                std::span<std::uint8_t> labels);

/// Images first .. first + count - 1 without augmentation, normalised.
///
///   images  [count, 3, 32, 32]
///   labels  [count]
///
/// Throws std::invalid_argument if the data set ends earlier, or a span has another size.
void load_plain(const Dataset& dataset, std::size_t first, std::size_t count,
                std::span<float> images, std::span<std::uint8_t> labels);

}  // namespace mvsgd::data
