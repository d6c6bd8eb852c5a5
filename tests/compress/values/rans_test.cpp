// The coder has the bits that its header defines and costs the logarithms of its slots. It reads
// those bits and no others.
#include "compress/values/rans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
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

struct Rows {
  unsigned bits;
  std::size_t symbols;
  std::vector<std::uint32_t> frequencies;
};

// The header's rule, a symbol at a time, with / and %.
Coded encode_by_definition(const Rows& rows, const Symbols& symbols, std::size_t lanes) {
  std::vector<std::uint64_t> x(lanes, 65536);
  std::vector<std::uint64_t> words;  // from the last to the first
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const std::uint64_t f = rows.frequencies[symbols[i]];
    std::uint64_t c = 0;
    for (std::size_t s = symbols[i] / rows.symbols * rows.symbols; s < symbols[i]; ++s) {
      c += rows.frequencies[s];
    }
    std::uint64_t& state = x[i % lanes];
    if (state >= f * (std::uint64_t{1} << (32 - rows.bits))) {
      words.push_back(state % 65536);
      state /= 65536;
    }
    state = (std::uint64_t{1} << rows.bits) * (state / f) + state % f + c;
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

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (supports(isa)) isas.push_back(isa);
  }
  return isas;
}

TEST(Rans, WritesWhatItsHeaderDefinesWithAnyInstructions) {
  for (const std::size_t lanes : {std::size_t{1}, Rans::kManyLanes}) {
    // Lengths around a turn of all lanes, and around the encoder's blocks.
    for (const std::size_t count : {0U, 1U, 7U, 8U, 9U, 500U, 4095U, 4096U, 4097U, 9001U}) {
      const Drawn all = drawn(count, count);
      const Coded want = encode_by_definition({4, 4, kRows}, all.symbols, lanes);
      for (const Isa isa : supported_isas()) {
        SCOPED_TRACE(name(isa));
        const Rans rans(4, 4, kRows, isa);
        const Coded coded = encode(rans, all.symbols, lanes);
        ASSERT_EQ(coded.size, want.size) << count;
        ASSERT_EQ(coded.bytes, want.bytes) << count;
        ASSERT_EQ(decode(rans, coded, count, all.rows, lanes), all.symbols) << count;
      }
    }
  }
}

// Random frequencies of `bits` bits, many of them 0, a few large.
Rows random_rows(std::mt19937_64& random, unsigned bits, std::size_t rows, std::size_t symbols) {
  Rows all{.bits = bits, .symbols = symbols, .frequencies = {}};
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<std::uint32_t> of_row(symbols);
    for (std::uint32_t left = 1U << bits; left > 0;) {
      const auto more = static_cast<std::uint32_t>((1 + random() % left) >> random() % bits);
      const std::uint32_t given = std::min(std::max(more, 1U), left);
      of_row[random() % symbols] += given;
      left -= given;
    }
    all.frequencies.insert(all.frequencies.end(), of_row.begin(), of_row.end());
  }
  return all;
}

// Every number of bits, one row and two. Symbols are drawn without regard to their frequency, so
// that rare ones, of many bits, follow each other.
TEST(Rans, WritesWhatItsHeaderDefinesForAnyRows) {
  std::mt19937_64 random(4);
  for (unsigned bits = 1; bits <= Rans::kMostBits; ++bits) {
    for (const std::size_t symbols : {1U, 2U, 5U, 128U}) {
      for (const std::size_t count_of_rows : {1U, 2U}) {
        const Rows rows = random_rows(random, bits, count_of_rows, symbols);
        Symbols coded_symbols;
        Symbols their_rows;
        while (coded_symbols.size() < 1003) {
          const std::size_t s = random() % rows.frequencies.size();
          if (rows.frequencies[s] == 0) continue;
          coded_symbols.push_back(static_cast<std::uint8_t>(s));
          their_rows.push_back(static_cast<std::uint8_t>(s / symbols));
        }
        if (count_of_rows == 1) their_rows.clear();
        const Coded want = encode_by_definition(rows, coded_symbols, Rans::kManyLanes);
        for (const Isa isa : supported_isas()) {
          SCOPED_TRACE(std::string(name(isa)) + ", " + std::to_string(bits) + " bits, " +
                       std::to_string(symbols) + " symbols");
          const Rans rans(bits, symbols, rows.frequencies, isa);
          const Coded coded = encode(rans, coded_symbols, Rans::kManyLanes);
          ASSERT_EQ(coded.size, want.size);
          ASSERT_EQ(coded.bytes, want.bytes);
          ASSERT_EQ(decode(rans, coded, coded_symbols.size(), their_rows, Rans::kManyLanes),
                    coded_symbols);
        }
      }
    }
  }
}

// What a decoder makes of any bits: symbols, or why not.
std::string outcome(const Rans& rans, const Coded& coded, const Symbols& rows, std::size_t lanes) {
  BitReader in(coded.bytes, coded.size);
  try {
    const Symbols symbols = rans.decode(in, rows.size(), rows, lanes);
    return std::string(symbols.begin(), symbols.end()) + std::to_string(in.position().count());
  } catch (const DecodeError& error) {
    return error.what();
  }
}

TEST(Rans, RefusesTheSameMessagesWithAnyInstructions) {
  std::mt19937_64 random(5);
  const Drawn all = drawn(600, 6);
  const Coded whole = encode(Rans(4, 4, kRows, Isa::portable), all.symbols, Rans::kManyLanes);
  int decoded = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    Coded coded = whole;
    if (trial % 3 != 0) {
      coded.bytes[random() % coded.bytes.size()] ^= static_cast<std::byte>(1U << random() % 8);
    }
    if (trial % 2 != 0) coded.size = Bits(random() % coded.size.count());
    const std::string want =
        outcome(Rans(4, 4, kRows, Isa::portable), coded, all.rows, Rans::kManyLanes);
    decoded += want.find("entropy code") == std::string::npos ? 1 : 0;
    for (const Isa isa : supported_isas()) {
      ASSERT_EQ(outcome(Rans(4, 4, kRows, isa), coded, all.rows, Rans::kManyLanes), want)
          << name(isa);
    }
  }
  EXPECT_GT(decoded, 1000);
  EXPECT_LT(decoded, 15'000);
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
              ThrowsMessage<DecodeError>(HasSubstr("it ends before symbol 5 of 5, at bit 32")));
  EXPECT_THAT(
      [&] {
        (void)decode(rans, bits_of({621380, 0}), 300, {}, 1);
      },
      ThrowsMessage<DecodeError>(HasSubstr(" of 300, at bit 64")));  // two words on
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

TEST(Rans, RefusesSymbolsWithoutASlotWithAnyInstructions) {
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(name(isa));
    const Rans rans(4, 4, kRows, isa);
    for (const std::size_t at : {0U, 5U, 8U, 15U, 16U, 18U}) {
      Symbols symbols(19);
      symbols[at] = 2;
      BitWriter out;
      EXPECT_THAT([&] { rans.encode(symbols, Rans::kManyLanes, out); },
                  ThrowsMessage<std::invalid_argument>(HasSubstr("symbol 2 has no slot")));
      EXPECT_EQ(out.size(), Bits(0));
    }
  }
}

TEST(Rans, RefusesInstructionsThatTheProcessorLacks) {
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (supports(isa)) {
      EXPECT_NO_THROW(Rans(4, 4, kRows, isa));
    } else {
      EXPECT_THAT([&] { Rans(4, 4, kRows, isa); },
                  ThrowsMessage<std::invalid_argument>(HasSubstr(std::string(name(isa)))));
    }
  }
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
