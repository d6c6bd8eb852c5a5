// Products of tiles: the model compared with a processor's results, and the other units with the
// model.
#include "nn/lanes/tiles.hpp"

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "nn/lanes/tiles_amx.hpp"
#include "nn/lanes/tiles_fma.hpp"
#include "nn/lanes/tiles_units.hpp"
#include "tests/nn/lanes/tile_values.hpp"

namespace mvsgd::nn::lanes {
namespace {

using testing::hostile_tiles;
using testing::is_nan;
using testing::Tiles;

struct Element {
  std::uint32_t c;
  std::vector<std::uint32_t> a;
  std::vector<std::uint32_t> b;
  std::uint32_t result;
};
struct Lane {
  std::uint32_t c;
  std::uint32_t a;
  std::uint32_t b;
  std::uint32_t result;
};
struct Conversion {
  std::uint32_t from;
  std::uint32_t result;
};

// Recorded on an Intel Xeon (family 6, model 207): tdpbf16ps, vdpbf16ps, vcvtneps2bf16. Zeros of
// either sign, sums around the step below which they count as subnormal, products that cancel,
// intermediate overflow, subnormal arguments, infinities, NaNs.
std::vector<Element> recorded_elements() {
  return {
      {0x80000000, {0x80008000}, {0x3F803F80}, 0x00000000},
      {0x80000000, {0x00008000}, {0x3F803F80}, 0x00000000},
      {0x80000000, {0x80000000}, {0x3F803F80}, 0x00000000},
      {0x00000000, {0x80008000}, {0x3F803F80}, 0x00000000},
      {0x80000000, {0x00000000}, {0x3F803F80}, 0x00000000},
      {0x00000000, {0x00002000, 0x00009980}, {0x20002000, 0x00001980}, 0x00800000},
      {0x00000000, {0x20000000, 0x99800000}, {0x20002000, 0x19800000}, 0x00800000},
      {0x00000000, {0x0000A000, 0x00001980}, {0x20002000, 0x00001980}, 0x80800000},
      {0x00000000, {0xA0000000, 0x19800000}, {0x20002000, 0x19800000}, 0x80800000},
      {0x00000000, {0x00002000, 0x00009980}, {0x20002000, 0x00001A00}, 0x00800000},
      {0x00000000, {0x20000000, 0x99800000}, {0x20002000, 0x1A000000}, 0x00800000},
      {0x00000000, {0x0000A000, 0x00001980}, {0x20002000, 0x00001A00}, 0x80800000},
      {0x00000000, {0xA0000000, 0x19800000}, {0x20002000, 0x1A000000}, 0x80800000},
      {0x00000000, {0x00002000, 0x000099C0}, {0x20002000, 0x00001A00}, 0x00000000},
      {0x00000000, {0x20000000, 0x99C00000}, {0x20002000, 0x1A000000}, 0x00000000},
      {0x00000000, {0x0000A000, 0x000019C0}, {0x20002000, 0x00001A00}, 0x00000000},
      {0x00000000, {0xA0000000, 0x19C00000}, {0x20002000, 0x1A000000}, 0x00000000},
      {0x00000000, {0x00002000, 0x00009A00}, {0x20002000, 0x00001A00}, 0x00000000},
      {0x00000000, {0x20000000, 0x9A000000}, {0x20002000, 0x1A000000}, 0x00000000},
      {0x00000000, {0x0000A000, 0x00001A00}, {0x20002000, 0x00001A00}, 0x00000000},
      {0x00000000, {0xA0000000, 0x1A000000}, {0x20002000, 0x1A000000}, 0x00000000},
      {0xC1FFFFFF, {0x3CE04432, 0xBCE0C432}, {0x41D3C67F, 0x41D3C67F}, 0xC1FFFFFF},
      {0x39E496F5, {0x3C6D4337, 0xBC6DC337}, {0xBDACB8EB, 0x44D93B7F}, 0xC1CEC2DF},
      {0x46FFFFFE, {0x3C6D4337, 0xBC6DC337}, {0xC632C300, 0xC0FE42E0}, 0xC630D2B8},
      {0xC3E16419, {0x42803FFF, 0xC280BFFF}, {0xBE73BE35, 0x42F0BB22}, 0xC5FE9289},
      {0xB583EA65, {0xBDC4C640, 0x3901BDE0}, {0xB8203820, 0xB8203820}, 0xBEF00033},
      {0x01A60001,
       {0x819A817E, 0x019A017E, 0x819A817E, 0x019A017E, 0x81F101AE},
       {0x00DF818B, 0x000A807F, 0x80D3817F, 0x01408029, 0x00D10065},
       0x01A60001},
      {0x011F0001,
       {0x81000163, 0x0077017F, 0x815F0049, 0x81208138, 0x01200138},
       {0x00DF818B, 0x000A807F, 0x80D3817F, 0x01408029, 0x00D10065},
       0x011F0001},
      {0x8B7FFFFE,
       {0x9FE89FF6, 0x1F549F4B, 0xA2B6A12C, 0x22471E3B, 0x1F7F2140, 0xA0F59FA1},
       {0xA0FFA2FF, 0x1F8D1E7F, 0x9EFEA082, 0x1FC01E4C, 0x9DFFA2DC, 0x1D14A20E},
       0x8B8001A9},
      {0x0133E2FD,
       {0x80FF0073, 0x00A00042, 0x019A017E, 0x819A817E, 0x019A017E},
       {0x01B60020, 0x01B60020, 0x80FE8160, 0x80FE8160, 0x80FE8160},
       0x0133E2FD},
      {0x887FFFFD, {0x9F2F1F6D, 0x1F2F9F6D}, {0x9EFF1F00, 0x9EFF1F00}, 0x887FFFFD},
      {0xF74E3E07, {0x607FDC7F, 0xDF135C80}, {0xDE665DD3, 0xDE665DD3}, 0xFF4415E4},
      {0x7AEAC631, {0xDDC0DC20, 0x5DC05C20}, {0xDFD35E7F, 0xDFD35E7F}, 0x7AEAC631},
      {0xFCFA8207,
       {0xDFCE5CE6, 0x5FCEDCE6, 0x00805DC2, 0x8080DDC2, 0x5E415F7F},
       {0xDCAFDC13, 0xDCAFDC13, 0xDCAFDC13, 0xDCAFDC13, 0xDCAFDC13},
       0xFD325A24},
      {0xBF8087A2,
       {0xDDFFDE00, 0x5DFF5E00, 0xDDFFDE00, 0x5DFF5E00, 0xDDFFDE00},
       {0x5DFFDCE1, 0x5DFFDCE1, 0x5DFFDCE1, 0x5DFFDCE1, 0x5DFFDCE1},
       0xFC45C100},
      {0x7EA6B72D,
       {0xE0FF607F, 0x60FFE07F, 0x5D205DC0, 0xDD20DDC0, 0x5D205DC0},
       {0x0080E026, 0x0080E026, 0x0080E026, 0xDDE0DD47, 0xDDE0DD47},
       0xFF800000},
      {0x799329F1,
       {0x5EC0DF60, 0xDFC0DCC9, 0x5FCEDEAC},
       {0x5CAB5CE0, 0xDD9F5E7F, 0x5FDC5CFF},
       0x7F800000},
      {0x81C00000,
       {0x9F7F1DFF, 0xFF7F9F5C, 0x80009F7F, 0x00808080, 0x22E422CD, 0x1F70A19E},
       {0x7F809D7F, 0x1E320001, 0xA2642298, 0x206220FD, 0x1F1CA089, 0x80001D99},
       0xFF800000},
      {0xF8932ED1,
       {0x3F805D1F, 0xBF80DD1F, 0x60FFE07F, 0xE0FF607F, 0x60FFE07F},
       {0x5DAB5D40, 0x5DAB5D40, 0x5DAB5D40, 0x5F7F6023, 0x5F7F6023},
       0xFFC00000},
      {0xFA400000,
       {0xE0D17F7F, 0x60D1FF7F, 0xE0D17F7F, 0x60D1FF7F, 0xE0D17F7F},
       {0x7F7F5E5E, 0x7F7F5E5E, 0x7F80DE7F, 0x7F80DE7F, 0x00000000},
       0xFFC00000},
      {0x02FFFFFD,
       {0x9EA5208E, 0x00809FE0, 0x1EE01D70, 0xA2847F80, 0x7F80FF80, 0xA1603F80},
       {0x1E321F00, 0x00017F81, 0x229420E0, 0x1EBB9FE0, 0xA1DB9F7F, 0x22CA8080},
       0x7FC10000},
      {0x00010000,
       {0x8080227F, 0x9FFF9F40, 0x20201D4E, 0x7F7F9FFF, 0x80008040, 0x9DA07F80},
       {0xA00022BA, 0x8040215B, 0x1D801FFF, 0xFFC3A113, 0xA27F217F, 0xA02CA240},
       0xFFC30000},
      {0x81FFFFFE,
       {0x9D3522E0, 0x227FA07F, 0x1D400001, 0xA1A00000, 0x9EB922DA, 0x1F942091},
       {0x1D7F2122, 0x80809F20, 0xA033A2E0, 0x1E80FFC3, 0x9FFF1D00, 0x21FF20E0},
       0xFFC30000},
      {0x002FC616,
       {0x0042012E, 0x8042812E, 0x0180816B, 0x003F0100, 0x803F8100},
       {0x80710031, 0x80710031, 0x80710031, 0x80DF80F5, 0x80D40163},
       0x00000000},
      {0x007FFFFD,
       {0x0042012E, 0x8042812E, 0x0180816B, 0x003F0100, 0x803F8100},
       {0x00A480C7, 0x00A480C7, 0x00A480C7, 0x00A480C7, 0x00A480C7},
       0x00000000},
      {0x8007ADB2,
       {0x8042812E, 0x0042012E, 0x8042812E, 0x0042012E, 0x8042812E},
       {0x00DF818B, 0x000A807F, 0x80D3817F, 0x01408029, 0x00D10065},
       0x00000000},
      {0x004D0001,
       {0x003F0100, 0x803F8100, 0x003F0100, 0x81D301DA, 0x01D381DA},
       {0x000080A0, 0x000080A0, 0x000080A0, 0x000080A0, 0x000080A0},
       0x00000000},
      {0x803B8D5B,
       {0x81000163, 0x0077017F, 0x815F0049, 0x81208138, 0x01200138},
       {0x00140149, 0x00140149, 0x00140149, 0x81FC0080, 0x80FD007F},
       0x00000000},
  };
}
std::vector<Lane> recorded_lanes() {
  return {
      {0xBA872B6E, 0x4427B83D, 0xC000C0E0, 0xC4A70005},
      {0x80FFFFFF, 0x018F0007, 0x5CFA5E6D, 0x1F0BA600},
      {0x017E0000, 0x80C001FF, 0x81FD8060, 0x017E0000},
      {0x0107B825, 0x806D0089, 0x01AF8180, 0x0107B825},
      {0xC3E1DD45, 0x0D7F3F80, 0x62AE7560, 0x75600000},
      {0xFD000000, 0x00806064, 0x5D31DD31, 0xFE3DA400},
      {0xA0F8E463, 0xBF80FE7F, 0xE324E197, 0x7F800000},
      {0x7EA90000, 0xDE45DFBD, 0x5FE0E079, 0x7F800000},
      {0x0B9D0000, 0x1F95FF80, 0x20D88000, 0xFFC00000},
      {0xE1149183, 0x33807F81, 0x95B7FB7F, 0x7FC10000},
      {0x801BD9FD, 0x81AE0000, 0x00BB804C, 0x80000000},
      {0x003AA768, 0x00698124, 0x81E080BE, 0x00000000},
  };
}
std::vector<Conversion> recorded_conversions() {
  return {
      {0x5EAD0001, 0x00005EAD}, {0x43458001, 0x00004346}, {0x35D08000, 0x000035D0},
      {0xDD7C8000, 0x0000DD7C}, {0xFA018001, 0x0000FA02}, {0xFA191CA9, 0x0000FA19},
      {0x7A7F8000, 0x00007A80}, {0xF8608000, 0x0000F860}, {0x7F800000, 0x00007F80},
      {0x7F800000, 0x00007F80}, {0x7F807FFF, 0x00007FC0}, {0x7F818001, 0x00007FC1},
      {0x7F818000, 0x00007FC1}, {0x7F808000, 0x00007FC0}, {0x00800000, 0x00000080},
      {0x80800000, 0x00008080}, {0x007F0000, 0x00000000}, {0x00010000, 0x00000000},
      {0x80008000, 0x00008000}, {0x00808000, 0x00000080}, {0x00000000, 0x00000000},
      {0x80000000, 0x00008000},
  };
}

std::uint16_t even(std::uint32_t word) { return static_cast<std::uint16_t>(word); }
std::uint16_t odd(std::uint32_t word) { return static_cast<std::uint16_t>(word >> 16U); }

// vdpbf16ps, which adds its two products, the odd one first, to c itself.
std::uint32_t lane(const Lane& given) {
  return fused_product(even(given.a), even(given.b),
                       fused_product(odd(given.a), odd(given.b), given.c));
}

TEST(TileModel, HasTheBitsThatAProcessorHad) {
  for (const Element& element : recorded_elements()) {
    EXPECT_EQ(tile_element(element.c, element.a.data(), element.b.data(), 1,
                           static_cast<int>(element.a.size())),
              element.result)
        << std::hex << element.c << ' ' << element.a[0] << ' ' << element.b[0];
  }
  for (const Lane& given : recorded_lanes()) {
    EXPECT_EQ(lane(given), given.result) << std::hex << given.c << ' ' << given.a << ' ' << given.b;
  }
  for (const Conversion& given : recorded_conversions()) {
    EXPECT_EQ(nearest_bf16(given.from), given.result) << std::hex << given.from;
  }
}

// The words of ../shared/amx/vectors.bin, whose README gives their order; {} if the file does not
// exist.
std::vector<std::uint32_t> recorded_words() {
  const std::filesystem::path path =
      std::filesystem::path(MVSGD_TESTS_DIR) / "../../shared/amx/vectors.bin";
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::uint32_t> words;
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      word |= std::uint32_t{static_cast<unsigned char>(bytes[i + j])} << (8 * j);
    }
    words.push_back(word);
  }
  return words;
}

TEST(TileModel, HasTheBitsOfEveryRecordedVector) {
  const std::vector<std::uint32_t> words = recorded_words();
  if (words.empty()) GTEST_SKIP() << "no ../shared/amx/vectors.bin beside this tree";
  ASSERT_EQ(words.at(0), 0x42584D41U);
  ASSERT_EQ(words.at(1), 1U);
  const std::uint32_t* at = words.data() + 5;
  std::size_t different = 0;
  for (std::uint32_t i = 0; i < words[2]; ++i) {
    const std::size_t rows = at[0];
    const std::size_t columns = at[1];
    const std::size_t pairs = at[2];
    const std::uint32_t* a = at + 3;
    const std::uint32_t* b = a + rows * pairs;
    const std::uint32_t* c = b + pairs * columns;
    const std::uint32_t* result = c + rows * columns;
    for (std::size_t m = 0; m < rows; ++m) {
      for (std::size_t n = 0; n < columns; ++n) {
        const std::size_t e = m * columns + n;
        const std::uint32_t found =
            tile_element(c[e], a + m * pairs, b + n, columns, static_cast<int>(pairs));
        different += found != result[e] ? 1U : 0U;
      }
    }
    at = result + rows * columns;
  }
  for (std::uint32_t i = 0; i < words[3]; ++i, at += 4) {
    different += lane({at[0], at[1], at[2], 0}) != at[3] ? 1U : 0U;
  }
  for (std::uint32_t i = 0; i < words[4]; ++i, at += 2) {
    different += nearest_bf16(at[0]) != at[1] ? 1U : 0U;
  }
  EXPECT_EQ(different, 0U);
  EXPECT_EQ(at + 2, words.data() + words.size()) << "all but the checksum";
}

TEST(TileModel, AddsTheSumOfAProductOnceAndLast) {
  // Next to 2^24 a single 1 is lost, but the sum of two is not.
  const std::uint32_t large = std::bit_cast<std::uint32_t>(0x1p24F);
  const std::uint32_t ones = 0x3F803F80;
  EXPECT_EQ(tile_element(large, &ones, &ones, 1, 1), std::bit_cast<std::uint32_t>(0x1p24F + 2.0F));
}

// C after a product by Unit. Tiles lie in memory as in its loops.
template <typename Unit>
std::vector<std::uint32_t> product_by(const Tiles& tiles) {
  std::vector<std::uint32_t> c = tiles.c;
  Unit unit(tiles.shape);
  unit.template load<2>(c.data(), kRowBytes);
  unit.template load<5>(tiles.a.data(), kRowBytes);
  unit.template load<7>(tiles.b.data(), kRowBytes);
  unit.template product<2, 5, 7>();
  unit.template store<2>(c.data());
  return c;
}

TEST(TileFma, HasTheBitsOfTheModelButForThePayloadOfNaNs) {
  if (!fma_tiles_objection().empty()) GTEST_SKIP() << fma_tiles_objection();
  std::size_t nans = 0;
  std::size_t numbers = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const Tiles tiles = hostile_tiles(seed);
    const std::vector<std::uint32_t> want = product_by<ModelUnit>(tiles);
    const auto compare = [&](std::string_view by, const std::vector<std::uint32_t>& got) {
      for (std::size_t i = 0; i < want.size(); ++i) {
        if (is_nan(want[i])) {
          ++nans;
          ASSERT_TRUE(is_nan(got[i])) << by << ' ' << seed << ' ' << i;
        } else {
          ++numbers;
          ASSERT_EQ(got[i], want[i]) << by << ' ' << seed << ' ' << i;
        }
      }
    };
    compare("unit", product_by<FmaUnit>(tiles));
    for (const auto& [isa, product] : tile_products_fma()) {
      std::vector<std::uint32_t> got = tiles.c;
      {
        const FlushedSubnormals flushed;
        product(got.data(), reinterpret_cast<const std::byte*>(tiles.a.data()), kRowBytes,
                reinterpret_cast<const std::byte*>(tiles.b.data()), tiles.shape);
      }
      compare(name(isa), got);
    }
    if (HasFatalFailure()) return;
  }
  const std::size_t compared = 1 + tile_products_fma().size();
  EXPECT_GT(compared, 1U);
  EXPECT_GT(nans, 1000 * compared);
  EXPECT_GT(numbers, 40000 * compared);
}

TEST(TileFma, LeavesTheModeOfRoundingAsItWas) {
  if (!fma_tiles_objection().empty()) GTEST_SKIP() << fma_tiles_objection();
  volatile float least = 0x1p-126F;
  volatile float half = 0.5F;
  // A comparison of floats would also take a subnormal for zero.
  const auto bits = [](float x) { return std::bit_cast<std::uint32_t>(x); };
  {
    const FlushedSubnormals flushed;
    EXPECT_EQ(bits(least * half), 0U);
  }
  EXPECT_EQ(bits(least * half), 0x00400000U);
}

TEST(TileAmx, HasTheBitsOfTheModel) {
  if (const std::string why = amx_objection(); !why.empty()) GTEST_SKIP() << why;
#if defined(__x86_64__) && defined(__linux__)
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const Tiles tiles = hostile_tiles(seed);
    ASSERT_EQ(product_by<AmxUnit<AmxInstructions>>(tiles), product_by<ModelUnit>(tiles)) << seed;
  }
#endif
}

TEST(TileAmx, IsConfiguredForShapesThatFitEachOther) {
  for (int rows = 1; rows <= kTileSide; ++rows) {
    for (int pairs = 1; pairs <= kTileSide; ++pairs) {
      const TileConfiguration found = tile_configuration({.rows = rows, .pairs = pairs});
      EXPECT_EQ(found.palette, 1);
      EXPECT_EQ(found.start_row, 0);
      for (const std::uint8_t byte : found.reserved) EXPECT_EQ(byte, 0);
      for (std::size_t tile = 0; tile < 16; ++tile) {
        const bool left = tile == 4 || tile == 5;
        const bool right = tile == 6 || tile == 7;
        EXPECT_EQ(found.rows[tile], tile > 7 ? 0 : right ? pairs : rows);
        EXPECT_EQ(found.row_bytes[tile], tile > 7 ? 0 : left ? 4 * pairs : 64);
      }
    }
  }
}

TEST(TileAmx, RefusesShapesThatRaiseAFault) {
  EXPECT_THROW((void)tile_configuration({.rows = 0, .pairs = 1}), std::invalid_argument);
  EXPECT_THROW((void)tile_configuration({.rows = 17, .pairs = 1}), std::invalid_argument);
  EXPECT_THROW((void)tile_configuration({.rows = 1, .pairs = 0}), std::invalid_argument);
  EXPECT_THROW((void)tile_configuration({.rows = 1, .pairs = 17}), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::nn::lanes
