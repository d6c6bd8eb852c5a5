#include "sim/cli/options.hpp"
#include "sim/plan/keys.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

namespace mvsgd::sim {

void add_setting_options(CLI::App& command, GivenSettings& given,
                         const std::function<bool(std::string_view)>& wanted) {
  for (const Key& key : keys()) {
    if (!wanted(key.name)) continue;
    std::string names = fmt::format("--{}", key.name);
    if (key.name.find('_') != std::string_view::npos) {
      std::string dashed(key.name);
      std::replace(dashed.begin(), dashed.end(), '_', '-');
      names += ",--" + dashed;
    }
    command
        .add_option_function<std::string>(
            names,
            [&given, name = std::string(key.name)](const std::string& value) {
              if (value.empty()) {
                throw UsageError(fmt::format("--{} '': it may not be empty", name));
              }
              given.emplace_back(name, value);
            },
            std::string(key.help))
        ->group(kSettingsGroup)
        ->take_last()
        ->trigger_on_parse()  // in the order given
        ->type_name(std::string(key.operand));
  }
}

CLI::Option* add_list_option(CLI::App& command, const std::string& name,
                             std::vector<std::string>& items, const std::string& help) {
  const auto set = [&items, name](const std::string& list) {
    items.clear();
    std::istringstream rest(list);
    for (std::string item; std::getline(rest, item, ',');) items.push_back(item);
    if (list.ends_with(',')) items.emplace_back();
    if (std::ranges::count(items, "") == 0) return;
    throw UsageError(fmt::format("{} '{}': a list without empty items is wanted", name, list));
  };
  return command.add_option_function<std::string>(name, set, help)->take_last();
}

}  // namespace mvsgd::sim
