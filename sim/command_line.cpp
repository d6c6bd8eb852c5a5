#include "sim/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "comm/ledger.hpp"
#include "data/cifar10.hpp"
#include "data/synthetic.hpp"
#include "nn/backend.hpp"
#include "sim/audit.hpp"
#include "sim/environment.hpp"
#include "sim/presets.hpp"
#include "sim/progress.hpp"
#include "sim/run_directory.hpp"
#include "sim/trial.hpp"
#include "sim/verify.hpp"
#include "sim/wire_dump.hpp"

namespace mvsgd::sim {
namespace {

struct TrainOptions {
  std::string preset;
  std::string config;
  std::string out;
  std::string baseline;
  std::string dump_wire;
  std::vector<std::uint32_t> dump_rounds{1};
  std::vector<std::string> sets;                             ///< "key=value"
  std::vector<std::pair<std::string, std::string>> by_name;  ///< from --key value
};

/// Preset, then file, then --set, then --key: what is named later counts.
Settings gather_settings(const TrainOptions& options) {
  Settings settings;
  std::optional<std::string> named;
  if (!options.preset.empty()) named = preset(options.preset).name;
  if (!options.config.empty()) {
    settings = read_toml(options.config, named);
  } else if (named) {
    settings = preset(*named).settings;
  }
  std::vector<std::pair<std::string, std::string>> values;
  for (const std::string& assignment : options.sets) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos) {
      throw UsageError(fmt::format("--set {}: key=value is wanted", assignment));
    }
    values.emplace_back(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  values.insert(values.end(), options.by_name.begin(), options.by_name.end());
  set(settings, values);
  validate(settings);
  return settings;
}

data::TrainTest load_images(const Settings& settings) {
  if (settings.data != "synthetic") return data::read_cifar10(settings.data);
  return data::synthesize({.train = settings.synthetic_train, .test = settings.synthetic_test});
}

/// runs/NAME-seedS, or the first of runs/NAME-seedS-2, -3, ... that is free.
std::filesystem::path free_run_directory(const Settings& settings) {
  const std::string name =
      fmt::format("{}-seed{}", settings.preset.empty() ? "run" : settings.preset, settings.seed);
  std::filesystem::path path = std::filesystem::path("runs") / name;
  for (int i = 2; std::filesystem::exists(path); ++i) {
    path.replace_filename(fmt::format("{}-{}", name, i));
  }
  return path;
}

Exit train(const TrainOptions& options, const Streams& streams, const LawConstants& law) {
  const Settings settings = gather_settings(options);
  std::optional<FinishedRun> baseline;
  if (!options.baseline.empty()) baseline = read_finished_run(options.baseline);
  const std::string backend_version = make_backend(settings)->version();
  const data::TrainTest images = load_images(settings);
  const std::vector<Round> rounds = schedule(settings, images.train.size());

  RunDirectory directory(
      options.out.empty() ? free_run_directory(settings) : std::filesystem::path(options.out),
      settings, environment(backend_version));
  std::optional<WireDump> dump;
  if (!options.dump_wire.empty()) dump.emplace(options.dump_wire, options.dump_rounds);

  fmt::print(streams.out, "{}: {} training and {} test images, {} rounds, {} slots, in {}\n",
             settings.preset.empty() ? "train" : settings.preset, grouped(images.train.size()),
             grouped(images.test.size()), grouped(rounds.size()), slot_count(settings),
             directory.path().string());
  Progress progress(streams.out, streams.columns, rounds);
  TrialSinks sinks;
  sinks.on_round = [&](const TrialRound& round) {
    progress.add(round);
    directory.add(round, progress.seconds());
  };
  if (dump) {
    sinks.on_message = [&](std::uint32_t to, const comm::Message& message) {
      dump->add(to, message);
    };
  }
  const TrialResult result = run_trial(settings, images, sinks, law);
  directory.finish(result, progress.seconds());
  print_summary(streams.out, settings, result, steps_per_epoch(settings, images.train.size()),
                progress.seconds(), baseline);
  return Exit::good;
}

Exit verify(const std::string& directory, const std::string& json, const Streams& streams,
            const LawConstants& law) {
  std::ofstream file;
  if (!json.empty() && json != "-") {
    file.open(json);
    if (!file) throw InputError(fmt::format("{}: cannot be written", json));
  }
  const Verification verification =
      directory.empty() ? verify_paper(law) : verify_run(directory, law);
  if (json == "-") {
    write_json(streams.out, verification);
  } else {
    print(streams.out, verification);
  }
  if (file.is_open()) {
    write_json(file, verification);
    file.close();
    if (!file) throw InputError(fmt::format("{}: cannot be written", json));
  }
  if (verification.holds()) return Exit::good;
  fmt::print(streams.err, "mvsgd: what is marked WRONG above does not hold\n");
  return Exit::check_failed;
}

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
  for (const char* name : {"reference", "onednn"}) {
    try {
      Settings settings;
      settings.backend = name;
      const std::string version = make_backend(settings)->version();
      versions += fmt::format("{}{}{}", versions.empty() ? "" : ", ", name,
                              version.empty() ? "" : " (" + version + ")");
    } catch (const UsageError&) {
      continue;  // not in this build: not in the list
    }
  }
  for (const auto& [name, value] : environment(versions)) {
    line(name == "backend_version" ? "backends" : name, value);
  }
  if (const std::string text = convolutions_here(); !text.empty()) line("convolutions", text);
  line("cores", std::to_string(std::thread::hardware_concurrency()));
  return Exit::good;
}

/// --key for every key, with - for _ as well.
void add_setting_options(CLI::App& command, TrainOptions& options) {
  for (const Key& key : keys()) {
    std::string names = fmt::format("--{}", key.name);
    if (key.name.find('_') != std::string_view::npos) {
      std::string dashed(key.name);
      std::replace(dashed.begin(), dashed.end(), '_', '-');
      names += ",--" + dashed;
    }
    command
        .add_option_function<std::string>(
            names,
            [&options, name = std::string(key.name)](const std::string& value) {
              options.by_name.emplace_back(name, value);
            },
            std::string(key.help))
        ->group("Settings")
        ->type_name("VALUE");
  }
}

Exit parse_and_run(const std::vector<std::string>& args, const Streams& streams,
                   const LawConstants& law) {
  CLI::App app("Distributed sparse SGD with majority voting: the reference implementation",
               "mvsgd");
  app.require_subcommand(1);
  app.set_version_flag("--version", MVSGD_VERSION);
  std::function<Exit()> chosen;

  TrainOptions train_options;
  CLI::App* command = app.add_subcommand("train", "Train, and count every bit");
  command->add_option("--preset", train_options.preset, "named settings ('mvsgd presets')");
  command->add_option("--config", train_options.config,
                      "settings as TOML, such as a run's config.toml");
  command->add_option("--set", train_options.sets, "one setting; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  command->add_option("--out", train_options.out, "directory of the run; default runs/...");
  command->add_option("--baseline", train_options.baseline, "a finished run to compare with");
  command->add_option("--dump-wire", train_options.dump_wire, "write messages as they cross to DIR")
      ->type_name("DIR");
  command
      ->add_option("--dump-rounds", train_options.dump_rounds,
                   "the rounds to dump, 0 for the initial model; default 1")
      ->delimiter(',');
  add_setting_options(*command, train_options);
  command->callback([&] { chosen = [&] { return train(train_options, streams, law); }; });

  std::string run_directory;
  std::string json;
  command = app.add_subcommand("verify", "Hold the program against the paper, or a run's ledger");
  command->add_option("run", run_directory, "a run directory; none: the equations and Table 1")
      ->type_name("RUN_DIR");
  command->add_option("--json", json, "write the same as JSON to FILE; -: in its place")
      ->type_name("FILE");
  command->callback([&] { chosen = [&] { return verify(run_directory, json, streams, law); }; });

  std::string preset_name;
  command = app.add_subcommand("presets", "List the presets, or print one as TOML");
  command->add_option("name", preset_name, "the preset to print")->type_name("NAME");
  command->callback([&] { chosen = [&] { return list_presets(preset_name, streams); }; });

  command = app.add_subcommand("info", "Version, backends, processor");
  command->callback([&] { chosen = [&] { return info(streams); }; });

  try {
    // CLI11 takes them last first.
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::ParseError& e) {
    return app.exit(e, streams.out, streams.err) == 0 ? Exit::good : Exit::usage;
  }
  return chosen();
}

}  // namespace

Exit run_command(const std::vector<std::string>& args, const Streams& streams,
                 const LawConstants& law) {
  const auto failed = [&](Exit code, const std::exception& e) {
    fmt::print(streams.err, "{}mvsgd: {}\n", streams.columns > 0 ? "\n" : "", e.what());
    return code;
  };
  try {
    return parse_and_run(args, streams, law);
  } catch (const CheckFailed& e) {
    return failed(Exit::check_failed, e);
  } catch (const comm::LedgerError& e) {
    return failed(Exit::check_failed, e);
  } catch (const UsageError& e) {
    return failed(Exit::usage, e);
  } catch (const InputError& e) {
    return failed(Exit::bad_input, e);
  } catch (const data::FormatError& e) {
    return failed(Exit::bad_input, e);
  } catch (const nn::UnavailableError& e) {
    return failed(Exit::bad_input, e);
  } catch (const std::exception& e) {
    return failed(Exit::run_failed, e);
  }
}

}  // namespace mvsgd::sim
