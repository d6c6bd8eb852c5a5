// What the user sees when a run has ended.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "sim/run/run_directory.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// What a run's bits are compared with, in words: "eqs 13-15", or "the law of its codec" if a code
/// is not the paper's; what it adds by layer and across.
[[nodiscard]] std::string name_of_law(const Settings& settings);

/// Prints the end of a run: accuracy, the four rates, bits against the equations, the digest. With
/// a `baseline`, also the comparison with it, and why a short run lags behind.
void print_summary(std::ostream& out, const Settings& settings, const TrialResult& result,
                   std::uint64_t steps_per_epoch, double seconds,
                   const std::optional<FinishedRun>& baseline);

}  // namespace mvsgd::sim
