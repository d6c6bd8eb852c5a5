// Client sampling: which workers take part in a round.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The workers that take part in `round`, [N - round.absent], strictly increasing. All sets of so
/// many workers have the same probability, independently of other rounds.
///
/// Floyd's method (Bentley and Floyd, "A sample of brilliance", 1987). For j = round.absent, ...,
/// N - 1 a number below j + 1 is drawn and taken, or j itself if that number has been taken
/// already. A draw takes the first word of Philox4x64-10 under a key of the seed and a purpose of
/// its own, at the counters {t, j, 0, 0}, {t, j, 1, 0}, ..., that is not among the lowest 2^64 mod
/// (j + 1), and of it the remainder: exactly uniform.
///
/// Cost: O(m log m) for m of them; without a draw if nobody is absent.
[[nodiscard]] std::vector<std::uint32_t> participants(const Settings& settings, const Round& round);

/// Whether `worker` is one of participants().
[[nodiscard]] bool takes_part(const Settings& settings, const Round& round, std::uint32_t worker);

}  // namespace mvsgd::sim
