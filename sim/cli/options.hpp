// Settings on the command line: a long option for each key.
#pragma once

#include <functional>
#include <string_view>

#include "sim/plan/keys.hpp"

namespace CLI {
class App;
}

namespace mvsgd::sim {

/// What --help lists settings under.
inline constexpr const char* kSettingsGroup = "Settings";

/// Adds --KEY, also with - for _, for every key for which `wanted(name)` is true. Parsing appends
/// to `given`, which must outlive it.
void add_setting_options(CLI::App& command, GivenSettings& given,
                         const std::function<bool(std::string_view)>& wanted);

}  // namespace mvsgd::sim
