// The kernels for AMX, with each instruction done in software. They must meet the processor's
// rules: a valid configuration, shapes that fit, each row's loads and stores within a cache line, a
// release.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "nn/lanes/bf16_convolution.hpp"
#include "nn/lanes/bf16_kernels.hpp"
#include "nn/lanes/tiles_amx.hpp"
#include "tests/nn/lanes/lanes_tensors.hpp"
#include "tests/nn/lanes/tile_values.hpp"
#include "tests/nn/values.hpp"
#include "tests/sanitizers.hpp"

namespace mvsgd::nn::lanes {
namespace {

using nn::testing::uniform;
using testing::InLanes;
using testing::serial;
using testing::x_extents;
using testing::y_extents;

// Faults as the processor would.
void fault_unless(bool allowed, const char* what) {
  if (!allowed) throw std::logic_error(what);
}

// The state of the tile unit, and counts of its use.
struct TileUnit {
  bool configured = false;
  TileConfiguration configuration;
  std::array<std::array<std::byte, kTileBytes>, 8> tiles;
  std::int64_t configurations = 0;
  std::int64_t products = 0;
  std::int64_t loads = 0;
  std::int64_t stores = 0;
  std::int64_t crossings = 0;  // rows that are in two cache lines

  [[nodiscard]] int rows(int tile) const { return configuration.rows[tile]; }
  [[nodiscard]] int row_bytes(int tile) const { return configuration.row_bytes[tile]; }
  // Like the processor, checks the shape when a tile is used.
  void use(int tile) const {
    fault_unless(configured, "a tile without a configuration");
    fault_unless(rows(tile) > 0, "a tile without rows");
  }
  void touch(const void* row, int bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(row);
    crossings += at / 64 != (at + static_cast<std::uintptr_t>(bytes) - 1) / 64 ? 1 : 0;
  }
};

struct Emulated {
  static TileUnit& unit() {
    thread_local TileUnit unit;
    return unit;
  }

  static void configure(const TileConfiguration& given) {
    bool valid = given.palette == 1 && given.start_row == 0;
    for (const std::uint8_t byte : given.reserved) valid = valid && byte == 0;
    for (std::size_t tile = 0; tile < 16; ++tile) {
      valid = valid && given.rows[tile] <= 16 && given.row_bytes[tile] <= 64 &&
              given.row_bytes[tile] % 4 == 0 &&
              (given.rows[tile] == 0) == (given.row_bytes[tile] == 0) &&
              (tile < 8 || given.rows[tile] == 0);
    }
    fault_unless(valid, "a configuration that is none");
    EXPECT_FALSE(unit().configured) << "the one before was not released";
    unit().configuration = given;
    unit().configured = true;
    ++unit().configurations;
    for (auto& tile : unit().tiles) tile.fill(std::byte{0});
  }
  static void release() {
    EXPECT_TRUE(unit().configured);
    unit().configured = false;
  }

  template <int Tile>
  static void zero() {
    unit().use(Tile);
    unit().tiles[Tile].fill(std::byte{0});
  }
  template <int Tile>
  static void load(const void* from, std::int64_t row_bytes) {
    TileUnit& now = unit();
    now.use(Tile);
    ++now.loads;
    for (int row = 0; row < now.rows(Tile); ++row) {
      const std::byte* at = static_cast<const std::byte*>(from) + row * row_bytes;
      now.touch(at, now.row_bytes(Tile));
      std::memcpy(now.tiles[Tile].data() + row * kRowBytes, at,
                  static_cast<std::size_t>(now.row_bytes(Tile)));
    }
  }
  template <int Tile>
  static void store(void* to, std::int64_t row_bytes) {
    TileUnit& now = unit();
    now.use(Tile);
    ++now.stores;
    EXPECT_NE(row_bytes % 4096, 0) << "ten times as slow";
    for (int row = 0; row < now.rows(Tile); ++row) {
      std::byte* at = static_cast<std::byte*>(to) + row * row_bytes;
      now.touch(at, now.row_bytes(Tile));
      std::memcpy(at, now.tiles[Tile].data() + row * kRowBytes,
                  static_cast<std::size_t>(now.row_bytes(Tile)));
    }
  }
  template <int C, int A, int B>
  static void product() {
    TileUnit& now = unit();
    for (const int tile : {C, A, B}) now.use(tile);
    static_assert(C != A && C != B && A != B);
    fault_unless(now.rows(C) == now.rows(A) && now.row_bytes(C) == now.row_bytes(B) &&
                     now.row_bytes(A) == 4 * now.rows(B),
                 "shapes that do not fit");
    EXPECT_EQ(now.row_bytes(C), kRowBytes);
    ++now.products;
    std::array<std::uint32_t, kTileSide * kTileSide> c;
    std::memcpy(c.data(), now.tiles[C].data(), sizeof(c));
    tile_product(c.data(), now.tiles[A].data(), kRowBytes, now.tiles[B].data(),
                 {.rows = now.rows(C), .pairs = now.rows(B)});
    std::memcpy(now.tiles[C].data(), c.data(), sizeof(c));
  }
};

std::vector<std::uint32_t> bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> all(values.size());
  std::memcpy(all.data(), values.data(), values.size() * sizeof(float));
  return all;
}

std::vector<float> wide(std::int64_t count, std::uint64_t seed) {
  testing::Draws draws(seed);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(std::bit_cast<float>(testing::hostile(draws, 60, 70, 4000)));
  }
  return values;
}

// The bits of y, dx and dw, NaNs with their payloads.
std::vector<std::uint32_t> results(Bf16Convolutions& convolutions, const ConvolutionShape& s) {
  const InLanes x(x_extents(s), wide(x_extents(s).count(), 1));
  const std::vector<float> w = wide(testing::weight_count(s), 2);
  const InLanes dy(y_extents(s), wide(y_extents(s).count(), 3));
  InLanes y(y_extents(s));
  InLanes dx(x_extents(s));
  std::vector<float> dw(w.size());
  convolutions.forward(s, x.data(), w.data(), y.data());
  convolutions.backward_data(s, dy.data(), w.data(), dx.data());
  convolutions.backward_weights(s, x.data(), dy.data(), dw.data(), Into::overwrite);
  std::vector<std::uint32_t> all = y.bits();
  for (const std::vector<std::uint32_t>& more : {dx.bits(), bits(dw)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

TEST(Bf16Amx, KernelsDoWhatTheProcessorAllowsAndHaveTheBitsOfTheModel) {
  for (const ConvolutionShape& s : testing::shapes()) {
    Bf16Convolutions emulated(tile_functions<AmxUnit<Emulated>>(), serial());
    Bf16Convolutions model(Bf16Engine::model, serial());
    EXPECT_EQ(results(emulated, s), results(model, s));
    EXPECT_FALSE(Emulated::unit().configured) << "not released";
    EXPECT_EQ(Emulated::unit().crossings, 0);
  }
}

// What a pass of one convolution does with the unit.
template <typename Pass>
TileUnit counted(const ConvolutionShape& s, const Pass& pass) {
  const InLanes x(x_extents(s), uniform(x_extents(s).count(), 1));
  const std::vector<float> w = uniform(testing::weight_count(s), 2);
  const InLanes dy(y_extents(s), uniform(y_extents(s).count(), 3));
  Bf16Convolutions convolutions(tile_functions<AmxUnit<Emulated>>(), serial());
  Emulated::unit() = {};
  pass(convolutions, x, w, dy);
  return Emulated::unit();
}

TEST(Bf16Amx, LoadsOnceAProductAndConfiguresRarely) {
  // There are two output tiles, so blocks of two by two. A kernel row is three products.
  const ConvolutionShape s{16, 32, 6, 8, 32, 3, 3, 1, 1};
  const std::int64_t rows_inside = 3 * 6 - 2;
  const TileUnit forward = counted(
      s, [&](Bf16Convolutions& convolutions, const InLanes& x, const auto& w, const InLanes&) {
        InLanes y(y_extents(s));
        convolutions.forward(s, x.data(), w.data(), y.data());
      });
  EXPECT_EQ(forward.products, rows_inside * 8 * 3 * 2);
  EXPECT_EQ(forward.loads, forward.products);
  EXPECT_EQ(forward.stores, 6 * 8 * 2);
  EXPECT_LE(forward.configurations, 1 + forward.products / 512);

  const TileUnit weights = counted(
      s, [&](Bf16Convolutions& convolutions, const InLanes& x, const auto& w, const InLanes& dy) {
        std::vector<float> dw(w.size());
        convolutions.backward_weights(s, x.data(), dy.data(), dw.data(), Into::overwrite);
      });
  EXPECT_EQ(weights.products, rows_inside * 4 * (2 * 3) * 2);
  EXPECT_EQ(weights.loads, weights.products);
  EXPECT_EQ(weights.stores, 9 * 2 * 2) << "one band: no sum is stored twice";
  EXPECT_LE(weights.configurations, 1 + weights.products / 512);
}

#if defined(__x86_64__) && defined(__linux__)

// The six bytes, from the first that begins with `prefix`, of a function that is one instruction.
std::vector<int> machine_code(const void* function, const std::vector<int>& prefix) {
  constexpr std::ptrdiff_t kSearched = 96;
  const auto* const code = static_cast<const unsigned char*>(function);
  const auto* const found = std::search(code, code + kSearched, prefix.begin(), prefix.end());
  return {found, found + 6};
}

// No processor need have them to compare them with Intel's manual: VEX.128, map 0F38, W0. A prefix
// byte holds the second right operand inverted, ModRM holds the result and the first.
TEST(Bf16Amx, InstructionsAreThoseOfTheManual) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's own code is in the functions";
  using Amx = AmxInstructions;
  const auto code = [](auto* function, const std::vector<int>& prefix) {
    return machine_code(reinterpret_cast<const void*>(function), prefix);
  };
  const auto is = [](const std::vector<int>& found, int second, int opcode, int mod_rm) {
    EXPECT_EQ(found[2], second);
    EXPECT_EQ(found[3], opcode);
    EXPECT_EQ(found[4], mod_rm);
  };
  const std::vector<int> map{0xC4, 0xE2};
  // tdpbf16ps tmm1, tmm5, tmm7 and tmm2, tmm4, tmm6
  is(code(&Amx::product<1, 5, 7>, map), 0x42, 0x5C, 0xCD);
  is(code(&Amx::product<2, 4, 6>, map), 0x4A, 0x5C, 0xD4);
  is(code(&Amx::zero<3>, map), 0x7B, 0x49, 0xD8);
  is(code(&Amx::release, map), 0x78, 0x49, 0xC0);
  // A tile in memory is at a base and an index: ModRM ends in 100, and the tile's number is before.
  is(code(&Amx::load<5>, map), 0x7B, 0x4B, 0x2C);
  is(code(&Amx::load<6>, map), 0x7B, 0x4B, 0x34);
  is(code(&Amx::store<2>, map), 0x7A, 0x4B, 0x14);
  const std::vector<int> configure = code(&Amx::configure, map);
  EXPECT_EQ(configure[2], 0x78);
  EXPECT_EQ(configure[3], 0x49);
  EXPECT_EQ(configure[4] & 0x38, 0) << "an address, not tilerelease's register";
}

#endif

}  // namespace
}  // namespace mvsgd::nn::lanes
