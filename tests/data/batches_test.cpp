// Batches: the stream of permutations, the augmentation, the normalisation.
#include "data/batches.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

#include "data/random.hpp"

namespace mvsgd::data {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// n images whose every byte differs from its neighbours' and from the same byte of other images.
Dataset patterned(std::size_t n) {
  Dataset dataset;
  for (std::size_t i = 0; i < n; ++i) {
    dataset.labels.push_back(static_cast<std::uint8_t>(i % kClasses));
    for (std::size_t p = 0; p < kImageBytes; ++p) {
      dataset.pixels.push_back(static_cast<std::uint8_t>(p * 37 + p / kSide * 11 + i * 53));
    }
  }
  return dataset;
}

std::vector<std::uint32_t> every_third(std::uint32_t n) {
  std::vector<std::uint32_t> images(n);
  for (std::uint32_t i = 0; i < n; ++i) images[i] = 3 * i;
  return images;
}

struct Batch {
  std::vector<float> images;
  std::vector<std::uint8_t> labels;
  bool operator==(const Batch&) const = default;
};

Batch load(BatchSource& source, std::uint64_t step, std::size_t batch) {
  Batch out{std::vector<float>(batch * kImageBytes), std::vector<std::uint8_t>(batch)};
  source.load(step, out.images, out.labels);
  return out;
}

/// The first `count` images of the stream, in order.
std::vector<std::uint32_t> stream(BatchSource& source, std::size_t count) {
  std::vector<std::uint32_t> images;
  for (std::uint64_t step = 0; images.size() < count; ++step) {
    for (const View& view : source.views(step)) images.push_back(view.image);
  }
  images.resize(count);
  return images;
}

std::set<std::uint32_t> image_set(std::span<const View> views) {
  std::set<std::uint32_t> images;
  for (const View& view : views) images.insert(view.image);
  return images;
}

/// The definition of a view, pixel by pixel: pad, cut, mirror, normalise.
std::vector<float> view_by_definition(std::span<const std::uint8_t> image, const View& view) {
  constexpr std::array<double, 3> kMean = {.4914, .4822, .4465};
  constexpr std::array<double, 3> kStd = {.2023, .1994, .2010};
  constexpr std::size_t kPadded = kSide + 8;
  std::vector<std::uint8_t> padded(kChannels * kPadded * kPadded, 0);
  std::vector<float> out;
  for (std::size_t c = 0; c < kChannels; ++c) {
    for (std::size_t i = 0; i < kSide; ++i) {
      for (std::size_t j = 0; j < kSide; ++j) {
        padded[(c * kPadded + i + 4) * kPadded + j + 4] = image[(c * kSide + i) * kSide + j];
      }
    }
    for (std::size_t i = 0; i < kSide; ++i) {
      for (std::size_t j = 0; j < kSide; ++j) {
        const std::size_t column = view.left + (view.flip ? kSide - 1 - j : j);
        const double p = padded[(c * kPadded + i + view.top) * kPadded + column];
        out.push_back(static_cast<float>((p / 255 - kMean[c]) / kStd[c]));
      }
    }
  }
  return out;
}

TEST(BatchSource, ShowsEachImageOnceInEachPermutation) {
  const Dataset dataset = patterned(90);
  const auto images = every_third(30);
  BatchSource source(dataset, images, {.batch = 7, .seed = 1});
  const auto seen = stream(source, 4 * 30);
  std::vector<std::vector<std::uint32_t>> permutations;
  for (auto first = seen.begin(); first != seen.end(); first += 30) {
    permutations.emplace_back(first, first + 30);
    auto sorted = permutations.back();
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, images);
  }
  std::sort(permutations.begin(), permutations.end());
  EXPECT_EQ(std::unique(permutations.begin(), permutations.end()), permutations.end());
}

TEST(BatchSource, HasOneStreamWhateverTheBatch) {
  const Dataset dataset = patterned(90);
  BatchSource one(dataset, every_third(30), {.batch = 1, .seed = 1});
  const auto want = stream(one, 200);
  // Batches of 64 and 100 span three and four permutations.
  for (const std::size_t batch : {7U, 30U, 64U, 100U}) {
    BatchSource source(dataset, every_third(30), {.batch = batch, .seed = 1});
    EXPECT_EQ(stream(source, 200), want) << "batch " << batch;
  }
}

TEST(BatchSource, DrawsEachPositionFromItsPermutationAndPlace) {
  const Dataset dataset = patterned(90);
  const auto images = every_third(30);
  BatchSource source(dataset, images, {.batch = 7, .seed = 1, .worker = 2});
  for (std::uint64_t position = 0; position < 140; ++position) {
    const std::uint64_t epoch = position / 30;
    const std::uint64_t index = position % 30;
    const auto order = shuffled(30, 1, Purpose::kPermutation, {.round = epoch, .worker = 2});
    Draws draws(1, Purpose::kAugmentation, {.round = epoch, .worker = 2, .index = index});
    View want{.image = images[order[index]]};
    want.top = static_cast<std::uint8_t>(draws.below(9));
    want.left = static_cast<std::uint8_t>(draws.below(9));
    want.flip = draws.below(2) == 1;
    EXPECT_EQ(source.views(position / 7)[position % 7], want) << "position " << position;
  }
}

TEST(BatchSource, GivesTheSameBatchesInAnyOrderOfCalls) {
  const Dataset dataset = patterned(30);
  for (const Sampling sampling : {Sampling::permutation, Sampling::fresh}) {
    for (const std::size_t batch : {4U, 10U, 25U}) {  // with 10 images
      SCOPED_TRACE(testing::Message()
                   << "batch " << batch << (sampling == Sampling::fresh ? ", fresh" : ""));
      const BatchOptions options{.batch = batch, .seed = 1, .sampling = sampling};
      BatchSource forward(dataset, every_third(10), options);
      std::vector<Batch> want;
      for (std::uint64_t step = 0; step < 20; ++step) want.push_back(load(forward, step, batch));

      BatchSource backward(dataset, every_third(10), options);
      for (std::uint64_t step = 20; step-- > 0;) {
        EXPECT_EQ(load(backward, step, batch), want[step]) << "step " << step;
      }
      BatchSource jumping(dataset, every_third(10), options);
      for (const std::uint64_t step : {19U, 0U, 7U, 7U, 12U, 1U, 18U, 0U}) {
        EXPECT_EQ(load(jumping, step, batch), want[step]) << "step " << step;
      }
    }
  }
}

TEST(BatchSource, FreshIsTheStartOfEachStepsPermutations) {
  const Dataset dataset = patterned(90);
  struct Case {
    std::size_t batch;
    std::size_t permutations;  // ceil(batch / 30)
  };
  for (const auto [batch, permutations] :
       {Case{1, 1}, Case{29, 1}, Case{30, 1}, Case{31, 2}, Case{60, 2}, Case{64, 3}}) {
    SCOPED_TRACE(testing::Message() << "batch " << batch);
    BatchSource fresh(dataset, every_third(30),
                      {.batch = batch, .seed = 1, .sampling = Sampling::fresh});
    // Batches of whole permutations: batch s of the ordinary stream has what step s draws from.
    BatchSource whole(dataset, every_third(30), {.batch = 30 * permutations, .seed = 1});
    for (std::uint64_t step = 0; step < 10; ++step) {
      auto want = whole.views(step);
      want.resize(batch);
      EXPECT_EQ(fresh.views(step), want) << "step " << step;
    }
  }
}

TEST(BatchSource, FreshBatchesHaveNoImageTwice) {
  const Dataset dataset = patterned(90);
  for (const std::size_t batch : {7U, 30U}) {
    BatchSource source(dataset, every_third(30),
                       {.batch = batch, .seed = 1, .sampling = Sampling::fresh});
    for (std::uint64_t step = 0; step < 50; ++step) {
      EXPECT_EQ(image_set(source.views(step)).size(), batch) << "step " << step;
    }
  }
}

TEST(BatchSource, FreshCompletesASmallWorkersBatch) {
  const Dataset dataset = patterned(90);
  BatchSource source(dataset, every_third(30),
                     {.batch = 64, .seed = 1, .sampling = Sampling::fresh});
  for (std::uint64_t step = 0; step < 20; ++step) {
    const auto views = source.views(step);
    ASSERT_EQ(views.size(), 64U);
    const std::span all(views);
    EXPECT_EQ(image_set(all.subspan(0, 30)).size(), 30U) << "step " << step;
    EXPECT_EQ(image_set(all.subspan(30, 30)).size(), 30U) << "step " << step;
    EXPECT_EQ(image_set(all.subspan(60)).size(), 4U) << "step " << step;
  }
}

TEST(BatchSource, FreshShowsEachImageEquallyOftenAndForgetsTheStepBefore) {
  const Dataset dataset = patterned(90);
  constexpr std::uint64_t kPairs = 1000;  // of steps
  BatchSource source(dataset, every_third(30),
                     {.batch = 10, .seed = 1, .sampling = Sampling::fresh});
  std::array<double, 90> counts{};
  double shared = 0;  // images that the two steps of a pair share
  for (std::uint64_t pair = 0; pair < kPairs; ++pair) {
    const auto first = image_set(source.views(2 * pair));
    const auto second = image_set(source.views(2 * pair + 1));
    EXPECT_NE(first, second) << "pair " << pair;  // of 30,045,015 sets of ten
    for (const std::uint32_t image : first) {
      counts[image] += 1;
      shared += static_cast<double>(second.count(image));
    }
    for (const std::uint32_t image : second) counts[image] += 1;
  }
  // An image is in a step with p = 1/3, and a step's ten are drawn without replacement. So the
  // counts of S = 2,000 steps have variance S p (1 - p), and covariances that make their sum
  // constant. Hence sum (count - S p)^2 / (S p (1 - p) 30 / 29) is chi-square with 29 degrees of
  // freedom: mean 29, standard deviation sqrt(58) = 7.6. The bound is five of them above.
  double chi2 = 0;
  for (const std::uint32_t image : every_third(30)) {
    const double excess = counts[image] - 2000.0 / 3;
    chi2 += excess * excess / (2000.0 * 2 / 9 * 30 / 29);
  }
  EXPECT_LT(chi2, 67);
  // Two sets of ten of thirty share 10/3 on average, with the hypergeometric variance 10 (1/3)
  // (2/3) (20/29) = 1.533. All 1,000 pairs share 3,333, with deviation 39; the bound is five of
  // them. Steps within one permutation share nothing.
  EXPECT_NEAR(shared, 10000.0 / 3, 196);
}

TEST(BatchSource, DiffersByWorkerAndBySeed) {
  const Dataset dataset = patterned(300);
  std::vector<std::vector<View>> batches;
  for (const BatchOptions options :
       {BatchOptions{.seed = 1, .worker = 0}, BatchOptions{.seed = 1, .worker = 1},
        BatchOptions{.seed = 2, .worker = 0}}) {
    BatchSource source(dataset, every_third(100), options);
    batches.push_back(source.views(0));
  }
  const auto agreements = [&](std::size_t a, std::size_t b, auto part) {
    std::size_t count = 0;
    for (std::size_t k = 0; k < 64; ++k) count += part(batches[a][k]) == part(batches[b][k]);
    return count;
  };
  for (const auto [a, b] : {std::array{0UL, 1UL}, std::array{0UL, 2UL}, std::array{1UL, 2UL}}) {
    SCOPED_TRACE(testing::Message() << "options " << a << " and " << b);
    // By chance 64 pairs agree 0.64 times in one of 100 images, 0.79 times in one of 81 crops, and
    // 32 times in one of 2 flips.
    EXPECT_LT(agreements(a, b, [](const View& v) { return v.image; }), 7);
    EXPECT_LT(agreements(a, b, [](const View& v) { return 9 * v.top + v.left; }), 8);
    EXPECT_LT(agreements(a, b, [](const View& v) { return v.flip; }), 53);
  }
}

TEST(BatchSource, DrawsCropsUniformlyAndFlipsHalf) {
  const Dataset dataset = patterned(100);
  std::vector<std::uint32_t> images(100);
  std::iota(images.begin(), images.end(), 0U);
  constexpr std::size_t kViews = 81 * 400;
  BatchSource source(dataset, images, {.batch = kViews, .seed = 3});
  std::array<double, 162> counts{};  // by (top, left, flip)
  double flips = 0;
  for (const View& view : source.views(0)) {
    ASSERT_LE(view.top, 8);
    ASSERT_LE(view.left, 8);
    counts[(9U * view.top + view.left) * 2 + view.flip] += 1;
    flips += view.flip;
  }
  double chi2 = 0;
  for (const double count : counts) chi2 += (count - 200) * (count - 200) / 200;
  // 161 degrees of freedom: mean 161, standard deviation sqrt(322) = 17.9. The bound is five above.
  EXPECT_LT(chi2, 251);
  // Binomial with deviation sqrt(32,400) / 2 = 90. The bound is five of them.
  EXPECT_NEAR(flips, kViews / 2.0, 450);
}

TEST(BatchSource, LoadsWhatTheDefinitionOfAViewSays) {
  const Dataset dataset = patterned(30);
  constexpr std::size_t kBatch = 500;  // enough for every edge: 81 corners, flipped or not
  BatchSource source(dataset, every_third(10), {.batch = kBatch, .seed = 5});
  const Batch batch = load(source, 3, kBatch);
  const auto views = source.views(3);
  for (std::size_t k = 0; k < kBatch; ++k) {
    const View& view = views[k];
    SCOPED_TRACE(testing::Message()
                 << "corner (" << +view.top << ", " << +view.left << "), flip " << view.flip);
    const std::span got = std::span(batch.images).subspan(k * kImageBytes, kImageBytes);
    const auto want = view_by_definition(dataset.image(view.image), view);
    EXPECT_TRUE(std::ranges::equal(got, want));
    EXPECT_EQ(batch.labels[k], dataset.labels[view.image]);
  }
}

TEST(BatchSource, WithoutAugmentationLoadsTheImagesThemselves) {
  const Dataset dataset = patterned(30);
  BatchSource source(dataset, every_third(10), {.batch = 12, .augment = false, .seed = 5});
  const Batch batch = load(source, 1, 12);
  const auto views = source.views(1);
  for (std::size_t k = 0; k < views.size(); ++k) {
    EXPECT_EQ(views[k], (View{.image = views[k].image, .top = 4, .left = 4, .flip = false}));
    std::vector<float> want(kImageBytes);
    std::array<std::uint8_t, 1> label{};
    load_plain(dataset, views[k].image, 1, want, label);
    EXPECT_TRUE(
        std::ranges::equal(std::span(batch.images).subspan(k * kImageBytes, kImageBytes), want));
    EXPECT_EQ(batch.labels[k], label[0]);
  }
}

TEST(BatchSource, AugmentationDoesNotChangeTheOrder) {
  const Dataset dataset = patterned(30);
  BatchSource with(dataset, every_third(10), {.batch = 8, .augment = true, .seed = 5});
  BatchSource without(dataset, every_third(10), {.batch = 8, .augment = false, .seed = 5});
  EXPECT_EQ(stream(with, 40), stream(without, 40));
}

TEST(BatchSource, RefusesWhatItCannotServe) {
  const Dataset dataset = patterned(10);
  EXPECT_THAT([&] { BatchSource(dataset, {0}, {.batch = 0}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("batch = 0")));
  EXPECT_THAT([&] { BatchSource(dataset, {}, {}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("without images")));
  EXPECT_THAT(
      [&] {
        BatchSource(dataset, {3, 10, 9}, {});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("image 10 of 10")));
  BatchSource source(dataset, {0, 1}, {.batch = 2});
  std::vector<float> images(2 * kImageBytes);
  std::vector<std::uint8_t> labels(2);
  EXPECT_THROW(source.load(0, std::span(images).first(kImageBytes), labels), std::invalid_argument);
  EXPECT_THROW(source.load(0, images, std::span(labels).first(1)), std::invalid_argument);
}

TEST(LoadViews, RefusesWhatIsNotThere) {
  const Dataset dataset = patterned(5);
  std::vector<float> images(kImageBytes);
  std::vector<std::uint8_t> labels(1);
  const auto load = [&](const View& view) {
    load_views(dataset, std::vector{view}, images, labels);
  };
  EXPECT_NO_THROW(load({.image = 4, .top = 8, .left = 8}));
  EXPECT_THAT([&] { load({.image = 5}); },
              ThrowsMessage<std::invalid_argument>("load_views: image 5 of 5 from corner (4, 4)"));
  EXPECT_THROW(load({.top = 9}), std::invalid_argument);
  EXPECT_THROW(load({.left = 9}), std::invalid_argument);
  EXPECT_THROW(load_views(dataset, {}, images, labels), std::invalid_argument);
}

TEST(LoadPlain, IsTheUnshiftedUnmirroredView) {
  const Dataset dataset = patterned(5);
  std::vector<float> images(3 * kImageBytes);
  std::vector<std::uint8_t> labels(3);
  load_plain(dataset, 2, 3, images, labels);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_TRUE(std::ranges::equal(std::span(images).subspan(k * kImageBytes, kImageBytes),
                                   view_by_definition(dataset.image(2 + k), View{})));
    EXPECT_EQ(labels[k], dataset.labels[2 + k]);
  }
}

TEST(LoadPlain, NormalisesBlackAndWhite) {
  const Dataset dataset{.pixels = std::vector<std::uint8_t>(kImageBytes, 255), .labels = {1}};
  std::vector<float> images(kImageBytes);
  std::vector<std::uint8_t> labels(1);
  load_plain(dataset, 0, 1, images, labels);
  // (1 - .4914) / .2023, (1 - .4822) / .1994, (1 - .4465) / .2010, to the nearest float.
  EXPECT_EQ(images[0], 2.5140880F);
  EXPECT_EQ(images[kSide * kSide], 2.5967903F);
  EXPECT_EQ(images[2 * kSide * kSide], 2.7537313F);
}

TEST(LoadPlain, RefusesImagesBeyondTheEnd) {
  const Dataset dataset = patterned(5);
  std::vector<float> images(2 * kImageBytes);
  std::vector<std::uint8_t> labels(2);
  EXPECT_THAT([&] { load_plain(dataset, 4, 2, images, labels); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("images 4 to 6 of 5")));
  EXPECT_THROW(load_plain(dataset, SIZE_MAX, 2, images, labels), std::invalid_argument);
  EXPECT_THROW(load_plain(dataset, 0, 1, images, labels), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::data
