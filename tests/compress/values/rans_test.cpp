// The coder has the bits that its header defines and costs the logarithms of its slots. It reads
// those bits and no others.
#include "compress/values/rans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace mvsgd::compress {
namespace {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;
using comm::DecodeError;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Symbols = std::vector<std::uint8_t>;

struct Coded {
  std::vector<std::byte> bytes;
  Bits size;
};

Coded encode(const Rans& rans, const Symbols& symbols, std::size_t lanes) {
  BitWriter out;
  rans.encode(symbols, lanes, out);
  const Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

Coded bits_of(std::initializer_list<std::uint32_t> states) {
  BitWriter out;
  for (const std::uint32_t state : states) out.put(state, 32);
  const Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

Symbols decode(const Rans& rans, const Coded& coded, std::size_t count, const Symbols& rows,
               std::size_t lanes) {
  BitReader in(coded.bytes, coded.size);
  Symbols symbols = rans.decode(in, count, rows, lanes);
  EXPECT_EQ(in.remaining(), Bits(0));
  return symbols;
}

// Two rows of four symbols in 2^4 slots.
const std::vector<std::uint32_t> kRows = {9, 4, 0, 3, 1, 1, 13, 1};

struct Drawn {
  Symbols symbols;
  Symbols rows;
};

Drawn drawn(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Drawn all;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t row = random() % 2;
    std::size_t symbol = 4 * row;
    for (std::uint64_t slot = random() % 16; slot >= kRows[symbol];) slot -= kRows[symbol++];
    all.rows.push_back(static_cast<std::uint8_t>(row));
    all.symbols.push_back(static_cast<std::uint8_t>(symbol));
  }
  return all;
}

// The header's rule, a symbol at a time, with / and %.
Coded encode_by_definition(const Symbols& symbols, std::size_t lanes) {
  std::vector<std::uint64_t> x(lanes, 65536);
  std::vector<std::uint64_t> words;  // from the last to the first
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const std::uint64_t f = kRows[symbols[i]];
    std::uint64_t c = 0;
    for (std::size_t s = symbols[i] / 4 * 4; s < symbols[i]; ++s) c += kRows[s];
    std::uint64_t& state = x[i % lanes];
    if (state >= f * (std::uint64_t{1} << 28)) {
      words.push_back(state % 65536);
      state /= 65536;
    }
    state = 16 * (state / f) + state % f + c;
  }
  BitWriter out;
  for (const std::uint64_t state : x) out.put(state, 32);
  for (std::size_t i = words.size(); i-- > 0;) out.put(words[i], 16);
  const Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

TEST(Rans, ExampleOfTheHeaderHasItsState) {
  const Rans rans(2, 2, {3, 1});
  const Coded coded = encode(rans, {0, 1, 0, 0}, 1);
  EXPECT_EQ(coded.size, Bits(32));
  EXPECT_EQ(coded.bytes, bits_of({621380}).bytes);
  EXPECT_EQ(decode(rans, coded, 4, {}, 1), (Symbols{0, 1, 0, 0}));
}

TEST(Rans, WritesWhatItsHeaderDefines) {
  const Rans rans(4, 4, kRows);
  for (const std::size_t lanes : {std::size_t{1}, Rans::kManyLanes}) {
    // Lengths around a turn of all lanes, and around the encoder's blocks.
    for (const std::size_t count : {0U, 1U, 7U, 8U, 9U, 500U, 4095U, 4096U, 4097U, 9001U}) {
      const Drawn all = drawn(count, count);
      const Coded want = encode_by_definition(all.symbols, lanes);
      const Coded coded = encode(rans, all.symbols, lanes);
      ASSERT_EQ(coded.size, want.size) << count;
      ASSERT_EQ(coded.bytes, want.bytes) << count;
      ASSERT_EQ(decode(rans, coded, count, all.rows, lanes), all.symbols) << count;
    }
  }
}

TEST(Rans, CostsTheLogarithmsOfItsSlots) {
  constexpr std::size_t kCount = 100'000;
  std::vector<std::uint32_t> row = {1024, 500, 250, 150, 80, 30, 13, 1};
  const Rans rans(11, 8, row);
  std::mt19937_64 random(1);
  Symbols symbols(kCount);
  double bits = 0;
  for (std::uint8_t& symbol : symbols) {
    for (std::uint64_t slot = random() % 2048; slot >= row[symbol];) slot -= row[symbol++];
    bits += 11 - std::log2(row[symbol]);
  }
  for (const std::size_t lanes : {std::size_t{1}, Rans::kManyLanes}) {
    const auto size = static_cast<double>(encode(rans, symbols, lanes).size.count());
    EXPECT_LT(size, 1.001 * bits + 32 * static_cast<double>(lanes));
    EXPECT_GT(size, bits);
  }
}

TEST(Rans, ASymbolThatHasAllSlotsCostsNothing) {
  const Rans rans(12, 2, {0, 4096});
  const Symbols symbols(10'000, 1);
  const Coded coded = encode(rans, symbols, 1);
  EXPECT_EQ(coded.bytes, bits_of({65536}).bytes);
  EXPECT_EQ(decode(rans, coded, symbols.size(), {}, 1), symbols);
}

TEST(Rans, CodesEverySymbolOf256) {
  const Rans rans(8, 256, std::vector<std::uint32_t>(256, 1));
  Symbols symbols(256);
  for (std::size_t s = 0; s < 256; ++s) symbols[s] = static_cast<std::uint8_t>(s);
  EXPECT_EQ(decode(rans, encode(rans, symbols, 8), 256, {}, 8), symbols);
}

TEST(Rans, RefusesEveryTruncation) {
  const Rans rans(4, 4, kRows);
  const Drawn all = drawn(300, 1);
  for (const std::size_t lanes : {std::size_t{1}, Rans::kManyLanes}) {
    const Coded coded = encode(rans, all.symbols, lanes);
    for (std::uint64_t size = 0; size < coded.size.count(); ++size) {
      BitReader in(coded.bytes, Bits(size));
      ASSERT_THROW((void)rans.decode(in, 300, all.rows, lanes), DecodeError) << size << " bits";
    }
  }
}

TEST(Rans, RefusesStatesThatNoEncoderHas) {
  const Rans rans(2, 2, {3, 1});
  EXPECT_THAT([&] { (void)decode(rans, bits_of({65535}), 0, {}, 1); },
              ThrowsMessage<DecodeError>(HasSubstr("the state 65535 of a lane, at bit 32")));
  EXPECT_THAT([&] { (void)decode(rans, bits_of({621380}), 3, {}, 1); },
              ThrowsMessage<DecodeError>(HasSubstr("a lane ends with the state 87381")));
  EXPECT_THAT([&] { (void)decode(rans, bits_of({621380}), 5, {}, 1); },
              ThrowsMessage<DecodeError>(HasSubstr("it ends before symbol 5 of 5")));
}

TEST(Rans, DecodesRandomBitsToWhatEncodesToThemOrThrows) {
  const Rans rans(4, 4, kRows);
  std::mt19937_64 random(2);
  int decoded = 0;
  for (int trial = 0; trial < 200'000; ++trial) {
    BitWriter out;
    out.put(65536 + random() % 1024, 32);  // near the final state, which few states reach
    out.put(random() & 0xffff, 16);
    const auto bytes = out.take();
    const Symbols rows = drawn(random() % 6, random()).rows;
    BitReader in(bytes, Bits::of_bytes(bytes.size()));
    Symbols symbols;
    try {
      symbols = rans.decode(in, rows.size(), rows, 1);
    } catch (const DecodeError&) {
      continue;
    }
    ++decoded;
    const Coded again = encode(rans, symbols, 1);
    ASSERT_EQ(again.size, in.position());
    ASSERT_TRUE(std::equal(again.bytes.begin(), again.bytes.end(), bytes.begin()));
  }
  EXPECT_GT(decoded, 20);
  EXPECT_LT(decoded, 100'000);
}

TEST(Rans, RefusesImpossibleFrequencies) {
  EXPECT_THAT(
      [] {
        Rans(4, 2, {8, 7});
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("the frequencies of row 0 sum to 15, not 16")));
  EXPECT_THAT(
      [] {
        Rans(4, 2, {8, 8, 9, 8});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("row 1 sum to 17")));
  EXPECT_THROW(Rans(0, 1, {1}), std::invalid_argument);
  EXPECT_THROW(Rans(13, 1, {8192}), std::invalid_argument);
  EXPECT_THROW(Rans(4, 2, {8, 8, 16}), std::invalid_argument);
  EXPECT_THROW(Rans(4, 1, {}), std::invalid_argument);
  EXPECT_THROW(Rans(9, 257, std::vector<std::uint32_t>(257, 2)), std::invalid_argument);
}

TEST(Rans, RefusesSymbolsRowsAndLanesThatAreNotItsAndWritesNothing) {
  const Rans rans(4, 4, kRows);
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT([&] { rans.encode(Symbols{2}, 1, out); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("symbol 2 has no slot")));
  EXPECT_THROW(rans.encode(Symbols{8}, 1, out), std::invalid_argument);
  EXPECT_THROW(rans.encode(Symbols{0}, 2, out), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(1));
  const Coded coded = encode(rans, {0, 0}, 1);
  EXPECT_THROW((void)decode(rans, coded, 2, {0, 2}, 1), std::invalid_argument);
  EXPECT_THROW((void)decode(rans, coded, 2, {0}, 1), std::invalid_argument);
  EXPECT_THROW((void)decode(rans, coded, 2, {0, 0}, 4), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
