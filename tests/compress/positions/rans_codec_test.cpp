// The rANS code of positions has the bits of its definition, comes within five thousandths of the
// bound, and takes no bits but its own.
#include "compress/positions/rans_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/gap_rows.hpp"
#include "compress/positions/position_codecs.hpp"
#include "tests/compress/positions/coded_sets.hpp"
#include "tests/compress/positions/supports.hpp"

namespace mvsgd::compress {
namespace {

constexpr std::uint64_t kFewest = RansCodec::kFewest;

Coded by_definition(const RansCodec& codec, const Set& positions) {
  return coded([&](BitWriter& out) { codec.encode_by_definition(positions, out); });
}

void expect_as_defined(std::uint64_t d, const Set& positions) {
  const RansCodec codec(d);
  const Coded fast = encode(codec, positions);
  const Coded plain = by_definition(codec, positions);
  EXPECT_EQ(fast.size, plain.size);
  EXPECT_EQ(fast.bytes, plain.bytes);
  EXPECT_EQ(codec.size(positions), plain.size);
  EXPECT_EQ(decode(codec, fast, positions.size()), positions);
}

Set everything(std::uint64_t d) {
  Set set(d);
  std::iota(set.begin(), set.end(), Index{0});
  return set;
}

/// kFewest positions, every `step`-th from step - 1 on.
Set every(Index step) {
  Set set(kFewest);
  for (Index i = 0; i < kFewest; ++i) set[i] = (i + 1) * step - 1;
  return set;
}

/// Below 1000 n: one to five positions, each third coordinate, after every thousand.
Set clusters(std::uint64_t n) {
  Set set;
  for (std::uint64_t i = 0; i < n; ++i) {
    for (std::uint64_t j = 0; j <= i * i % 5; ++j)
      set.push_back(static_cast<Index>(1000 * i + 3 * j));
  }
  return set;
}

// Fields of a stream of kFewest positions or more.
Coded stream(const std::vector<std::uint32_t>& states, std::uint64_t rest) {
  return coded([&](BitWriter& out) {
    for (const std::uint32_t state : states) out.put(state, 32);
    for (std::uint64_t i = 0; i < rest; ++i) out.put(~std::uint64_t{0}, 64);
  });
}

TEST(RansCodec, ExampleOfTheReadmeHasItsBits) {
  const RansCodec codec(32'768);
  const Coded coded = encode(codec, every(4));
  EXPECT_EQ(coded.size, Bits(27'392));
  BitReader in(coded.bytes, coded.size);
  for (int lane = 0; lane < 4; ++lane) EXPECT_EQ(in.get(32), 1'775'195U);
  for (int lane = 0; lane < 4; ++lane) EXPECT_EQ(in.get(16), 55'870U);
}

TEST(RansCodec, IsItsDefinitionAtEveryDensity) {
  constexpr std::uint64_t kD = 40'009;
  for (const std::size_t k :
       {std::size_t{0}, std::size_t{1}, kFewest - 1, kFewest, kFewest + 1, std::size_t{kD / 2},
        std::size_t{kD / 2 + 1}, std::size_t{kD - kFewest}, std::size_t{kD - 3}, std::size_t{kD}}) {
    SCOPED_TRACE(k);
    const auto few = random_support(kD, std::min<std::size_t>(k, kD - k), k);
    Set set = few;
    if (2 * k > kD) {
      set.clear();
      std::ranges::set_difference(everything(kD), few, std::back_inserter(set));
    }
    ASSERT_EQ(set.size(), k);
    expect_as_defined(kD, set);
  }
}

TEST(RansCodec, IsItsDefinitionWhereDensityVaries) {
  expect_as_defined(kResNet18, layered_support(kResNet18, 20'000));
  // Runs of neighbours, and gaps of every length up to the longest.
  Set set;
  std::uint64_t next = 0;
  for (unsigned i = 0; set.size() < 2 * kFewest; ++i) {
    for (unsigned j = 0; j < 40 + i % 9; ++j) set.push_back(static_cast<Index>(next++));
    next += std::uint64_t{1} << i % 23;
  }
  set.push_back(~Index{0} - 1);
  expect_as_defined(~Index{0}, set);
}

// Four gaps of 64 units or more, none of which is far, have 68 plain bits where the unit is 2^13.
TEST(RansCodec, ReadsFourGapsWhosePlainBitsAreMoreThan64) {
  for (unsigned log2_of_unit = 8; log2_of_unit < 15; ++log2_of_unit) {
    Set set;
    std::uint64_t next = 0;
    for (unsigned i = 0; set.size() < kFewest; ++i) {
      next += (std::uint64_t{i % 128 < 124 ? 6U : 101U} << log2_of_unit) - 1;
      set.push_back(static_cast<Index>(next++));
    }
    ASSERT_LT(next, ~Index{0});
    expect_as_defined(~Index{0}, set);
  }
}

TEST(RansCodec, IsTheEntropyCodeOfFewPositionsAndOfFewOthers) {
  constexpr std::uint64_t kD = 30'000;
  const auto few = random_support(kD, kFewest - 1, 1);
  EXPECT_EQ(encode(RansCodec(kD), few).bytes, encode(EntropyCodec(kD), few).bytes);
  Set most;
  std::ranges::set_difference(everything(kD), few, std::back_inserter(most));
  EXPECT_EQ(encode(RansCodec(kD), most).bytes, encode(EntropyCodec(kD), few).bytes);
  EXPECT_EQ(encode(RansCodec(kD), everything(kD)).size, Bits(1));
}

TEST(RansCodec, ReadsFewNeighboursThatTakeLessThanAnEighthOfABitEach) {
  constexpr std::uint64_t kD = 16'385;
  const RansCodec codec(kD);
  const Set few = everything(kFewest - 1);
  const Coded coded = encode(codec, few);
  EXPECT_LT(8 * coded.size.count(), few.size());
  EXPECT_EQ(decode(codec, coded, few.size()), few);
  Set most = everything(kD);
  most.erase(most.begin(), most.begin() + static_cast<std::ptrdiff_t>(few.size()));
  EXPECT_EQ(encode(codec, most).bytes, coded.bytes);
  EXPECT_EQ(decode(codec, coded, most.size()), most);
}

TEST(RansCodec, ReadsOneSetAfterAnotherAtAnyBit) {
  const RansCodec codec(60'000);
  const auto first = random_support(60'000, kFewest, 1);
  const auto second = random_support(60'000, 30, 2);
  const auto third = random_support(60'000, 10'001, 3);
  for (unsigned before : {0U, 1U, 3U, 13U}) {
    const Coded all = coded([&](BitWriter& out) {
      out.put(0, before);
      codec.encode(first, out);
      codec.encode(second, out);
      codec.encode(third, out);
    });
    BitReader in(all.bytes, all.size);
    in.skip(Bits(before));
    ASSERT_EQ(codec.decode(in, first.size()), first);
    ASSERT_EQ(codec.decode(in, second.size()), second);
    ASSERT_EQ(codec.decode(in, third.size()), third);
    ASSERT_EQ(in.remaining(), Bits(0));
  }
}

TEST(RansCodec, CostsAtMost1005ThousandthsOfTheEntropyOnUniformSupports) {
  const RansCodec codec(kResNet18);
  for (const std::uint64_t k : {111740U, 11174U}) {
    const auto positions = uniform_support(kResNet18, k);
    EXPECT_LE(static_cast<double>(codec.size(positions).count()),
              1.005 * entropy(static_cast<double>(kResNet18), static_cast<double>(k)));
  }
}

TEST(RansCodec, CostsMoreOfTheEntropyWherePositionsAreDenser) {
  struct Density {
    std::uint64_t one_in;
    double most;  // of the entropy
  };
  for (const auto& [one_in, most] :
       {Density{100, 1.006}, {10, 1.015}, {4, 1.015}, {3, 1.03}, {2, 1.03}}) {
    for (const std::uint64_t k : {kFewest, 2 * kFewest}) {
      const std::uint64_t d = k * one_in;
      const double bound = entropy(static_cast<double>(d), static_cast<double>(k));
      const auto size = static_cast<double>(RansCodec(d).size(uniform_support(d, k)).count());
      EXPECT_LE(size, most * bound) << k << " of " << d;
      EXPECT_GE(size, bound) << k << " of " << d;
    }
  }
}

TEST(RansCodec, IsBelowTheEntropyWhereLayersDifferInDensity) {
  const auto positions = layered_support(kResNet18, 111740);
  EXPECT_LE(static_cast<double>(RansCodec(kResNet18).size(positions).count()),
            0.98 * entropy(static_cast<double>(kResNet18), static_cast<double>(positions.size())));
}

TEST(RansCodec, ReadsNeighboursThatTakeLessThanAnEighthOfABitEach) {
  constexpr std::uint64_t kK = 8 * kFewest;
  const RansCodec codec(2 * kK);
  const Set neighbours = everything(kK);
  const Coded coded = encode(codec, neighbours);
  EXPECT_LT(8 * coded.size.count(), kK);
  EXPECT_EQ(decode(codec, coded, kK), neighbours);
}

// Half of the gaps are 30 or less, and one in 100 is 2970 or more. Even rows alone would take
// 162,443 bits.
TEST(RansCodec, KnowsThatPositionsCluster) {
  std::mt19937_64 random(3);
  Set set;
  Index next = 0;
  for (int i = 0; i < 20'000; ++i) {
    next += static_cast<Index>(30 * 65'536 / (1 + random() % 65'536) - 30);
    set.push_back(next++);
  }
  EXPECT_LE(RansCodec(next).size(set), Bits(159'500));
}

TEST(RansCodec, RefusesTruncations) {
  const RansCodec codec(50'000);
  const Coded coded = encode(codec, random_support(50'000, kFewest, 1));
  for (std::uint64_t size = 0; size < coded.size.count(); size += 61) {
    BitReader in(coded.bytes, Bits(size));
    ASSERT_THROW((void)codec.decode(in, kFewest), DecodeError) << size << " bits";
  }
  BitReader in(coded.bytes, Bits(coded.size.count() - 1));
  EXPECT_THROW((void)codec.decode(in, kFewest), DecodeError);
}

TEST(RansCodec, ReadsAnAlteredStreamAsWhatEncodesToItOrThrows) {
  const RansCodec codec(900'000);
  const Coded whole = encode(codec, random_support(900'000, kFewest, 1));
  std::mt19937_64 random(2);
  int decoded = 0;
  for (int trial = 0; trial < 400; ++trial) {
    Coded altered = whole;
    const std::uint64_t bit = random() % whole.size.count();
    altered.bytes[bit / 8] ^= std::byte{1} << bit % 8;
    BitReader in(altered.bytes, altered.size);
    Set positions;
    try {
      positions = codec.decode(in, kFewest);
    } catch (const DecodeError&) {
      continue;
    }
    ++decoded;
    const Coded again = encode(codec, positions);
    ASSERT_EQ(again.size, in.position());
    ASSERT_TRUE(same_bits(again.bytes, altered.bytes, again.size));
  }
  EXPECT_GT(decoded, 40);  // of plain bits, which are most
  EXPECT_LT(decoded, 360);
}

TEST(RansCodec, RefusesEachThingByItsName) {
  const auto refusal = [](std::uint64_t d, const Coded& coded, std::uint64_t count) {
    BitReader in(coded.bytes, coded.size);
    try {
      (void)RansCodec(d).decode(in, count);
    } catch (const DecodeError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  constexpr std::uint32_t kOne = 1U << 16;
  EXPECT_THAT(refusal(100'000, stream({kOne, kOne - 1, kOne, kOne}, 200), kFewest),
              HasSubstr("rans code: the state 65535 of a lane, at bit 64"));
  EXPECT_THAT(refusal(100'000, stream({kOne, kOne, kOne, kOne}, 0), 1025 * 8),
              HasSubstr("rans code: 8200 gaps in 128 bits"));
  Coded cut = encode(RansCodec(32'768), every(4));
  cut.size = Bits(2000);
  EXPECT_THAT(refusal(32'768, cut, kFewest), HasSubstr("rans code: it ends before gap"));
  EXPECT_THAT(refusal(100'000, stream({kOne, kOne, kOne, kOne}, 20'000), kFewest),
              HasSubstr("rans code: gaps beyond any d"));
  EXPECT_THAT(refusal(9'000, stream({}, 1), 9'001), HasSubstr("9001 positions of d = 9000"));

  // The end of another state than 2^16, or one that wants one more word: by the bit of the last.
  const Coded even = encode(RansCodec(32'768), every(4));
  std::set<std::string> names;
  for (std::uint64_t bit = even.size.count() - 16; bit < even.size.count(); ++bit) {
    Coded another = even;
    another.bytes[bit / 8] ^= std::byte{1} << bit % 8;
    const std::string name = refusal(32'768, another, kFewest);
    names.insert(name.substr(0, name.find(" state")));
  }
  EXPECT_THAT(names, ::testing::Contains("rans code: a lane ends with the"));
  // The last gap is 99, its highest plain bit the stream's last: it becomes 107.
  Coded beyond = encode(RansCodec(819'200), every(100));
  const std::uint64_t last = beyond.size.count() - 1;
  beyond.bytes[last / 8] ^= std::byte{1} << last % 8;
  EXPECT_THAT(refusal(819'200, beyond, kFewest),
              HasSubstr("rans code: positions of d = 819200 up to 819207"));
  // The last gap is 2^31, told by 5 bits for 31 and by these 31.
  Set far = every(100);
  far.back() = far[kFewest - 2] + 1 + (Index{1} << 31);
  Coded wide = encode(RansCodec(~Index{0}), far);
  const std::uint64_t length = wide.size.count() - 36;
  for (std::uint64_t bit = length; bit < length + 3; ++bit) {  // from 19 to 20
    wide.bytes[bit / 8] ^= std::byte{1} << bit % 8;
  }
  EXPECT_THAT(refusal(~Index{0}, wide, kFewest), HasSubstr("rans code: a gap of 32 bits"));
}

TEST(RansCodec, RefusesACountThatNoSetOrStreamHolds) {
  const std::vector<std::byte> bytes(4);
  BitReader in(bytes, Bits(32));
  EXPECT_THROW((void)RansCodec(~Index{0}).decode(in, ~Index{0} / 2), DecodeError);
  EXPECT_THROW((void)RansCodec(10).decode(in, ~std::uint64_t{0}), DecodeError);
  EXPECT_EQ(in.position(), Bits(0));
}

TEST(RansCodec, HasNoSlotMoreThanItsRows) {
  for (const auto& row : kGapFrequencies) {
    EXPECT_EQ(std::accumulate(row.begin(), row.end(), 0), 1 << kSlotBits);
    EXPECT_EQ(std::ranges::max(row), row[0]);
    EXPECT_LE(row[0], 953);  // 0.931, of which a position has 1/10 bit and more
    EXPECT_GE(std::ranges::min(row), 1);
  }
}

TEST(RansCodec, EncodesAndDecodesTheGoldenFiles) {
  Set far;
  for (std::uint64_t j = 0; j < 9000; ++j) {
    const auto cube = static_cast<Index>(j * j * j >> 10);
    if (far.empty() || cube != far.back()) far.push_back(cube);
  }
  far.push_back(~Index{0} - 1);
  Set dense;
  for (std::uint64_t i = 0; i < 20'011; ++i) {
    if ((7 * i * i + 3 * i) % 20'011 >= 9000) dense.push_back(static_cast<Index>(i));
  }
  const struct {
    const char* file;
    std::uint64_t d;
    Set positions;
  } cases[] = {{"rans_far.bin", ~Index{0}, far},
               {"rans_dense.bin", 20'011, dense},
               {"rans_runs.bin", 1 << 22, clusters(4000)}};
  for (const auto& [file, d, positions] : cases) {
    SCOPED_TRACE(file);
    const auto golden = golden_bytes(file);
    ASSERT_FALSE(golden.empty());
    const RansCodec codec(d);
    EXPECT_EQ(encode(codec, positions).bytes, golden);
    BitReader in(golden, Bits::of_bytes(golden.size()));
    EXPECT_EQ(codec.decode(in, positions.size()), positions);
    EXPECT_EQ(in.position(), codec.size(positions));
  }
}

TEST(RansCodec, RefusesAListThatIsNoSetAndWritesNothing) {
  const RansCodec codec(10);
  BitWriter out;
  out.put(1, 1);
  EXPECT_THAT(
      [&] {
        codec.encode(Set{3, 10}, out);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("positions[1] = 10 of d = 10")));
  EXPECT_THROW(codec.encode(Set{3, 3}, out), std::invalid_argument);
  EXPECT_THROW(codec.encode_by_definition(Set{3, 3}, out), std::invalid_argument);
  EXPECT_THROW((void)codec.size(Set{3, 3}), std::invalid_argument);
  EXPECT_EQ(out.size(), Bits(1));
}

TEST(RansCodec, IsMadeByItsIdWithoutAParameter) {
  EXPECT_EQ(make_position_codec(RansCodec::kId, 10, 0)->id(), 9);
  EXPECT_THROW((void)make_position_codec(RansCodec::kId, 10, 1), DecodeError);
  EXPECT_THROW((void)make_position_codec(RansCodec::kId, 0, 0), DecodeError);
  EXPECT_THROW(RansCodec(0), std::invalid_argument);
  EXPECT_THROW(RansCodec(std::uint64_t{1} << 32), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::compress
