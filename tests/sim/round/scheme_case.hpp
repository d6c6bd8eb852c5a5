// The schemes with which groups are run, and how their results are compared.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <ostream>
#include <span>
#include <string_view>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// A scheme, its bits per value, whether the error of quantisation is fed back, its momentum, the
/// bits per value of what the server sends, and whether workers keep what they do not send.
struct SchemeCase {
  const char* name;
  std::string_view scheme;
  std::uint32_t q = 32;
  bool quantization_error = true;
  double momentum = 0;
  bool nesterov = false;
  bool momentum_correction = false;
  std::uint32_t aggregate_q = 32;
  bool error_memory = true;
};

inline constexpr SchemeCase kSchemeCases[] = {
    {"Mv", "mv"},
    {"MvQ4", "mv", 4},
    {"MvQ4Lost", "mv", 4, false},
    {"MvSign", "mv", 1},
    {"MvSignLost", "mv", 1, false},
    {"Rs", "mv-rs"},
    {"RsQ4", "mv-rs", 4},
    {"RsQ4Lost", "mv-rs", 4, false},
    {"RsSign", "mv-rs", 1},
    {"RsSignLost", "mv-rs", 1, false},
    {"Ad", "mv-ad"},
    {"AdQ4", "mv-ad", 4},
    {"AdQ4Lost", "mv-ad", 4, false},
    {"AdSign", "mv-ad", 1},
    {"AdSignLost", "mv-ad", 1, false},
    {"TopK", "top-k"},
    {"TopKQ4", "top-k", 4},
    {"TopKQ4Lost", "top-k", 4, false},
    {"TopKSign", "top-k", 1},
    {"TopKSignLost", "top-k", 1, false},
    {"RandK", "rand-k"},
    {"RandKQ4", "rand-k", 4},
    {"RandKSignLost", "rand-k", 1, false},
    {"MvMomentum", "mv", 32, true, 0.875},
    {"MvQ4LostCorrected", "mv", 4, false, 0.875, false, true},
    {"RsNesterov", "mv-rs", 32, true, 0.875, true},
    {"AdQ4Corrected", "mv-ad", 4, true, 0.875, false, true},
    {"TopKNesterovCorrected", "top-k", 32, true, 0.875, true, true},
    {"RandKSignCorrected", "rand-k", 1, true, 0.875, false, true},
    {"MvQ4BothWays", "mv", 4, true, 0, false, false, 4},
    {"MvDownAlone", "mv", 32, true, 0, false, false, 3},
    {"RsQ8BothWaysLost", "mv-rs", 8, false, 0, false, false, 8},
    {"AdSignBothWays", "mv-ad", 1, true, 0, false, false, 1},
    {"TopKBothWays", "top-k", 4, true, 0.875, false, true, 2},
    {"Mv16", "mv", 16},
    {"Ad16BothWays", "mv-ad", 16, true, 0, false, false, 16},
    {"TopK16Lost", "top-k", 16, false},
    {"RandKDownAlone", "rand-k", 32, true, 0, false, false, 1},
    {"MvForgets", "mv", 32, true, 0, false, false, 32, false},
    {"AdQ4ForgetsBothWays", "mv-ad", 4, true, 0, false, false, 4, false},
    {"TopKCorrectedForgets", "top-k", 32, true, 0.875, false, true, 32, false}};

inline std::ostream& operator<<(std::ostream& out, const SchemeCase& c) { return out << c.name; }

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

}  // namespace mvsgd::sim
