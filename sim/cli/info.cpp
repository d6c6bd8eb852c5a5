// mvsgd presets and mvsgd info: what there is to choose from.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "sim/cli/commands.hpp"
#include "sim/files/environment.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/train/backends.hpp"

namespace mvsgd::sim {
namespace {

Exit list_presets(const std::string& name, const Streams& streams) {
  if (!name.empty()) {
    write_toml(preset(name).settings, streams.out);
    return Exit::good;
  }
  for (const Preset& p : presets()) fmt::print(streams.out, "{:<15} {}\n", p.name, p.summary);
  return Exit::good;
}

Exit info(const Streams& streams) {
  const auto line = [&](std::string_view name, const std::string& value) {
    fmt::print(streams.out, "{:<16} {}\n", name, value);
  };
  std::string versions;
  for (const std::string_view name : backends_built()) {
    Settings settings;
    settings.backend = name;
    std::string version;
    try {
      version = make_backend(settings)->version();
    } catch (const nn::UnavailableError& e) {
      version = e.what();  // in this build, but not for this machine
    }
    versions += fmt::format("{}{}{}", versions.empty() ? "" : ", ", name,
                            version.empty() ? "" : " (" + version + ")");
  }
  for (const auto& [name, value] : environment(versions)) {
    line(name == "backend_version" ? "backends" : name, value);
  }
  if (const std::string text = convolutions_here(); !text.empty()) line("convolutions", text);
  line("cores", std::to_string(std::thread::hardware_concurrency()));
  return Exit::good;
}

}  // namespace

void add_presets(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto name = std::make_shared<std::string>();
  CLI::App* const command = app.add_subcommand("presets", "List the presets, or print one as TOML");
  command->add_option("name", *name, "the preset to print")->type_name("NAME");
  command->footer("Examples:\n  mvsgd presets\n  mvsgd presets ssgd-mv-l4 > mine.toml");
  command->callback([name, &context, &chosen] {
    chosen = [name, &context] { return list_presets(*name, context.streams); };
  });
}

void add_info(CLI::App& app, const CommandContext& context, Action& chosen) {
  CLI::App* const command = app.add_subcommand("info", "Version, backends, processor");
  command->footer("Examples:\n  mvsgd info");
  command->callback([&context, &chosen] { chosen = [&context] { return info(context.streams); }; });
}

}  // namespace mvsgd::sim
