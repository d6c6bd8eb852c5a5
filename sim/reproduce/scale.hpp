// How large a part of the paper's experiment a reproduction runs.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/plan/keys.hpp"

namespace mvsgd::sim {

struct Scale {
  std::string_view name;
  std::string_view summary;      ///< for the table's caption
  std::uint32_t trials = 1;      ///< for each row, unless more are asked for
  bool embedded_data = false;    ///< else the CIFAR-10 files must be given
  GivenSettings every_row;       ///< settings that differ from the presets'
  GivenSettings single_machine;  ///< for the row sm, in addition
  GivenSettings workers;         ///< for all other rows, in addition
  GivenSettings momentum;        ///< for those with momentum, in addition
  GivenSettings masks;           ///< for those of sparse schemes, in addition
};

/// paper, cpu and smoke; sim/reproduce/README.md says how the settings of cpu were found.
[[nodiscard]] std::span<const Scale> scales();

/// Throws UsageError if no scale has this name.
[[nodiscard]] const Scale& scale(std::string_view name);

/// Whether the key follows from a row of the table or from a trial's number.
[[nodiscard]] bool is_of_rows(std::string_view key);

/// The settings of trial `seed` (1, 2, ...) of the row `preset`: the preset, then the scale's
/// values, then `given`, which must have no key that is_of_rows(). Throws UsageError as set(),
/// validate() and check_backend() do.
[[nodiscard]] Settings trial_settings(const Scale& scale, std::string_view preset,
                                      std::uint64_t seed, const GivenSettings& given);

}  // namespace mvsgd::sim
