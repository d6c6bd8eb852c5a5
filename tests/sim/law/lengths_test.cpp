// The law's counts of the codes whose length depends on what they code: those of comm/README.md's
// examples, and of the codecs, which were written apart from them.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "compress/positions/change_codec.hpp"
#include "compress/positions/delta_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/positions/ranks.hpp"
#include "compress/values/code_entropy.hpp"
#include "sim/law/position_lengths.hpp"
#include "sim/law/value_lengths.hpp"
#include "tests/compress/positions/supports.hpp"

namespace mvsgd::sim {
namespace {

using comm::Bits;
using Set = std::vector<std::uint32_t>;

constexpr std::uint8_t kBlock = 1;
constexpr std::uint8_t kEntropy = 5;
constexpr std::uint8_t kRans = 9;

Bits of_codec(const CodeOfPositions& code, const Set& set) {
  return compress::make_position_codec(code.code, code.n,
                                       static_cast<std::uint32_t>(code.block_size))
      ->size(set);
}

/// What the codes of each kind make of `k` positions in [0, n).
std::vector<CodeOfPositions> all_codes(std::uint64_t n, std::uint64_t k) {
  std::vector<CodeOfPositions> codes;
  for (const compress::PositionCodecKind& kind : compress::position_codecs()) {
    codes.push_back({.code = kind.id, .n = n, .block_size = kind.make(n, k, 4)->parameter()});
  }
  return codes;
}

Set members_of(std::uint32_t bits) {
  Set set;
  for (std::uint32_t i = 0; i < 32; ++i) {
    if ((bits >> i & 1) != 0) set.push_back(i);
  }
  return set;
}

/// k of n positions, alike everywhere.
Set drawn(std::uint64_t n, std::uint64_t k, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Set set;
  for (std::uint64_t i = 0; i < n; ++i) {
    if (random() % (n - i) < k - set.size()) set.push_back(static_cast<std::uint32_t>(i));
  }
  return set;
}

TEST(PositionLengths, AreThoseOfTheExamplesOfTheReadme) {
  EXPECT_EQ(law_of_set({}, {.code = kBlock, .n = 18, .block_size = 4}, Set{1, 6, 7, 12}), Bits(17));
  EXPECT_EQ(law_of_set({}, {.code = kEntropy, .n = 32}, Set{1, 9, 10, 29}), Bits(19));
  EXPECT_EQ(law_of_change({}, {.code = kBlock, .n = 18, .block_size = 4}, Set{1, 6, 7, 12},
                          Set{1, 7, 9, 12}),
            Bits(14));
  EXPECT_EQ(law_of_delta({}, 16, Set{1, 6, 7, 12}, Set{1, 7, 9, 12}), Bits(13));
  Set every_fourth(8192);
  for (std::uint32_t i = 0; i < 8192; ++i) every_fourth[i] = 4 * i + 3;
  EXPECT_EQ(law_of_set({}, {.code = kRans, .n = 32'768}, every_fourth), Bits(4 * 32 + 1704 * 16));
}

TEST(PositionLengths, AreTheCodecsOfEachSetOfASmallUniverse) {
  constexpr std::uint64_t kN = 11;
  for (std::uint32_t bits = 0; bits < 1U << kN; ++bits) {
    const Set set = members_of(bits);
    for (const CodeOfPositions& code : all_codes(kN, set.size())) {
      ASSERT_EQ(law_of_set({}, code, set), of_codec(code, set)) << int{code.code} << ' ' << bits;
    }
  }
}

TEST(PositionLengths, OfChangesAreTheCodecsOfEachPairOfASmallUniverse) {
  constexpr std::uint64_t kN = 7;
  for (std::uint32_t before = 0; before < 1U << kN; ++before) {
    for (std::uint32_t after = 0; after < 1U << kN; ++after) {
      if (std::popcount(before) != std::popcount(after)) continue;
      const Set previous = members_of(before);
      const Set set = members_of(after);
      ASSERT_EQ(law_of_delta({}, kN, previous, set),
                compress::DeltaCodec(kN, previous).size(std::span<const std::uint32_t>(set)));
      for (const CodeOfPositions& code : all_codes(kN, set.size())) {
        const compress::ChangeCodec codec(
            kN, previous,
            compress::make_position_codec(code.code, kN,
                                          static_cast<std::uint32_t>(code.block_size)));
        ASSERT_EQ(law_of_change({}, code, previous, set), codec.size(set))
            << int{code.code} << ' ' << before << ' ' << after;
      }
    }
  }
}

TEST(PositionLengths, AreTheCodecsOfLongListsAtEveryDensity) {
  constexpr std::uint64_t kN = 60'013;
  for (const std::uint64_t k : {1U, 600U, 8191U, 8192U, 8193U, 20'000U, 30'006U, 30'007U, 51'821U,
                                51'822U, 60'012U, 60'013U}) {
    const Set set = drawn(kN, k, k);
    for (const CodeOfPositions& code : all_codes(kN, k)) {
      ASSERT_EQ(law_of_set({}, code, set), of_codec(code, set)) << int{code.code} << ' ' << k;
    }
  }
}

TEST(PositionLengths, AreTheCodecsWhereDensityVaries) {
  const Set layered = compress::layered_support(compress::kResNet18, 20'000);
  // Runs of neighbours between gaps of every length.
  Set runs;
  std::uint64_t next = 0;
  for (std::uint32_t i = 0; runs.size() < 20'000; ++i) {
    for (std::uint32_t j = 0; j < 40 + i % 9; ++j) {
      runs.push_back(static_cast<std::uint32_t>(next++));
    }
    next += std::uint64_t{1} << i % 23;
  }
  for (const std::uint8_t code : {kEntropy, kRans}) {
    const CodeOfPositions of_layers{.code = code, .n = compress::kResNet18};
    EXPECT_EQ(law_of_set({}, of_layers, layered), of_codec(of_layers, layered));
    const CodeOfPositions of_runs{.code = code, .n = ~std::uint32_t{0}};
    EXPECT_EQ(law_of_set({}, of_runs, runs), of_codec(of_runs, runs));
  }
}

TEST(PositionLengths, OfChangesAreTheCodecsHoweverManyChange) {
  constexpr std::uint64_t kN = 400'000;
  const Set previous = drawn(kN, 40'000, 1);
  const Set other = drawn(kN, 40'000, 2);
  for (const std::size_t from : {0U, 10'000U, 30'000U, 39'000U, 39'999U, 40'000U}) {
    // `previous` below a coordinate, `other` from there on, cut to as many.
    Set set(previous.begin(), previous.begin() + static_cast<std::ptrdiff_t>(from));
    for (const std::uint32_t i : other) {
      if (set.size() < 40'000 && (set.empty() || i > set.back())) set.push_back(i);
    }
    for (std::uint32_t i = kN - 1; set.size() < 40'000; --i) {
      if (!std::ranges::binary_search(set, i)) set.insert(std::ranges::upper_bound(set, i), i);
    }
    EXPECT_EQ(law_of_delta({}, kN, previous, set),
              compress::DeltaCodec(kN, previous).size(std::span<const std::uint32_t>(set)));
    for (const std::uint8_t code : {kBlock, kRans}) {
      const CodeOfPositions whole{.code = code, .n = kN, .block_size = code == kBlock ? 10U : 0U};
      const compress::ChangeCodec codec(
          kN, previous,
          compress::make_position_codec(code, kN, static_cast<std::uint32_t>(whole.block_size)));
      EXPECT_EQ(law_of_change({}, whole, previous, set), codec.size(set)) << from;
    }
  }
}

TEST(PositionLengths, CountRanksAsTheCodecsDo) {
  const Set vote = drawn(3'000, 300, 1);
  Set kept;
  for (std::size_t i = 0; i < vote.size(); i += 7) kept.push_back(vote[i]);
  EXPECT_EQ(ranks_within(vote, kept), compress::ranks_of(kept, vote));
  Set outside;
  std::ranges::set_difference(drawn(3'000, 500, 2), vote, std::back_inserter(outside));
  EXPECT_EQ(ranks_without(vote, outside), compress::ranks_outside(outside, vote));
}

TEST(PositionLengths, AreNoneOfACodeThatIsNotKnown) {
  EXPECT_THROW((void)law_of_set({}, {.code = 8, .n = 10}, Set{1}), std::invalid_argument);
}

TEST(ValueLengths, AreThoseOfTheExampleOfTheReadme) {
  std::vector<std::uint8_t> codes(32);
  for (const std::size_t i : {5U, 17U}) codes[i] = 1;
  for (const std::size_t i : {2U, 3U, 7U, 11U, 12U, 19U, 22U, 30U}) codes[i] |= 4;
  EXPECT_EQ(law_of_codes(codes, 3, {}), Bits(83));
}

TEST(ValueLengths, AreTheCodecsWhateverTheLevelsAndMarks) {
  std::mt19937_64 random(3);
  for (std::uint64_t q = 2; q <= 8; ++q) {
    for (const std::size_t n : {0U, 1U, 7U, 100U, 1'765U, 8'191U, 8'192U, 20'001U}) {
      for (const double falls : {0.001, 1.0, 4.0, 40.0}) {
        for (const std::uint64_t marked_of_6 : {0U, 1U, 6U}) {
          std::vector<std::uint8_t> codes(n);
          std::vector<std::uint8_t> marked(n);
          const std::uint64_t levels = std::uint64_t{1} << (q - 1);
          for (std::size_t i = 0; i < n; ++i) {
            marked[i] = random() % 6 < marked_of_6 ? 1 : 0;
            const double u = (static_cast<double>(random() >> 12) + 0.5) * 0x1p-52;
            const double level = -std::log(u) * (marked[i] == 1 ? 0.4 : 1.0) / falls;
            const double last = std::min(level, 1.0) * static_cast<double>(levels - 1);
            codes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(last) | random() % 2
                                                                                        << (q - 1));
          }
          const auto width = static_cast<unsigned>(q);
          ASSERT_EQ(law_of_codes(codes, q, marked),
                    compress::entropy_of_codes(codes, width, marked))
              << "q = " << q << ", n = " << n << ", falls " << falls << ", " << marked_of_6;
          ASSERT_EQ(law_of_codes(codes, q, {}), compress::entropy_of_codes(codes, width, {}));
        }
      }
    }
  }
}

TEST(ValueLengths, AreNoneOfOtherWidthsAndMarks) {
  const std::vector<std::uint8_t> codes(3);
  const std::vector<std::uint8_t> marked(2);
  EXPECT_THROW((void)law_of_codes(codes, 1, {}), std::invalid_argument);
  EXPECT_THROW((void)law_of_codes(codes, 9, {}), std::invalid_argument);
  EXPECT_THROW((void)law_of_codes(codes, 4, marked), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::sim
