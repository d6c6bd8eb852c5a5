// The parts of `mvsgd verify`, a source file each. Private: verify.hpp is what others use.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/law/law.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/server.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {

/// All that `mvsgd verify` draws is a function of it.
inline constexpr std::uint64_t kVerifySeed = 20'211;

/// Eqs 2, 3 and 10-12, on the real network.
[[nodiscard]] std::vector<Check> check_learning();

/// Eqs 4-9 and 16 and what always holds: small runs of real workers and a real server, beside the
/// definition.
[[nodiscard]] std::vector<Check> check_algorithms();

/// Eqs 17 and 18.
[[nodiscard]] std::vector<Check> check_quantizers();

/// Every code of positions at the paper's d and K: what is coded is read back, at the bits of the
/// code's law.
[[nodiscard]] std::vector<Check> check_codecs();

/// The ledger of a few rounds at the size d.
struct MeasuredRounds {
  Settings settings;
  std::uint64_t d = 0;
  std::vector<RoundRecord> records;  ///< t = 0, dense rounds, and sparse ones of which the last has
                                     ///< what a later round has
};

/// Rounds of every scheme and number of value bits in Table 1, with drawn model differences.
[[nodiscard]] std::vector<MeasuredRounds> measure_rounds(std::uint64_t d);

/// Eqs 13-15 and Table 1: what was measured against `law`, as integers, and against what is
/// printed.
void judge_bits(const LawConstants& law, const std::vector<MeasuredRounds>& measured,
                Verification& verification);

}  // namespace mvsgd::sim
