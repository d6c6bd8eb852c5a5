// mvsgd presets and mvsgd info: what the user can choose from.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/cli/commands.hpp"
#include "sim/cli/transports.hpp"
#include "sim/files/cores.hpp"
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
  std::size_t width = 0;
  for (const Preset& p : presets()) width = std::max(width, p.name.size());
  for (const Preset& p : presets()) {
    fmt::print(streams.out, "{:<{}} {}\n", p.name, width, p.summary);
  }
  return Exit::good;
}

Exit info(const Streams& streams) {
  const auto line = [&](std::string_view name, const std::string& value) {
    fmt::print(streams.out, "{:<16} {}\n", name, value);
  };
  std::string versions;
  std::vector<std::pair<std::string, std::string>> bits;  // and the backends with these bits
  for (const std::string_view name : backends_built()) {
    Settings settings;
    settings.backend = name;
    std::string version;
    try {
      version = make_backend(settings)->version();
      const std::string own = bits_of(settings);
      const auto same = std::ranges::find(bits, own, &std::pair<std::string, std::string>::first);
      if (same == bits.end()) {
        bits.emplace_back(own, name);
      } else {
        same->second += fmt::format(", {}", name);
      }
    } catch (const nn::UnavailableError& e) {
      version = e.what();  // this build has the backend, this machine cannot run it
    }
    versions += fmt::format("{}{}{}", versions.empty() ? "" : ", ", name,
                            version.empty() ? "" : " (" + version + ")");
  }
  for (const auto& [name, value] : environment(versions)) {
    line(name == "backend_version" ? "backends" : name, value);
  }
  std::string of_backends;
  for (const auto& [own, names] : bits) {
    of_backends += fmt::format("{}{} ({})", of_backends.empty() ? "" : "; ", own, names);
  }
  line("bits", of_backends);
  for (const std::string& text : convolutions_here()) line("convolutions", text);
  if (const std::string text = transports_text(); !text.empty()) line("transports", text);
  const std::size_t cores = usable_cores();
  const std::size_t all = cores_of_machine();
  line("cores", cores < all ? fmt::format("{} of {}", cores, all) : std::to_string(all));
  return Exit::good;
}

}  // namespace

void add_presets(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto name = std::make_shared<std::string>();
  CLI::App* const command = app.add_subcommand("presets", "List the presets, or print one as TOML");
  command->add_option("name", *name, "the preset to print")->type_name("PRESET");
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
