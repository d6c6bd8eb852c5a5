// The promises of every quantiser, and the bits of codes and magnitudes.
#include "compress/values/quantizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/scaled_sign.hpp"
#include "tests/compress/values/quantizer_inputs.hpp"

namespace mvsgd::compress {
namespace {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;
using comm::DecodeError;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kHostile = std::numeric_limits<std::size_t>::max();
constexpr unsigned kMostBits = 8;

std::vector<std::uint8_t> codes_of(std::size_t count, unsigned value_bits) {
  std::mt19937_64 random(count + value_bits);
  std::vector<std::uint8_t> codes(count);
  for (auto& code : codes) code = static_cast<std::uint8_t>(random() >> (64 - value_bits));
  return codes;
}

std::vector<std::unique_ptr<Quantizer>> quantizers() {
  std::vector<std::unique_ptr<Quantizer>> all;
  for (const std::size_t block : {0U, 1U, 3U, 64U}) {
    all.push_back(std::make_unique<ScaledSign>(block));
  }
  for (unsigned q = 2; q <= kMostBits; ++q) all.push_back(std::make_unique<FractionalQuantizer>(q));
  return all;
}

TEST(Codes, TakeTheirBitsInOrderLowestFirst) {
  BitWriter out;
  encode_codes(std::vector<std::uint8_t>{5, 1, 6, 3}, 3, out);
  EXPECT_EQ(out.size(), Bits(12));
  // In stream order 5 is the bits 1 0 1, 1 is 1 0 0, 6 is 0 1 1 and 3 is 1 1 0.
  EXPECT_THAT(out.take(), ElementsAre(std::byte{0x8d}, std::byte{0x07}));
}

TEST(Codes, AreReadAsTheyWereWrittenAndTakeQBitsEach) {
  for (unsigned q = 1; q <= kMostBits; ++q) {
    for (const std::size_t count : {0U, 1U, 7U, 8U, 9U, 21U, 22U, 63U, 64U, 65U, 200U}) {
      for (const unsigned before : {0U, 3U}) {  // at a byte boundary and off it
        const auto codes = codes_of(count, q);
        BitWriter out;
        out.put(0, before);
        encode_codes(codes, q, out);
        ASSERT_EQ(out.size(), Bits(before + q * count));
        out.put(1, 1);
        const auto bytes = out.take();
        BitReader in(bytes, Bits(before + q * count + 1));
        (void)in.get(before);
        ASSERT_EQ(decode_codes(in, count, q), codes) << count << " of " << q << " bits";
        ASSERT_EQ(in.get(1), 1U);
      }
    }
  }
}

TEST(Codes, AreReadOneByOneAsTogether) {
  for (unsigned q = 1; q <= kMostBits; ++q) {
    const auto codes = codes_of(100, q);
    BitWriter out;
    encode_codes(codes, q, out);
    const Bits size = out.size();
    const auto bytes = out.take();
    BitReader in(bytes, size);
    for (const std::uint8_t code : codes) ASSERT_EQ(in.get(q), code);
  }
}

TEST(Codes, AreRefusedWhenMoreBitsAreWantedThanThereAre) {
  for (unsigned q = 1; q <= kMostBits; ++q) {
    BitWriter out;
    encode_codes(codes_of(30, q), q, out);
    const auto bytes = out.take();
    for (unsigned size = 0; size < 30 * q; ++size) {
      BitReader in(bytes, Bits(size));
      ASSERT_THROW((void)decode_codes(in, 30, q), DecodeError) << size << " bits, q = " << q;
      ASSERT_EQ(in.position(), Bits(0));
    }
    BitReader in(bytes, Bits(30 * q));
    EXPECT_THROW((void)decode_codes(in, kHostile, q), DecodeError);
    if (q == 1) continue;
    EXPECT_THROW((void)decode_codes(in, kHostile / q + 1, q), DecodeError);  // q * count wraps
  }
}

TEST(Codes, OfMoreThanQBitsAreRefusedAndNothingIsWritten) {
  BitWriter out;
  EXPECT_THAT(
      [&] {
        encode_codes(std::vector<std::uint8_t>{7, 8}, 3, out);
      },
      ThrowsMessage<std::invalid_argument>("encode_codes: codes[1] = 8 of q = 3 bits"));
  EXPECT_EQ(out.size(), Bits(0));
}

TEST(Codes, HaveOneToEightBits) {
  const std::vector<std::byte> bytes(8);
  for (const unsigned q : {0U, 9U, 64U}) {
    BitWriter out;
    BitReader in(bytes, Bits(64));
    EXPECT_THROW(encode_codes({}, q, out), std::invalid_argument);
    EXPECT_THROW((void)decode_codes(in, 1, q), std::invalid_argument);
  }
}

TEST(Magnitudes, AreReadAsTheyWereWrittenAndTakeAFloatEach) {
  const std::vector<float> magnitudes = {0.0F, 1.5F, std::numeric_limits<float>::denorm_min(),
                                         std::numeric_limits<float>::max()};
  BitWriter out;
  encode_magnitudes(magnitudes, out);
  const Bits size = out.size();
  EXPECT_EQ(size, Bits(4 * 32));
  const auto bytes = out.take();
  BitReader in(bytes, size);
  EXPECT_EQ(bits(decode_magnitudes(in, 4)), bits(magnitudes));
  EXPECT_EQ(in.remaining(), Bits(0));
}

TEST(Magnitudes, AreRefusedWhenMoreBitsAreWantedThanThereAre) {
  const std::vector<std::byte> bytes(12);
  for (unsigned size = 0; size < 96; ++size) {
    BitReader in(bytes, Bits(size));
    ASSERT_THROW((void)decode_magnitudes(in, 3), DecodeError) << size << " bits";
    ASSERT_EQ(in.position(), Bits(0));
  }
  BitReader in(bytes, Bits(96));
  EXPECT_THROW((void)decode_magnitudes(in, kHostile), DecodeError);
  EXPECT_THROW((void)decode_magnitudes(in, kHostile / 32 + 1), DecodeError);  // 32 * count wraps
}

TEST(Magnitudes, ThatAreNoneAreRefusedAtBothEnds) {
  for (const float bad : {kNan, -kNan, kInf, -kInf, -1.0F, -0.0F}) {
    const std::vector<float> magnitudes = {1.0F, bad, 2.0F};
    BitWriter out;
    EXPECT_THAT([&] { encode_magnitudes(magnitudes, out); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("magnitudes[1] = ")));
    EXPECT_EQ(out.size(), Bits(0));
    out.put_floats(magnitudes);
    const auto bytes = out.take();
    BitReader in(bytes, Bits(96));
    EXPECT_THAT([&] { (void)decode_magnitudes(in, 3); },
                ThrowsMessage<DecodeError>(HasSubstr("at bit 32")));
  }
}

TEST(Quantizer, RecoversFromItsBitsWhatItRecoversWithoutThem) {
  for (const auto& quantizer : quantizers()) {
    const unsigned q = quantizer->value_bits();
    for (const auto& [name, v] : quantizer_inputs()) {
      SCOPED_TRACE(name + ", q = " + std::to_string(q));
      const Quantized sent = quantizer->quantize(v);
      std::vector<float> expected(v.size());
      quantizer->recover(sent, expected);

      BitWriter out;
      encode_codes(sent.codes, q, out);
      encode_magnitudes(sent.magnitudes, out);
      const Bits size = out.size();
      EXPECT_EQ(size, Bits(q * v.size() + 32 * quantizer->magnitudes(v.size())));
      const auto bytes = out.take();
      BitReader in(bytes, size);
      Quantized received;
      received.codes = decode_codes(in, v.size(), q);
      received.magnitudes = decode_magnitudes(in, quantizer->magnitudes(v.size()));
      EXPECT_EQ(in.remaining(), Bits(0));
      std::vector<float> recovered(v.size(), kNan);
      quantizer->recover(received, recovered);
      EXPECT_EQ(bits(recovered), bits(expected));
    }
  }
}

TEST(Quantizer, OfAnEmptyVectorGivesNoCodesAndRecoversNothing) {
  for (const auto& quantizer : quantizers()) {
    const Quantized quantized = quantizer->quantize({});
    EXPECT_THAT(quantized.codes, IsEmpty());
    EXPECT_THAT(quantized.magnitudes, Each(0.0F));
    EXPECT_EQ(quantized.magnitudes.size(), quantizer->magnitudes(0));
    EXPECT_NO_THROW(quantizer->recover(quantized, {}));
  }
}

TEST(Quantizer, RefusesWhatIsNotFiniteWhereverItStandsAndNamesTheFirst) {
  for (const auto& quantizer : quantizers()) {
    for (const std::size_t i : {0U, 1U, 5U, 9U}) {
      for (const float bad : {kNan, -kNan, kInf, -kInf}) {
        std::vector<float> v(10, 1.0F);
        v[i] = bad;
        v[9] = i == 9 ? bad : kInf;
        EXPECT_THAT([&] { (void)quantizer->quantize(v); },
                    ThrowsMessage<std::invalid_argument>(
                        HasSubstr("quantize: v[" + std::to_string(i) + "] = ")));
      }
    }
  }
}

TEST(Quantizer, SaysTheUpperBoundariesOfItsLevelsIfItHasThem) {
  const std::vector<float> v{0.0F, -1.0F, 16.0F, 0.5F};
  for (const auto& quantizer : quantizers()) {
    const std::vector<double> b = quantizer->boundaries(v);
    EXPECT_EQ(quantizer->has_levels(), quantizer->value_bits() > 1);
    EXPECT_EQ(b.size(), quantizer->has_levels() ? quantizer->magnitudes(v.size()) : 0);
    EXPECT_EQ(b.empty() ? 16.0 : b.front(), 16.0);
    EXPECT_TRUE(std::ranges::is_sorted(b, std::greater<>()));
  }
}

TEST(Quantizer, RecoversOnlyAsManyValuesAsWereQuantized) {
  for (const auto& quantizer : quantizers()) {
    const Quantized whole = quantizer->quantize(std::vector<float>(10, 1.0F));
    std::vector<float> v(10, 7.0F);
    Quantized one_code_less = whole;
    one_code_less.codes.pop_back();
    EXPECT_THAT([&] { quantizer->recover(one_code_less, v); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("recover: 9 codes and ")));
    Quantized one_more = whole;
    one_more.magnitudes.push_back(1.0F);
    EXPECT_THROW(quantizer->recover(one_more, v), std::invalid_argument);
    Quantized one_less = whole;
    one_less.magnitudes.pop_back();
    EXPECT_THROW(quantizer->recover(one_less, v), std::invalid_argument);
    EXPECT_THAT(v, Each(7.0F));
  }
}

TEST(Quantizer, RecoversOnlyCodesOfQBits) {
  for (const auto& quantizer : quantizers()) {
    const unsigned q = quantizer->value_bits();
    if (q == kMostBits) continue;  // a byte has no more bits
    Quantized quantized = quantizer->quantize(std::vector<float>(10, 1.0F));
    quantized.codes[9] = static_cast<std::uint8_t>(1U << q);
    std::vector<float> v(10, 7.0F);
    EXPECT_THAT([&] { quantizer->recover(quantized, v); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("recover: codes[9] = ")));
    EXPECT_THAT(v, Each(7.0F));
  }
}

}  // namespace
}  // namespace mvsgd::compress
