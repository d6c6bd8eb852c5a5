// The top-K supports of layers are those of each layer's values alone.
#include "compress/select/layer_top_k.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "compress/select/error_memory.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

const std::vector<Layer> kLayers{{1, 1}, {7, 2}, {64, 64}, {5'000, 50}, {1, 0}, {129, 1}};
constexpr std::size_t kD = 5'202;

// Values of a grid, so that ties abound; with `fine`, hardly two are equal.
std::vector<float> values(std::uint64_t seed, bool fine) {
  std::mt19937_64 random(seed);
  std::vector<float> x(kD);
  for (float& value : x) {
    const std::uint64_t word = random();
    value = fine ? static_cast<float>(word >> 40) / 0x800000 - 1.0F
                 : static_cast<float>(word % 9) - 4.0F;
  }
  return x;
}

TEST(LayerTopK, HasTheLargestOfEachLayerAndOfEqualOnesTheLower) {
  const std::vector<float> x{0.0F, 5.0F, -5.0F, 1.0F, -2.0F, 2.0F, 0.5F, 9.0F};
  const std::vector<Layer> layers{{1, 1}, {2, 1}, {5, 3}};
  const LayersTopK top = layers_top_k(x, layers);
  EXPECT_THAT(top.support, ElementsAre(0, 1, 4, 5, 7));
  EXPECT_THAT(top.magnitudes, ElementsAre(0.0F, 5.0F, 2.0F));
}

TEST(LayerTopK, IsTheDefinitionWithAnyHints) {
  for (const bool fine : {false, true}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const auto x = values(seed, fine);
      const auto want = layers_top_k_by_sorting(x, kLayers);
      ASSERT_THAT(want, SizeIs(118));
      const LayersTopK top = layers_top_k(x, kLayers);
      EXPECT_EQ(top.support, want);
      for (const float scale : {0.0F, 0.5F, 1.0F, 3.0F}) {
        std::vector<float> hints = top.magnitudes;
        for (float& hint : hints) hint *= scale;
        EXPECT_EQ(layers_top_k(x, kLayers, hints).support, want) << scale;
      }
    }
  }
}

TEST(LayerTopK, OfOneLayerIsThatOfAll) {
  const auto x = values(3, true);
  const TopK all = top_k_support(x, 52, TopKOptions{});
  const LayersTopK one = layers_top_k(x, std::vector<Layer>{{kD, 52}});
  EXPECT_EQ(one.support, all.support);
  EXPECT_THAT(one.magnitudes, ElementsAre(all.magnitude));
}

TEST(LayerTopK, AddsTheDifferenceInTheSamePass) {
  const auto theta_h = values(1, true);
  const auto theta_0 = values(2, true);
  auto e = values(3, true);
  auto want = e;
  add_difference(theta_h, theta_0, want);
  const LayersTopK top = add_difference_layers_top_k(theta_h, theta_0, e, kLayers);
  EXPECT_EQ(e, want);
  EXPECT_EQ(top.support, layers_top_k_by_sorting(want, kLayers));
  EXPECT_EQ(top.magnitudes, layers_top_k(want, kLayers).magnitudes);
}

TEST(LayerTopK, NamesTheFirstValueThatIsNotFiniteAndHasAllDifferencesThen) {
  auto theta_h = values(1, true);
  const auto theta_0 = values(2, true);
  theta_h[5'000] = std::numeric_limits<float>::quiet_NaN();
  theta_h[40] = std::numeric_limits<float>::infinity();
  auto e = values(3, true);
  auto want = e;
  add_difference(theta_h, theta_0, want);
  EXPECT_THAT([&] { (void)add_difference_layers_top_k(theta_h, theta_0, e, kLayers); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("x[40] = inf is not finite")));
  for (std::size_t i = 0; i < kD; ++i) {
    if (std::isfinite(want[i])) {
      ASSERT_EQ(e[i], want[i]) << i;
    }
  }
  EXPECT_THAT([&] { (void)layers_top_k(e, kLayers); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("x[40] = inf is not finite")));
}

TEST(LayerTopK, RefusesLayersThatDoNotFit) {
  const std::vector<float> x(10);
  const auto refuse = [&](const std::vector<Layer>& layers, const char* why) {
    EXPECT_THAT([&] { (void)layers_top_k(x, layers); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
  };
  refuse({{4, 1}, {5, 1}}, "layers of 9 coordinates, d = 10");
  refuse({{4, 1}, {6, 7}}, "k = 7 of 6 in layer 1");
  refuse({{10, 1}, {0, 0}}, "k = 0 of 0 in layer 1");
  EXPECT_THROW((void)layers_top_k(x, std::vector<Layer>{{10, 1}}, std::vector<float>(2)),
               std::invalid_argument);
}

TEST(ByLayer, GivesTheMembersOfEachLayer) {
  const std::vector<Layer> layers{{2, 1}, {3, 1}, {1, 1}};
  const std::vector<Index> set{1, 2, 4};
  const auto parts = by_layer(set, layers);
  ASSERT_THAT(parts, SizeIs(3));
  EXPECT_THAT(parts[0], ElementsAre(1));
  EXPECT_THAT(parts[1], ElementsAre(2, 4));
  EXPECT_THAT(parts[2], IsEmpty());
}

}  // namespace
}  // namespace mvsgd::compress
