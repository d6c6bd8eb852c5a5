// The parts of `mvsgd verify`, one source file each. Private: other folders use verify.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/law/law.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/server.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {

/// The seed of all that `mvsgd verify` draws.
inline constexpr std::uint64_t kVerifySeed = 20'211;

/// Eqs 2, 3 and 10-12, on the real network.
[[nodiscard]] std::vector<Check> check_learning();

/// What each split of the images over the workers promises, on drawn splits.
[[nodiscard]] Check check_splits();

/// Eqs 4-9 and 16 and the invariants: small runs of real workers and a real server, against the
/// definition.
[[nodiscard]] std::vector<Check> check_algorithms();

/// Eq 8 where workers sum in a ring: small runs against the definition and the law.
[[nodiscard]] std::vector<Check> check_ring(const LawConstants& law);

/// Eqs 17 and 18.
[[nodiscard]] std::vector<Check> check_quantizers();

/// Every code of positions at the paper's d and K: decoding gives the set back, and the bits are
/// those of the code's law.
[[nodiscard]] std::vector<Check> check_codecs();

/// The records of a few rounds with d parameters. The last sparse round has what all later ones
/// have.
struct MeasuredRounds {
  Settings settings;
  std::uint64_t d = 0;
  std::vector<RoundRecord> records;  ///< t = 0, dense rounds, sparse rounds
};

/// Measures rounds of every scheme and number of value bits in Table 1, with drawn model
/// differences. The last one is of supports without overlap, the one before of a server that
/// quantises.
[[nodiscard]] std::vector<MeasuredRounds> measure_rounds(std::uint64_t d);

/// Eqs 13-15 and Table 1: compares the measured bits with `law`, as integers, and with the paper's
/// printed numbers.
void judge_bits(const LawConstants& law, const std::vector<MeasuredRounds>& measured,
                Verification& verification);

}  // namespace mvsgd::sim
