// A run of a second, for tests that read or draw runs.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "data/synthetic.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/run/run_directory.hpp"

namespace mvsgd::sim {

inline Settings small_settings(std::string_view preset_name) {
  Settings settings = preset(preset_name).settings;
  settings.backend = "reference";
  settings.width = 2;
  settings.batch = 8;
  settings.synthetic_train = 64;
  settings.synthetic_test = 16;
  settings.epochs = 2;
  if (settings.scheme->name() != "sm") settings.workers = 2;
  return settings;
}

/// Trains into `path`. Round t ends at second t.
inline void train_into(const std::filesystem::path& path, const Settings& settings) {
  RunDirectory directory(path, settings, {{"version", "test"}, {"bits", "portable"}});
  const auto images =
      data::synthesize({.train = settings.synthetic_train, .test = settings.synthetic_test});
  TrialSinks sinks;
  sinks.on_round = [&](const RoundRecord& record) {
    directory.add(record, static_cast<double>(record.round.t));
  };
  directory.finish(run_trial(settings, images, sinks), 100);
}

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace mvsgd::sim
