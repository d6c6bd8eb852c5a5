// Named settings: the rows of Table 1, also in fewer bits and with momentum, and the rows that the
// demo trains.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

struct Preset {
  std::string name;
  std::string summary;  ///< one line for `mvsgd presets`
  Settings settings;
};

[[nodiscard]] std::span<const Preset> presets();

/// The preset of this name, in upper or lower case: the paper's SSGD-MV-L4 is ssgd-mv-l4. Throws
/// UsageError with the nearest name if there is none.
[[nodiscard]] const Preset& preset(std::string_view name);

}  // namespace mvsgd::sim
