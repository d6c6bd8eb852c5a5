// The synthetic images are the same everywhere and for ever, and each can be made alone.
#include "data/synthetic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

namespace mvsgd::data {
namespace {

/// FNV-1a, 64 bits.
std::uint64_t fnv(std::span<const std::uint8_t> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

TEST(Synthesize, MakesTheSameImagesForeverAndEverywhere) {
  const TrainTest data = synthesize({.train = 100, .test = 50, .seed = 1});
  EXPECT_EQ(fnv(data.train.pixels), 14461558359438642438U);
  EXPECT_EQ(fnv(data.test.pixels), 1520018891345676332U);
  const TrainTest noisy = synthesize({.train = 100, .test = 0, .seed = 1, .noise = 4});
  EXPECT_EQ(fnv(noisy.train.pixels), 2626771172617160991U);
}

TEST(Synthesize, MakesEachImageWhateverTheNumberOfOthers) {
  const TrainTest few = synthesize({.train = 13, .test = 7, .seed = 1});
  const TrainTest many = synthesize({.train = 40, .test = 30, .seed = 1});
  EXPECT_TRUE(
      std::ranges::equal(few.train.pixels, std::span(many.train.pixels).first(13 * kImageBytes)));
  EXPECT_TRUE(
      std::ranges::equal(few.test.pixels, std::span(many.test.pixels).first(7 * kImageBytes)));
}

TEST(Synthesize, MultipliesTheNoiseOfTheSameScenes) {
  constexpr float kFactor = 4;
  const auto pixels = [](float noise) {
    return synthesize({.train = 20, .test = 0, .seed = 1, .noise = noise}).train.pixels;
  };
  const std::vector<std::uint8_t> none = pixels(0);
  const std::vector<std::uint8_t> once = pixels(1);
  const std::vector<std::uint8_t> often = pixels(kFactor);
  const auto inside = [](std::uint8_t p) { return p > 0 && p < 255; };
  std::size_t compared = 0;
  for (std::size_t i = 0; i < none.size(); ++i) {
    if (!inside(none[i]) || !inside(once[i]) || !inside(often[i])) continue;
    // Each of the three is rounded by at most 1/2, so a difference is off by at most 1.
    const int want = static_cast<int>(kFactor) * (once[i] - none[i]);
    EXPECT_LE(std::abs(often[i] - none[i] - want), 1 + static_cast<int>(kFactor)) << i;
    ++compared;
  }
  EXPECT_GT(compared, none.size() / 2);
}

TEST(Synthesize, GivesTheSizesAskedForAndEveryClassAlike) {
  const TrainTest data = synthesize({.train = 50, .test = 30, .seed = 1});
  for (const auto& [dataset, want] : {std::pair{&data.train, 5U}, std::pair{&data.test, 3U}}) {
    std::array<std::size_t, kClasses> counts{};
    for (const std::uint8_t label : dataset->labels) ++counts.at(label);
    EXPECT_THAT(counts, testing::Each(want));
    EXPECT_EQ(dataset->pixels.size(), dataset->size() * kImageBytes);
  }
  EXPECT_EQ(synthesize({.train = 0, .test = 0}).train.size(), 0U);
}

TEST(Synthesize, NeverMakesAnImageTwice) {
  // Over both sets and two seeds: a held-out image that is also a training image would be a leak.
  std::vector<std::uint64_t> hashes;
  for (const std::uint64_t seed : {1U, 2U}) {
    const TrainTest data = synthesize({.train = 500, .test = 500, .seed = seed});
    for (const Dataset* dataset : {&data.train, &data.test}) {
      for (std::size_t i = 0; i < dataset->size(); ++i) hashes.push_back(fnv(dataset->image(i)));
    }
  }
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end());
}

}  // namespace
}  // namespace mvsgd::data
