#include "sim/setting_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "data/cifar10.hpp"
#include "data/synthetic.hpp"

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
              given.emplace_back(name, value);
            },
            std::string(key.help))
        ->group("Settings")
        ->type_name("VALUE");
  }
}

data::TrainTest load_images(const Settings& settings) {
  if (settings.data != "synthetic") return data::read_cifar10(settings.data);
  return data::synthesize({.train = settings.synthetic_train, .test = settings.synthetic_test});
}

}  // namespace mvsgd::sim
