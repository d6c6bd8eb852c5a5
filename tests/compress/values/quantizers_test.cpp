// The table of quantisers: q chooses the quantiser, in settings as in headers.
#include "compress/values/quantizers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/scaled_sign.hpp"
#include "tests/compress/values/quantizer_inputs.hpp"

namespace mvsgd::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;

TEST(Quantizers, HaveOneForEachQOfTheWireFormatAndTwoFor16) {
  std::vector<std::string> names;
  for (const unsigned q : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 16U}) {
    int having = 0;
    for (const QuantizerKind& kind : quantizers()) having += kind.has(q) ? 1 : 0;
    EXPECT_EQ(having, q == 16 ? 2 : 1) << "q = " << q;
    names.emplace_back(quantizer_of(q).name);
  }
  EXPECT_THAT(names,
              ElementsAre("scaled-sign", "fractional", "fractional", "fractional", "fractional",
                          "fractional", "fractional", "fractional", "float16"));
  for (const unsigned q : {0U, 9U, 15U, 17U, 32U}) {
    EXPECT_THROW((void)quantizer_of(q), std::invalid_argument);
    EXPECT_THROW((void)make_quantizer(q, 0), std::invalid_argument);
  }
}

TEST(Quantizers, AreThoseOfTheirEquations) {
  const std::vector<float> v = {16, -10, -4, 1, 0, 2, -6};
  for (const std::size_t block : {0U, 3U}) {
    const Quantized sign = make_quantizer(1, block)->quantize(v);
    EXPECT_EQ(sign.codes, ScaledSign(block).quantize(v).codes);
    EXPECT_EQ(sign.magnitudes, ScaledSign(block).quantize(v).magnitudes);
    for (unsigned q = 2; q <= 8; ++q) {
      const auto made = make_quantizer(q, block);
      EXPECT_EQ(made->value_bits(), q);
      EXPECT_EQ(made->quantize(v).codes, FractionalQuantizer(q).quantize(v).codes);
      EXPECT_EQ(made->quantize(v).magnitudes, FractionalQuantizer(q).quantize(v).magnitudes);
    }
  }
}

TEST(Quantizers, AreMadeAgainFromTheHeadersOfTheirMessages) {
  const std::vector<float> v = {16, -10, -4, 1, 0, 0.3F, -6, 2, 8};
  for (const QuantizerKind& kind : quantizers()) {
    for (const std::size_t block : {0U, 1U, 7U, 1000U}) {
      const auto made = kind.make(kind.most_bits, block);
      const auto named =
          make_quantizer(made->value_bits(), made->block_size(50), made->wire_code());
      EXPECT_EQ(named->quantize(v).codes, made->quantize(v).codes) << kind.name;
      EXPECT_EQ(named->quantize(v).halves, made->quantize(v).halves) << kind.name;
      EXPECT_EQ(named->quantize(v).magnitudes, made->quantize(v).magnitudes) << kind.name;
      EXPECT_EQ(named->magnitudes(50), made->magnitudes(50)) << kind.name << ", block " << block;
      EXPECT_EQ(made->block_size(50), !kind.has_blocks ? 0U
                                      : block == 0     ? 50U
                                                       : block)
          << kind.name;
    }
  }
}

TEST(Quantizers, OfBitsTheNamedOneCountsIfItHasThem) {
  EXPECT_EQ(quantizer_for("bfloat16", 16).name, "bfloat16");
  EXPECT_EQ(quantizer_for("fractional", 16).name, "float16");
  EXPECT_EQ(quantizer_for("bfloat16", 4).name, "fractional");
  EXPECT_THROW((void)quantizer_for("fractional", 9), std::invalid_argument);
}

TEST(Quantizers, AreFoundByName) {
  for (const QuantizerKind& kind : quantizers()) EXPECT_EQ(&quantizer_named(kind.name), &kind);
  EXPECT_THAT([] { (void)quantizer_named("sign"); },
              ThrowsMessage<std::invalid_argument>(
                  "one of fractional, scaled-sign, float16, bfloat16 is wanted"));
}

}  // namespace
}  // namespace mvsgd::compress
