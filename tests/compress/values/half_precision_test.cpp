#include "compress/values/half_precision.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "comm/bit_stream.hpp"

namespace mvsgd::compress {
namespace {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;
using comm::DecodeError;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr HalfFormat kFormats[] = {kFloat16, kBfloat16};

std::vector<float> recovered(const HalfFormat& format, const std::vector<float>& v) {
  const HalfPrecision quantizer(format);
  std::vector<float> values(v.size());
  quantizer.recover(quantizer.quantize(v), values);
  return values;
}

/// Random bits of finite floats, and what lies next to the midpoints between values of the format.
std::vector<float> inputs(const HalfFormat& format) {
  std::mt19937 random(format.fraction_bits);
  std::vector<float> v = {0.0F, -0.0F, 65504.0F, 65519.9F, 65520.0F, -65520.0F, 1e-8F};
  v.push_back(std::numeric_limits<float>::max());
  v.push_back(-std::numeric_limits<float>::denorm_min());
  while (v.size() < 300) {
    const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(x)) v.push_back(x);
  }
  const HalfPrecision quantizer(format);
  while (v.size() < 900) {
    const auto half = static_cast<std::uint16_t>(random() % format.largest());
    const float a = quantizer.value_of(half);
    const float b = quantizer.value_of(static_cast<std::uint16_t>(half + 1));
    const float middle = a + (b - a) / 2;
    v.insert(v.end(), {middle, std::nextafter(middle, a), -std::nextafter(middle, b)});
  }
  return v;
}

TEST(HalfPrecision, IsTheNearestValueOfTheFormatTiesToEven) {
  for (const HalfFormat& format : kFormats) {
    const HalfPrecision quantizer(format);
    const std::vector<float> v = inputs(format);
    const Quantized quantized = quantizer.quantize(v);
    const Quantized defined = quantizer.quantize_by_definition(v);
    ASSERT_EQ(quantized.halves.size(), v.size());
    for (std::size_t i = 0; i < v.size(); ++i) {
      EXPECT_EQ(quantized.halves[i], defined.halves[i]) << format.name << ' ' << v[i];
    }
  }
}

// Values and bits by hand from IEEE 754-2008, section 3.6, and for bfloat16 from float32's.
TEST(HalfPrecision, HasTheBitsOfItsFormat) {
  const std::vector<float> v = {1.0F, -2.0F, 65504.0F, 0x1p-14F, 0x1p-24F, 0.0F, -0.0F, 1.0F / 3};
  EXPECT_THAT(HalfPrecision(kFloat16).quantize(v).halves,
              ElementsAre(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x0000, 0x8000, 0x3555));
  EXPECT_THAT(HalfPrecision(kBfloat16).quantize(v).halves,
              ElementsAre(0x3f80, 0xc000, 0x4780, 0x3880, 0x3380, 0x0000, 0x8000, 0x3eab));
}

TEST(HalfPrecision, EveryFiniteValueOfTheFormatIsKept) {
  for (const HalfFormat& format : kFormats) {
    const HalfPrecision quantizer(format);
    std::vector<float> all;
    for (std::uint16_t half = 0; half <= format.largest(); ++half) {
      all.push_back(quantizer.value_of(half));
      all.push_back(quantizer.value_of(static_cast<std::uint16_t>(half | 0x8000)));
    }
    const Quantized quantized = quantizer.quantize(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(quantized.halves[i], i / 2 + (i % 2 == 0 ? 0 : 0x8000)) << format.name;
    }
    EXPECT_EQ(recovered(format, all), all);
  }
}

TEST(HalfPrecision, AValueBeyondTheLargestBecomesTheLargest) {
  EXPECT_THAT(recovered(kFloat16, {1e6F, -65520.0F}), ElementsAre(65504.0F, -65504.0F));
  const float largest = HalfPrecision(kBfloat16).value_of(0x7f7f);
  EXPECT_THAT(recovered(kBfloat16, {std::numeric_limits<float>::max()}), ElementsAre(largest));
}

TEST(HalfPrecision, TakesOnlyFiniteValues) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    EXPECT_THAT(
        [&] {
          (void)HalfPrecision(kFloat16).quantize(std::vector<float>{1.0F, bad});
        },
        ThrowsMessage<std::invalid_argument>(HasSubstr("v[1] = ")));
  }
}

TEST(HalfPrecision, RecoversOnlyFiniteValuesInTheirNumber) {
  const HalfPrecision quantizer(kFloat16);
  std::vector<float> v(2, 7.0F);
  const auto recover = [&](std::vector<std::uint16_t> halves) {
    quantizer.recover({.codes = {}, .halves = std::move(halves), .magnitudes = {}}, v);
  };
  EXPECT_THAT(
      [&] {
        recover({1, 0x7c00});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("value 1 is no finite float16")));
  EXPECT_THAT([&] { recover({1}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("1 values of 16 bits for 2")));
  EXPECT_THAT(v, Each(7.0F));
}

TEST(HalfPrecision, DecodesWhatItEncodesAndNothingElse) {
  for (const HalfFormat& format : kFormats) {
    const HalfPrecision quantizer(format);
    const std::vector<std::uint16_t> halves = quantizer.quantize(inputs(format)).halves;
    BitWriter out;
    encode_halves(halves, out);
    EXPECT_EQ(out.size(), Bits(16 * halves.size()));
    std::vector<std::byte> bytes = out.take();
    BitReader in(bytes, Bits::of_bytes(bytes.size()));
    EXPECT_EQ(decode_halves(in, halves.size(), format.code), halves);
    BitReader short_one(bytes, Bits(16 * halves.size() - 1));
    EXPECT_THAT([&] { (void)decode_halves(short_one, halves.size(), format.code); },
                ThrowsMessage<DecodeError>(HasSubstr("values of 16 bits wanted at bit 0")));
    bytes[4] = std::byte(0);
    bytes[5] = std::byte((format.largest() >> 8) + 1);  // an infinity
    if (format.fraction_bits == kBfloat16.fraction_bits) {
      bytes[4] = std::byte(0x80);
      bytes[5] = std::byte(0x7f);
    }
    BitReader infinite(bytes, Bits::of_bytes(bytes.size()));
    EXPECT_THAT([&] { (void)decode_halves(infinite, halves.size(), format.code); },
                ThrowsMessage<DecodeError>(HasSubstr("at bit 32")));
  }
}

}  // namespace
}  // namespace mvsgd::compress
