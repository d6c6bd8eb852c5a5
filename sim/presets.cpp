#include "sim/presets.hpp"

#include <vector>

namespace mvsgd::sim {
namespace {

Preset voting(std::string name, std::uint32_t local_steps) {
  Settings settings;
  settings.local_steps = local_steps;
  return {.name = std::move(name),
          .summary =
              "majority voting, phi = 0.01, H = " + std::to_string(local_steps) + " (Algorithm 1)",
          .settings = settings};
}

std::vector<Preset> make_presets() {
  std::vector<Preset> all;

  Settings sm;
  sm.scheme = Scheme::sm;
  sm.workers = 1;
  sm.learning_rate = 0.1;
  all.push_back({.name = "sm", .summary = "one machine, plain SGD: the benchmark", .settings = sm});

  Settings dense;
  dense.scheme = Scheme::dense;
  all.push_back({.name = "dense",
                 .summary = "10 workers, every model difference whole (eq 4)",
                 .settings = dense});

  all.push_back(voting("ssgd-mv", 1));
  all.push_back(voting("ssgd-mv-l2", 2));
  all.push_back(voting("ssgd-mv-l4", 4));
  all.push_back(voting("ssgd-mv-l8", 8));

  // Small batches make many rounds of few images: what a coordinate needs is rounds. A rate of 0.5
  // is for 640 images a step; this one is for 80.
  Settings demo;
  demo.local_steps = 4;
  demo.width = 8;
  demo.batch = 8;
  demo.epochs = 6;
  demo.learning_rate = 0.2;
  all.push_back({.name = "demo",
                 .summary = "ssgd-mv-l4 at width 8 on the embedded images, in minutes",
                 .settings = demo});

  for (Preset& preset : all) preset.settings.preset = preset.name;
  return all;
}

}  // namespace

std::span<const Preset> presets() {
  static const std::vector<Preset> all = make_presets();
  return all;
}

const Preset& preset(std::string_view name) {
  std::vector<std::string> names;
  for (const Preset& p : presets()) {
    if (p.name == name) return p;
    names.push_back(p.name);
  }
  const std::string near = nearest(name, names);
  throw UsageError("unknown preset '" + std::string(name) + "'" +
                   (near.empty() ? "" : ": did you mean '" + near + "'?") +
                   " ('mvsgd presets' lists them)");
}

}  // namespace mvsgd::sim
