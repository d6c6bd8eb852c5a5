// bfloat16 convolutions in lanes: error bounds, exactness on small integers, one set of bits.
#include "nn/lanes/bf16_convolution.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "nn/backend_error.hpp"
#include "nn/lanes/bf16_plan.hpp"
#include "tests/nn/lanes/lanes_tensors.hpp"
#include "tests/nn/lanes/tile_values.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn::lanes {
namespace {

using nn::testing::all_near;
using nn::testing::small_integers;
using nn::testing::uniform;
using ::testing::Each;
using ::testing::HasSubstr;
using namespace testing;

std::vector<Bf16Engine> engines_here() {
  std::vector<Bf16Engine> engines;
  for (const Bf16Engine engine : {Bf16Engine::amx, Bf16Engine::fma, Bf16Engine::model}) {
    if (objection(engine).empty()) engines.push_back(engine);
  }
  return engines;
}

std::string text(const ConvolutionShape& s) {
  std::string all;
  for (const std::int64_t extent : {s.images, s.channels, s.height, s.width, s.outputs,
                                    s.kernel_height, s.kernel_width, s.stride, s.padding}) {
    all += std::to_string(extent) + ' ';
  }
  return all;
}

// The arguments of all three passes, plain.
struct Arguments {
  std::vector<float> x;
  std::vector<float> w;
  std::vector<float> dy;
};

template <typename Draw>
Arguments arguments(const ConvolutionShape& s, const Draw& draw) {
  return {draw(x_extents(s).count(), 1), draw(weight_count(s), 2), draw(y_extents(s).count(), 3)};
}

std::vector<float> wide(std::int64_t count, std::uint64_t seed) {
  Draws draws(seed);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(std::bit_cast<float>(hostile(draws, 60, 70, 4000)));
  }
  return values;
}

// The results of all three passes, in lanes except dw.
struct Results {
  InLanes y;
  InLanes dx;
  std::vector<float> dw;

  [[nodiscard]] std::vector<std::uint32_t> bits() const {
    std::vector<std::uint32_t> all = y.bits();
    const std::vector<std::uint32_t> more = dx.bits();
    all.insert(all.end(), more.begin(), more.end());
    for (const float value : dw) all.push_back(std::bit_cast<std::uint32_t>(value));
    return all;
  }
};

Results run(Bf16Convolutions& convolutions, const ConvolutionShape& s, const Arguments& given) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Results results{InLanes(y_extents(s), nan), InLanes(x_extents(s), nan),
                  std::vector<float>(static_cast<std::size_t>(weight_count(s)), nan)};
  const InLanes x(x_extents(s), given.x);
  const InLanes dy(y_extents(s), given.dy);
  convolutions.forward(s, x.data(), given.w.data(), results.y.data());
  convolutions.backward_data(s, dy.data(), given.w.data(), results.dx.data());
  convolutions.backward_weights(s, x.data(), dy.data(), results.dw.data(), Into::overwrite);
  return results;
}

Results run(Bf16Engine engine, const ParallelLoop& loop, const ConvolutionShape& s,
            const Arguments& given) {
  Bf16Convolutions convolutions(engine, loop);
  return run(convolutions, s, given);
}

// Sums in double of the products of rounded arguments, which are exact, and of the products'
// magnitudes.
struct Sums {
  std::vector<double> value;
  std::vector<double> magnitude;
  explicit Sums(std::int64_t count)
      : value(static_cast<std::size_t>(count)), magnitude(value.size()) {}
  void add(std::size_t at, double product) {
    value[at] += product;
    magnitude[at] += std::abs(product);
  }
};
struct Exact {
  Sums y;
  Sums dx;
  Sums dw;
  Exact(const ConvolutionShape& s, Arguments given)
      : y(y_extents(s).count()), dx(x_extents(s).count()), dw(weight_count(s)) {
    for (auto* values : {&given.x, &given.w, &given.dy}) {
      std::transform(values->begin(), values->end(), values->begin(), rounded_to_bf16);
    }
    for_each_product(s, [&](std::size_t i, std::size_t j, std::size_t k) {
      y.add(k, double{given.x[i]} * given.w[j]);
      dx.add(i, double{given.dy[k]} * given.w[j]);
      dw.add(j, double{given.x[i]} * given.dy[k]);
    });
  }
};

// A product of an argument passes at most `pairs` fused additions of its half, the sum of the two
// halves, and one addition for each tile product. That many roundings each change it by a factor
// within 1 +- 2^-24. Flushing to zero does not matter here: all terms are far above 2^-126.
auto bound(const Sums& sums, std::int64_t pairs, std::int64_t products) {
  const double roundings = static_cast<double>(pairs + 1 + products) * 0x1p-24;
  return
      [&sums, roundings](std::size_t i) { return roundings / (1 - roundings) * sums.magnitude[i]; };
}

TEST(Bf16Convolutions, AreWithinTheirBoundOfTheExactSumsOfRoundedArguments) {
  for (const ConvolutionShape& s : shapes()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, uniform);
    const Exact exact(s, given);
    const Results found = run(fastest_bf16_engine(), serial(), s, given);
    const Gather gather = forward_gather(s);
    EXPECT_TRUE(
        all_near(found.y.plain(), exact.y.value,
                 bound(exact.y, gather.cut().pairs, gather.rows.taps * gather.cut().steps)));
    Cut longest;
    std::int64_t taps = 0;
    for (const Gather& part : data_gathers(s)) {
      longest.pairs = std::max(longest.pairs, part.cut().pairs);
      longest.steps = std::max(longest.steps, part.cut().steps);
      taps = std::max(taps, part.rows.taps);
    }
    EXPECT_TRUE(all_near(found.dx.plain(), exact.dx.value,
                         bound(exact.dx, longest.pairs, taps * longest.steps)));
    const WeightSum sum(s);
    EXPECT_TRUE(
        all_near(found.dw, exact.dw.value,
                 bound(exact.dw, sum.tile().pairs, s.blocks() * s.result_height() * sum.steps())));
  }
}

TEST(Bf16Convolutions, AreExactOnSmallIntegersWithEveryEngine) {
  for (const ConvolutionShape& s : shapes()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, small_integers);
    const Exact exact(s, given);
    for (const Bf16Engine engine : engines_here()) {
      const Results found = run(engine, serial(), s, given);
      EXPECT_TRUE(all_near(found.y.plain(), exact.y.value, 0.0)) << name(engine);
      EXPECT_TRUE(all_near(found.dx.plain(), exact.dx.value, 0.0)) << name(engine);
      EXPECT_TRUE(all_near(found.dw, exact.dw.value, 0.0)) << name(engine);
      EXPECT_THAT(found.y.past_the_images(), Each(0.0F)) << name(engine);
      EXPECT_THAT(found.dx.past_the_images(), Each(0.0F)) << name(engine);
    }
  }
}

TEST(Bf16Convolutions, HaveTheBitsOfTheModelWithEveryEngine) {
  for (const ConvolutionShape& s : shapes()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, wide);
    const std::vector<std::uint32_t> want = run(Bf16Engine::model, serial(), s, given).bits();
    for (const Bf16Engine engine : engines_here()) {
      const std::vector<std::uint32_t> got = run(engine, serial(), s, given).bits();
      std::size_t different = 0;
      for (std::size_t i = 0; i < want.size(); ++i) {
        const bool same =
            is_nan(want[i]) && engine == Bf16Engine::fma ? is_nan(got[i]) : got[i] == want[i];
        different += same ? 0U : 1U;
      }
      EXPECT_EQ(different, 0U) << name(engine);
    }
  }
}

// In the larger ones the packed arguments fill several bands, by rows and by image blocks.
std::vector<ConvolutionShape> several_bands() {
  return {{17, 96, 24, 20, 18, 3, 3, 1, 1}, {50, 64, 12, 12, 20, 3, 3, 2, 1}};
}

TEST(Bf16Convolutions, DoNotDependOnThreads) {
  for (const ConvolutionShape& s : several_bands()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, uniform);
    const Bf16Engine engine = fastest_bf16_engine();
    const std::vector<std::uint32_t> want = run(engine, serial(), s, given).bits();
    for (const int threads : {1, 2, 3}) {
      EXPECT_EQ(run(engine, by_threads(threads), s, given).bits(), want) << threads;
    }
  }
}

TEST(Bf16Convolutions, AreExactOverSeveralBands) {
  for (const ConvolutionShape& s : several_bands()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, small_integers);
    const Exact exact(s, given);
    const Results found = run(fastest_bf16_engine(), serial(), s, given);
    EXPECT_TRUE(all_near(found.y.plain(), exact.y.value, 0.0));
    EXPECT_TRUE(all_near(found.dx.plain(), exact.dx.value, 0.0));
    EXPECT_TRUE(all_near(found.dw, exact.dw.value, 0.0));
  }
}

// A block of 16 images takes half a band and more, in every pass.
TEST(Bf16Convolutions, KeepNoMoreMemoryForMoreImages) {
  const auto kept = [](std::int64_t images) {
    const ConvolutionShape s{images, 64, 16, 16, 64, 3, 3, 1, 1};
    Bf16Convolutions convolutions(fastest_bf16_engine(), serial());
    run(convolutions, s, arguments(s, small_integers));
    return convolutions.bytes();
  };
  const std::int64_t of_a_block = kept(16);
  EXPECT_GT(of_a_block, std::int64_t{1} << 20);
  EXPECT_EQ(kept(48), of_a_block);
}

TEST(Bf16Convolutions, AreWhatTheyWereAfterOthersHaveUsedTheirMemory) {
  Bf16Convolutions convolutions(fastest_bf16_engine(), serial());
  for (const ConvolutionShape& s : shapes()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, uniform);
    EXPECT_EQ(run(convolutions, s, given).bits(),
              run(fastest_bf16_engine(), serial(), s, given).bits());
  }
}

// A convolution by a single 1 gives each element rounded. A zero then loses its sign, since sums
// begin with +0.
TEST(Bf16Convolutions, RoundEveryArgumentAsNearestBf16Does) {
  constexpr std::int64_t kCount = 4096;
  Draws draws(7);
  // First subnormals that would round to the smallest normal number.
  std::vector<float> values;
  for (const std::uint32_t x : {0x007FFFFFU, 0x007F8000U, 0x807FC000U}) {
    values.push_back(std::bit_cast<float>(x));
  }
  while (std::ssize(values) < kCount) {
    const std::uint32_t x = hostile(draws, 1, 253, 6);
    // Half of them are ties or next to ties.
    const std::uint32_t near_tie = (x & 0xFFFF0000U) | (0x7FFFU + draws.below(3));
    values.push_back(std::bit_cast<float>(draws.below(2) == 0 ? x : near_tie));
  }
  std::vector<std::uint32_t> want;
  for (const float value : values) {
    const std::uint32_t rounded = std::uint32_t{nearest_bf16(std::bit_cast<std::uint32_t>(value))}
                                  << 16U;
    want.push_back((rounded & 0x7F800000U) == 0 ? 0 : rounded);
  }
  Bf16Convolutions convolutions(Bf16Engine::model, serial());
  const auto bits = [](const std::vector<float>& found) {
    std::vector<std::uint32_t> all(found.size());
    std::memcpy(all.data(), found.data(), found.size() * sizeof(float));
    return all;
  };

  const std::vector<float> one = {1.0F};
  const ConvolutionShape of_x{16, 1, 16, 16, 1, 1, 1, 1, 0};
  const InLanes x({16, 1, 16, 16}, values);
  InLanes y({16, 1, 16, 16});
  convolutions.forward(of_x, x.data(), one.data(), y.data());
  EXPECT_EQ(bits(y.plain()), want) << "x";

  // One image and one channel, so that y has each weight once, in whole vectors of a kernel and
  // past them.
  const ConvolutionShape of_w{1, 1, 1, 1, 256, 4, 4, 1, 3};
  const InLanes single({1, 1, 1, 1}, one);
  InLanes turned({1, 256, 4, 4});
  convolutions.forward(of_w, single.data(), values.data(), turned.data());
  std::vector<std::uint32_t> found = bits(turned.plain());
  for (std::size_t o = 0; o < 256; ++o) {
    std::reverse(found.begin() + static_cast<std::ptrdiff_t>(16 * o),
                 found.begin() + static_cast<std::ptrdiff_t>(16 * o + 16));
  }
  // Next to an infinite weight, a column outside the image is 0 * inf if it meets the weight's row.
  std::size_t different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    bool beside_infinite = false;
    for (std::size_t j = i / 4 * 4; j < i / 4 * 4 + 4; ++j) {
      beside_infinite |= (want[j] & 0x7F800000U) == 0x7F800000U;
    }
    different += found[i] != want[i] && !beside_infinite ? 1U : 0U;
  }
  EXPECT_EQ(different, 0U) << "w";

  for (const bool of_images : {true, false}) {
    // dw for one pixel and one image, with the other argument 1.
    std::vector<std::uint32_t> sums;
    for (std::int64_t n = 0; n < 64; ++n) {
      const InLanes value({1, 1, 1, 1}, std::vector<float>{values[static_cast<std::size_t>(n)]});
      std::vector<float> dw(1);
      const ConvolutionShape single_pixel{1, 1, 1, 1, 1, 1, 1, 1, 0};
      convolutions.backward_weights(single_pixel, of_images ? value.data() : single.data(),
                                    of_images ? single.data() : value.data(), dw.data(),
                                    Into::overwrite);
      sums.push_back(bits(dw)[0]);
    }
    EXPECT_EQ(sums, std::vector<std::uint32_t>(want.begin(), want.begin() + 64))
        << (of_images ? "x" : "dy") << " of a weight gradient";
  }
}

// x in lanes and rounded, in the same order.
std::vector<std::uint16_t> halves(const InLanes& x) {
  std::vector<std::uint16_t> all;
  for (const std::uint32_t value : x.bits()) all.push_back(nearest_bf16(value));
  return all;
}

TEST(Bf16Convolutions, TakeActivationsThatAreRoundedAlready) {
  for (const ConvolutionShape& s : shapes()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, uniform);
    Results want = run(fastest_bf16_engine(), serial(), s, given);
    const std::vector<std::uint16_t> x = halves(InLanes(x_extents(s), given.x));
    const std::vector<std::uint16_t> dy = halves(InLanes(y_extents(s), given.dy));
    InLanes y(y_extents(s));
    InLanes dx(x_extents(s));
    std::vector<float> dw(given.w.size());
    Bf16Convolutions convolutions(fastest_bf16_engine(), serial());
    convolutions.forward(s, x.data(), given.w.data(), y.data());
    convolutions.backward_data(s, dy.data(), given.w.data(), dx.data());
    convolutions.backward_weights(s, x.data(), dy.data(), dw.data(), Into::overwrite);
    EXPECT_EQ(y.bits(), want.y.bits());
    EXPECT_EQ(dx.bits(), want.dx.bits());
    EXPECT_EQ(dw, want.dw);
  }
}

TEST(Bf16Convolutions, AddWeightGradientsToWhatIsThere) {
  for (const ConvolutionShape& s : shapes()) {
    SCOPED_TRACE(text(s));
    const Arguments given = arguments(s, small_integers);
    const InLanes x(x_extents(s), given.x);
    const InLanes dy(y_extents(s), given.dy);
    Bf16Convolutions convolutions(fastest_bf16_engine(), serial());
    std::vector<float> dw(given.w);
    convolutions.backward_weights(s, x.data(), dy.data(), dw.data(), Into::add);
    std::vector<double> want = Exact(s, given).dw.value;
    for (std::size_t i = 0; i < want.size(); ++i) want[i] += given.w[i];
    EXPECT_TRUE(all_near(dw, want, 0.0));
  }
}

TEST(Bf16Convolutions, LetANanThrough) {
  const ConvolutionShape s = shapes().front();
  Arguments given = arguments(s, uniform);
  given.x[0] = std::numeric_limits<float>::quiet_NaN();
  const Results found = run(fastest_bf16_engine(), serial(), s, given);
  EXPECT_TRUE(std::isnan(found.y.plain()[0]));
  EXPECT_TRUE(std::isnan(found.dw[4])) << "the middle of the kernel meets every pixel";
}

TEST(Bf16Convolutions, RefuseExtentsThatAreNone) {
  Bf16Convolutions convolutions(Bf16Engine::model, serial());
  const auto refused = [&](const ConvolutionShape& s) {
    try {
      convolutions.forward(s, static_cast<const float*>(nullptr), nullptr, nullptr);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(refused({1, 2, 3, 4, 5, 6, 1, 1, 1}), "convolution: n1 c2 h3 w4 o5 R6 S1 s1 p1");
  EXPECT_THAT(refused({1, 1, 3, 3, 1, 1, 4, 1, 0}), HasSubstr("S4"));
  EXPECT_THAT(refused({0, 1, 1, 1, 1, 1, 1, 1, 0}), HasSubstr("n0"));
  EXPECT_THAT(refused({1, 1, 1, 1, 1, 1, 1, 0, 0}), HasSubstr("s0"));
  EXPECT_THAT(refused({1, 1, 1, 1, 1, 1, 1, 1, -1}), HasSubstr("p-1"));
}

TEST(Bf16Convolutions, AnEngineThatIsNotHereIsRefusedWithTheReason) {
  bool lacks_any = false;
  for (const Bf16Engine engine : {Bf16Engine::amx, Bf16Engine::fma}) {
    const std::string why = objection(engine);
    if (why.empty()) continue;
    lacks_any = true;
    try {
      const Bf16Convolutions convolutions(engine, serial());
      ADD_FAILURE() << name(engine);
    } catch (const UnavailableError& error) {
      EXPECT_EQ(error.what(), "bfloat16 convolutions by " + std::string(name(engine)) + ": " + why);
    }
  }
  if (!lacks_any) GTEST_SKIP() << "all engines are here";
}

}  // namespace
}  // namespace mvsgd::nn::lanes
