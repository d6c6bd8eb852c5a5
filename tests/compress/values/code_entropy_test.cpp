// Codes by their entropy have the bits that the header defines, near the bound; no others are read.
#include "compress/values/code_entropy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "compress/values/quantizer.hpp"
#include "compress/values/rans.hpp"

namespace mvsgd::compress {
namespace {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;
using comm::DecodeError;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Bytes = std::vector<std::uint8_t>;

struct Coded {
  std::vector<std::byte> bytes;
  Bits size;
};

template <typename Write>
Coded coded(const Write& write) {
  BitWriter out;
  write(out);
  const Bits size = out.size();
  return {.bytes = out.take(), .size = size};
}

Coded encode(const Bytes& codes, unsigned q, const Bytes& own) {
  return coded([&](BitWriter& out) { encode_codes_by_entropy(codes, q, own, out); });
}

Bytes decode(const Coded& coded, std::size_t count, unsigned q, const Bytes& own) {
  BitReader in(coded.bytes, coded.size);
  Bytes codes = decode_codes_by_entropy(in, count, q, own);
  EXPECT_EQ(in.remaining(), Bits(0));
  return codes;
}

struct Drawn {
  Bytes codes;
  Bytes own;
};

// Levels that get rarer at the rate `falls`, 2.5 times as fast for marked values. One value in six
// is marked, as in recorded rounds.
Drawn drawn(std::size_t count, unsigned q, double falls, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const unsigned levels = 1U << (q - 1);
  Drawn all;
  for (std::size_t i = 0; i < count; ++i) {
    const bool marked = random() % 6 == 0;
    const double u = (static_cast<double>(random() >> 12) + 0.5) * 0x1p-52;
    const double level = -std::log(u) * (marked ? 0.4 : 1.0) * levels / falls;
    const unsigned last = std::min(levels - 1, static_cast<unsigned>(std::min(level, 1e6)));
    const unsigned sign = random() % 2;
    all.codes.push_back(static_cast<std::uint8_t>(last | sign << (q - 1)));
    all.own.push_back(marked ? 1 : 0);
  }
  return all;
}

double entropy(const Drawn& all, unsigned q) {
  std::map<std::pair<unsigned, unsigned>, double> counts;
  std::map<unsigned, double> rows;
  for (std::size_t i = 0; i < all.codes.size(); ++i) {
    const unsigned row = all.own.empty() ? 0 : all.own[i];
    ++counts[{row, all.codes[i] % (1U << (q - 1))}];
    ++rows[row];
  }
  auto bits = static_cast<double>(all.codes.size());  // bits of the signs
  for (const auto& [key, n] : counts) bits += n * std::log2(rows[key.first] / n);
  return bits;
}

// The header's text once more: a bit at a time, without doubles, sharing nothing with the codec.
class ByDefinition {
 public:
  ByDefinition(Drawn all, unsigned q)
      : all_(std::move(all)),
        q_(q),
        n_(all_.codes.size()),
        levels_(std::size_t{1} << (q - 1)),
        bits_(std::bit_width(n_) < 11
                  ? 8U
                  : std::min(11U, static_cast<unsigned>(std::bit_width(n_)) - 3)),
        lanes_(n_ >= 8192 ? 8 : 1) {}

  std::string write() {
    std::string plain = number(0, 2);
    for (const std::uint8_t code : all_.codes) plain += number(code, q_);
    std::string best = plain;
    std::uint64_t least = (n_ * (q_ - 1)) << 16;
    const auto ones =
        static_cast<std::size_t>(std::count(all_.own.begin(), all_.own.end(), std::uint8_t{1}));
    const std::size_t most = n_ == 0 ? 0 : ones > 0 && ones < n_ ? 2 : 1;
    for (low_ = 0; low_ + 2 <= q_; ++low_) {
      levels_ = std::size_t{1} << (q_ - 1 - low_);
      for (std::size_t rows = 1; rows <= most; ++rows) try_rows(rows, best, least);
    }
    return best.size() < plain.size() ? best : plain;
  }

 private:
  void try_rows(std::size_t model, std::string& best, std::uint64_t& least) const {
    std::uint64_t cost = (32 * lanes_ + low_ * n_ + (low_ > 0 ? 4 : 0)) << 16;
    std::string rows;
    std::vector<std::vector<std::uint64_t>> f;
    for (std::size_t row = 0; row < model; ++row) {
      std::vector<std::uint64_t> counts(levels_);
      for (std::size_t i = 0; i < n_; ++i) {
        if (row_of(i, model) == row) ++counts[level(i)];
      }
      f.push_back(frequencies(counts));
      const std::string text = row_text(f.back());
      rows += text;
      cost += text.size() << 16;
      for (std::size_t s = 0; s < levels_; ++s) {
        if (counts[s] > 0) cost += counts[s] * ((std::uint64_t{bits_} << 16) - log(f.back()[s]));
      }
    }
    if (cost >= least) return;
    least = cost;
    best = low_ == 0 ? number(model, 2) : "11" + number(model - 1, 1) + number(low_, 3);
    for (const std::uint8_t code : all_.codes) best += number(code >> (q_ - 1), 1);
    for (const std::uint8_t code : all_.codes) best += number(code % (1U << low_), low_);
    best += rows + states(f, model);
  }

  static std::string number(std::uint64_t value, unsigned width) {
    std::string text;
    for (unsigned i = 0; i < width; ++i) text += (value >> i & 1) != 0 ? '1' : '0';
    return text;
  }

  [[nodiscard]] std::size_t level(std::size_t i) const { return (all_.codes[i] >> low_) % levels_; }
  [[nodiscard]] std::size_t row_of(std::size_t i, std::size_t model) const {
    return model == 2 ? all_.own[i] : 0;
  }

  [[nodiscard]] std::vector<std::uint64_t> frequencies(
      const std::vector<std::uint64_t>& counts) const {
    std::uint64_t m = 0;
    for (const std::uint64_t c : counts) m += c;
    const std::uint64_t all = std::uint64_t{1} << bits_;
    std::vector<std::uint64_t> f(levels_);
    for (std::size_t s = 0; s < levels_; ++s) {
      if (counts[s] > 0) f[s] = std::max<std::uint64_t>(1, (all * counts[s] + m / 2) / m);
    }
    const auto sum = [&] {
      std::uint64_t all_of_them = 0;
      for (const std::uint64_t each : f) all_of_them += each;
      return all_of_them;
    };
    while (sum() < all) {
      std::size_t best = 0;
      for (std::size_t s = 1; s < levels_; ++s) {
        if (counts[s] * (2 * f[best] + 1) > counts[best] * (2 * f[s] + 1)) best = s;
      }
      ++f[best];
    }
    while (sum() > all) {
      std::size_t best = levels_;
      for (std::size_t s = 0; s < levels_; ++s) {
        if (f[s] > 1 &&
            (best == levels_ || counts[s] * (2 * f[best] - 1) < counts[best] * (2 * f[s] - 1))) {
          best = s;
        }
      }
      --f[best];
    }
    return f;
  }

  [[nodiscard]] std::string row_text(const std::vector<std::uint64_t>& f) const {
    std::string text;
    std::uint64_t left = std::uint64_t{1} << bits_;
    for (std::size_t s = 0; s + 1 < levels_ && left > 0; ++s) {
      unsigned r = 0;
      while ((levels_ - s) << (r + 1) <= left) ++r;
      text += std::string(f[s] >> r, '0') + '1' + number(f[s] % (std::uint64_t{1} << r), r);
      left -= f[s];
    }
    return text;
  }

  // floor(2^16 log2 f), except for what 32 bits of y lose.
  static std::uint64_t log(std::uint64_t f) {
    std::uint64_t e = 0;
    while (f >> (e + 1) != 0) ++e;
    std::uint64_t bits = e;
    std::uint64_t y = f << (31 - e);
    for (int i = 0; i < 16; ++i) {
      y = y * y / (std::uint64_t{1} << 31);
      const bool reaches = y >= std::uint64_t{1} << 32;
      if (reaches) y /= 2;
      bits = 2 * bits + (reaches ? 1 : 0);
    }
    return bits;
  }

  [[nodiscard]] std::string states(const std::vector<std::vector<std::uint64_t>>& f,
                                   std::size_t model) const {
    std::vector<std::uint64_t> x(lanes_, 65536);
    std::string words;
    for (std::size_t i = n_; i-- > 0;) {
      const auto& row = f[row_of(i, model)];
      std::uint64_t c = 0;
      for (std::size_t s = 0; s < level(i); ++s) c += row[s];
      std::uint64_t& state = x[i % lanes_];
      if (state >= row[level(i)] << (32 - bits_)) {
        words.insert(0, number(state % 65536, 16));
        state /= 65536;
      }
      state = ((state / row[level(i)]) << bits_) + state % row[level(i)] + c;
    }
    std::string text;
    for (const std::uint64_t state : x) text += number(state, 32);
    return text + words;
  }

  Drawn all_;
  unsigned q_;
  std::size_t n_;
  unsigned low_ = 0;    // plain bits of each level
  std::size_t levels_;  // without them
  unsigned bits_;
  std::size_t lanes_;
};

std::string text_of(const Coded& coded) {
  std::string text;
  for (BitReader in(coded.bytes, coded.size); in.remaining() > Bits(0);) {
    text += in.get(1) != 0 ? '1' : '0';
  }
  return text;
}

TEST(CodeEntropy, WritesWhatItsHeaderDefinesAndReadsItBack) {
  for (unsigned q = 2; q <= 8; ++q) {
    for (const std::size_t count :
         {0U, 1U, 3U, 40U, 64U, 100U, 1000U, 1765U, 3000U, 8191U, 8192U}) {
      for (const double falls : {2.0, 8.0, 200.0}) {
        SCOPED_TRACE("q " + std::to_string(q) + ", " + std::to_string(count) + " codes, falls " +
                     std::to_string(falls));
        Drawn all = drawn(count, q, falls, count + q);
        for (int marks = 0; marks < 2; ++marks) {
          const Coded coded = encode(all.codes, q, all.own);
          ASSERT_EQ(text_of(coded), ByDefinition(all, q).write());
          ASSERT_EQ(entropy_of_codes(all.codes, q, all.own), coded.size);
          ASSERT_EQ(decode(coded, count, q, all.own), all.codes);
          all.own.clear();
        }
      }
    }
  }
}

TEST(CodeEntropy, WritesWhatItsHeaderDefinesWherePlainCodesAreAboutAsLong) {
  int plain = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    const unsigned q = 2 + static_cast<unsigned>(seed % 2);
    const Drawn all = drawn(40 + seed % 61, q, 5 + static_cast<double>(seed % 7), seed);
    const Coded coded = encode(all.codes, q, {});
    ASSERT_EQ(text_of(coded), ByDefinition({all.codes, {}}, q).write()) << seed;
    ASSERT_EQ(decode(coded, all.codes.size(), q, {}), all.codes) << seed;
    plain += std::to_integer<int>(coded.bytes[0]) % 4 == 0 ? 1 : 0;
  }
  EXPECT_GT(plain, 300);
  EXPECT_LT(plain, 2700);
}

TEST(CodeEntropy, ExampleOfTheReadmeHasItsBits) {
  std::ifstream file(std::string(MVSGD_TESTS_DIR) + "/golden/comm/entropy_update.bin",
                     std::ios::binary);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  constexpr std::size_t kHeaderBytes = 24;
  ASSERT_EQ(golden.size(), kHeaderBytes + 27);
  Bytes codes(32, 0);
  for (const std::size_t i : {2U, 3U, 7U, 11U, 12U, 19U, 22U, 30U}) codes[i] |= 0b100;
  for (const std::size_t i : {5U, 17U}) codes[i] |= 0b001;
  const std::vector<float> means = {1, 0.5F, 0, 0};
  const Coded coded = [&] {
    BitWriter out;
    encode_codes_by_entropy(codes, 3, {}, out);
    EXPECT_EQ(out.size(), Bits(83));
    encode_magnitudes(means, out);
    const Bits size = out.size();
    return Coded{.bytes = out.take(), .size = size};
  }();
  ASSERT_EQ(coded.bytes.size(), 27U);
  for (std::size_t i = 0; i < 27; ++i) {
    EXPECT_EQ(coded.bytes[i], static_cast<std::byte>(golden[kHeaderBytes + i])) << "byte " << i;
  }
}

TEST(CodeEntropy, IsWithinThreeThousandthsOfTheConditionalEntropyAtThePapersK) {
  for (unsigned q = 2; q <= 8; ++q) {
    Drawn all = drawn(111'740, q, 4, q);
    EXPECT_LT(static_cast<double>(encode(all.codes, q, all.own).size.count()),
              1.003 * entropy(all, q))
        << "q = " << q;
    all.own.clear();
    EXPECT_LT(static_cast<double>(encode(all.codes, q, {}).size.count()), 1.003 * entropy(all, q));
  }
}

TEST(CodeEntropy, IsWithinFivePerCentOfItAtWidth8) {
  for (unsigned q = 2; q <= 8; ++q) {
    const Drawn all = drawn(1765, q, 4, q);
    EXPECT_LT(static_cast<double>(encode(all.codes, q, all.own).size.count()),
              1.05 * entropy(all, q))
        << "q = " << q;
  }
}

TEST(CodeEntropy, TakesAtMostTwoBitsMoreThanPlainCodes) {
  std::mt19937_64 random(1);
  for (unsigned q = 2; q <= 8; ++q) {
    for (int trial = 0; trial < 50; ++trial) {
      Drawn all;
      const std::size_t count = random() % 3000;
      for (std::size_t i = 0; i < count; ++i) {
        all.codes.push_back(static_cast<std::uint8_t>(random() >> (64 - q)));
        all.own.push_back(random() % 2 == 0);
      }
      ASSERT_LE(encode(all.codes, q, all.own).size, Bits(2 + q * count));
    }
  }
}

TEST(CodeEntropy, ASingleLevelCostsItsSignsAndARow) {
  const Bytes codes(1000, 0b0101);  // level 6 of 8, sign 0
  // 2 bits for the model, 1000 signs, a state. Five levels have no slots, at r = 5, 5, 5, 5, 6; the
  // sixth has 256 at r = 6, after which nothing is left.
  EXPECT_EQ(encode(codes, 4, {}).size, Bits(2 + 1000 + 32 + 4 * 6 + 7 + (4 + 1 + 6)));
}

TEST(CodeEntropy, RefusesEveryTruncation) {
  const Drawn all = drawn(300, 4, 8, 1);
  for (const Bytes& own : {all.own, Bytes{}}) {
    const Coded coded = encode(all.codes, 4, own);
    ASSERT_LT(coded.size, Bits(1200));
    for (std::uint64_t size = 0; size < coded.size.count(); ++size) {
      BitReader in(coded.bytes, Bits(size));
      ASSERT_THROW((void)decode_codes_by_entropy(in, 300, 4, own), DecodeError) << size << " bits";
    }
  }
}

TEST(CodeEntropy, RefusesModelsThatThereAreNot) {
  for (const unsigned low_bits : {0U, 3U}) {
    const Coded three = coded([&](BitWriter& out) {
      out.put(3, 2);
      out.put(0, 1);
      out.put(low_bits, 3);
      out.put(0, 60);
    });
    EXPECT_THAT([&] { (void)decode(three, 4, 4, Bytes(4, 1)); },
                ThrowsMessage<DecodeError>(HasSubstr(std::to_string(low_bits) + " low bits of 3")));
  }
  const Coded two_of_three = coded([](BitWriter& out) {
    out.put(0b001'1'11, 6);
    out.put(0, 60);
  });
  EXPECT_THAT([&] { (void)decode(two_of_three, 4, 4, {}); },
              ThrowsMessage<DecodeError>(HasSubstr("two rows without a vote")));
  const Coded two = coded([](BitWriter& out) {
    out.put(2, 2);
    out.put(0, 60);
  });
  EXPECT_THAT([&] { (void)decode(two, 4, 4, {}); },
              ThrowsMessage<DecodeError>(HasSubstr("two rows without a vote")));
}

TEST(CodeEntropy, RefusesImpossibleRows) {
  // q = 2: level 1 has more of the 256 slots.
  const auto with_frequency = [](std::uint64_t zeros, std::uint64_t low) {
    return coded([&](BitWriter& out) {
      out.put(1, 2);
      out.put(0, 4);
      for (std::uint64_t i = 0; i < zeros; ++i) out.put(0, 1);
      out.put(1, 1);
      out.put(low, 7);  // r = floor(log2(256 / 2))
      out.put(65536, 32);
    });
  };
  EXPECT_THAT([&] { (void)decode(with_frequency(2, 1), 4, 2, {}); },
              ThrowsMessage<DecodeError>(HasSubstr("a frequency above the 256 left")));
  EXPECT_THAT([&] { (void)decode(with_frequency(1000, 0), 4, 2, {}); },
              ThrowsMessage<DecodeError>(HasSubstr("a frequency above the 256 left")));
}

TEST(CodeEntropy, RefusesAnotherModelThanTheOneOfTheCodes) {
  const Drawn all = drawn(1000, 4, 8, 1);
  // Plain codes, where the entropy code takes fewer bits.
  const Coded plain = coded([&](BitWriter& out) {
    out.put(0, 2);
    encode_codes(all.codes, 4, out);
  });
  EXPECT_THAT([&] { (void)decode(plain, 1000, 4, all.own); },
              ThrowsMessage<DecodeError>(HasSubstr("plain codes where")));
  // One row, where two are shorter.
  const Coded one = encode(all.codes, 4, {});
  ASSERT_GT(one.size, encode(all.codes, 4, all.own).size);
  EXPECT_THAT([&] { (void)decode(one, 1000, 4, all.own); },
              ThrowsMessage<DecodeError>(HasSubstr("model 1 is not that of these codes")));
  EXPECT_EQ(decode(one, 1000, 4, {}), all.codes);
}

TEST(CodeEntropy, RefusesFrequenciesThatAreNotThoseOfTheCodes) {
  // Two of 32 levels are the second level, so it has 16 of 256 slots, not 15.
  Bytes levels(32, 0);
  levels[5] = levels[17] = 1;
  const auto with_second = [&](std::uint32_t slots) {
    return coded([&](BitWriter& out) {
      out.put(1, 2);
      out.put(0, 32);
      out.put(8, 4);                     // three zeros and a 1
      out.put(256 - slots - 3 * 64, 6);  // r = 6
      out.put(std::uint64_t{1} << (slots / 4), slots / 4 + 1);
      out.put(slots % 4, 2);  // r = 2
      Rans(8, 4, {256 - slots, slots, 0, 0}).encode(levels, 1, out);
    });
  };
  EXPECT_EQ(decode(with_second(16), 32, 3, {}), levels);
  EXPECT_THAT([&] { (void)decode(with_second(15), 32, 3, {}); },
              ThrowsMessage<DecodeError>(HasSubstr("model 1 is not that of these codes")));
}

TEST(CodeEntropy, HoldsNothingForACountThatIsNotThere) {
  const Coded coded = encode(Bytes(100, 0), 4, {});
  for (const std::uint64_t model : {0U, 1U}) {
    std::vector<std::byte> bytes = coded.bytes;
    bytes[0] = static_cast<std::byte>((std::to_integer<unsigned>(bytes[0]) & 0xfcU) | model);
    BitReader in(bytes, coded.size);
    EXPECT_THROW((void)decode_codes_by_entropy(in, std::size_t{1} << 40, 4, {}), DecodeError);
  }
}

TEST(CodeEntropy, DecodesAlteredBitsToWhatEncodesToThemOrThrows) {
  std::mt19937_64 random(3);
  int decoded = 0;
  int refused = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    const unsigned q = 2 + static_cast<unsigned>(random() % 3);
    const Drawn all = drawn(40 + random() % 60, q, 20, random());
    Coded message = encode(all.codes, q, all.own);
    message.bytes[random() % message.bytes.size()] ^= static_cast<std::byte>(1U << random() % 8);
    message.size = Bits::of_bytes(message.bytes.size());
    BitReader in(message.bytes, message.size);
    Bytes codes;
    try {
      codes = decode_codes_by_entropy(in, all.codes.size(), q, all.own);
    } catch (const DecodeError&) {
      ++refused;
      continue;
    }
    ++decoded;
    const Coded again = encode(codes, q, all.own);
    ASSERT_EQ(again.size, in.position());
    ASSERT_EQ(text_of(again), text_of(message).substr(0, again.size.count()));
  }
  EXPECT_GT(decoded, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(CodeEntropy, RefusesCodesAndMarksThatAreNoneAndWritesNothing) {
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT(
      [&] {
        encode_codes_by_entropy(Bytes{3, 8}, 3, {}, out);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("codes[1] = 8 of q = 3")));
  EXPECT_THROW(encode_codes_by_entropy(Bytes{1}, 1, {}, out), std::invalid_argument);
  EXPECT_THROW(encode_codes_by_entropy(Bytes{1}, 9, {}, out), std::invalid_argument);
  EXPECT_THROW(encode_codes_by_entropy(Bytes{1, 1}, 4, Bytes{1}, out), std::invalid_argument);
  EXPECT_THROW(encode_codes_by_entropy(Bytes{1}, 4, Bytes{2}, out), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(1));
}

}  // namespace
}  // namespace mvsgd::compress
