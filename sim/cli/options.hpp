// Settings on the command line: a long option for each key.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/keys.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace mvsgd::sim {

/// What --help lists settings under.
inline constexpr const char* kSettingsGroup = "Settings";

/// Adds --KEY, also with - for _, for every key for which `wanted(name)` is true. Parsing appends
/// to `given`, which must outlive it.
void add_setting_options(CLI::App& command, GivenSettings& given,
                         const std::function<bool(std::string_view)>& wanted);

/// Adds an option of one value, a list "A,B,C" without empty items. Parsing sets `items`, which
/// must outlive it; of several such lists the last counts.
CLI::Option* add_list_option(CLI::App& command, const std::string& name,
                             std::vector<std::string>& items, const std::string& help);

}  // namespace mvsgd::sim
