// mvsgd reproduce.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "sim/cli/commands.hpp"
#include "sim/cli/options.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/report/plots.hpp"
#include "sim/reproduce/estimate.hpp"
#include "sim/reproduce/reproduction.hpp"
#include "sim/reproduce/table.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/images.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

struct ReproduceOptions {
  std::string exhibit;
  std::string scale = "paper";
  std::uint32_t trials = 0;  ///< 0: the scale's
  std::vector<std::string> rows;
  std::string out;
  bool only_estimate = false;
  GivenSettings given;
};

/// All that was asked for.
struct Plan {
  const Exhibit* exhibit;
  const Scale* scale;
  fs::path out;
  std::uint32_t count;        ///< of trials a row
  std::vector<Trial> trials;  ///< in the order in which they run: all rows once, then again
};

std::vector<std::string_view> wanted_rows(const Exhibit& exhibit,
                                          const std::vector<std::string>& rows) {
  for (const std::string& row : rows) {
    const std::string& name = preset(row).name;
    if (std::ranges::find(exhibit.presets, name) == exhibit.presets.end()) {
      throw UsageError(fmt::format("--rows {}: no row of {}", name, exhibit.name));
    }
  }
  std::vector<std::string_view> wanted;
  for (const std::string_view name : exhibit.presets) {
    if (rows.empty() || std::ranges::find(rows, name) != rows.end()) wanted.push_back(name);
  }
  // The benchmark first: every other row is compared with it.
  std::stable_partition(wanted.begin(), wanted.end(),
                        [](std::string_view name) { return name == "sm"; });
  return wanted;
}

Plan make_plan(const ReproduceOptions& options) {
  Plan plan{.exhibit = &exhibit(options.exhibit),
            .scale = &scale(options.scale),
            .out = options.out.empty() ? fs::path("reproduction-" + options.scale)
                                       : fs::path(options.out),
            .count = options.trials,
            .trials = {}};
  if (plan.count == 0) plan.count = plan.scale->trials;
  const auto has_data = [&] {
    return std::ranges::find(options.given, "data", &GivenSettings::value_type::first) !=
           options.given.end();
  };
  if (!plan.scale->embedded_data && !has_data()) {
    throw UsageError(fmt::format(
        "scale {} needs --data DIR with CIFAR-10's files, which 'mvsgd data fetch DIR' gets",
        plan.scale->name));
  }
  const std::vector<std::string_view> rows = wanted_rows(*plan.exhibit, options.rows);
  for (std::uint32_t seed = 1; seed <= plan.count; ++seed) {
    for (const std::string_view row : rows) {
      plan.trials.push_back({.settings = trial_settings(*plan.scale, row, seed, options.given),
                             .path = plan.out / "runs" / fmt::format("{}-seed{}", row, seed)});
    }
  }
  return plan;
}

std::string_view preset_of(const RowResult& row) { return row.printed->preset; }

bool is_table(const Plan& plan) { return plan.exhibit == &exhibits().front(); }

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw InputError(fmt::format("{}: {}", path.string(), error.message()));
}

/// Every setting in which the rows differ from their presets, the data but for the embedded one.
std::string differing_settings(const Plan& plan) {
  std::vector<std::string> texts;
  for (const Key& key : keys()) {
    if (key.name == "seed" || key.name == "data" || changes_no_bit(key.name)) continue;
    std::string single;
    std::string workers;
    for (const Trial& trial : plan.trials) {
      const std::string value = key.get(trial.settings);
      if (value == key.get(preset(trial.settings.preset).settings)) continue;
      (trial.settings.scheme->sends() ? workers : single) = value;
    }
    if (!workers.empty()) texts.push_back(fmt::format("{} = {}", key.name, workers));
    if (!single.empty() && single != workers) {
      texts.push_back(fmt::format("{} = {} (SM)", key.name, single));
    }
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

Caption caption_of(const Plan& plan) {
  return {.title = fmt::format("Table 1 at scale {}", plan.scale->name),
          .settings = differing_settings(plan),
          .summary = std::string(plan.scale->summary),
          .trials = plan.count};
}

/// How long trials take, better known with every one that has ended.
class Forecast {
 public:
  /// Seconds until all of them are finished.
  [[nodiscard]] double seconds(const std::vector<Trial>& trials) {
    double left = 0;
    for (const Trial& trial : trials) {
      if (stage_of(trial) != TrialStage::finished) left += estimate_.seconds(trial.settings);
    }
    return estimated_ > 0 ? left * taken_ / estimated_ : left;
  }

  void ended(const Trial& trial, double seconds) {
    estimated_ += estimate_.seconds(trial.settings);
    taken_ += seconds;
  }

 private:
  Estimate estimate_;
  double estimated_ = 0;  ///< of the trials that have ended
  double taken_ = 0;      ///< by them
};

/// The figures of these rows: the plan's own, or for the table each of which no row is missing.
std::vector<Plot> figures(const Plan& plan, const std::vector<RowResult>& rows) {
  std::vector<Plot> plots;
  for (const Exhibit& figure : exhibits().subspan(1)) {
    if (!is_table(plan) && plan.exhibit != &figure) continue;
    std::vector<RunGroup> groups;
    for (const std::string_view name : figure.presets) {
      const auto row = std::ranges::find(rows, name, preset_of);
      if (row != rows.end() && row->accuracy) groups.push_back(row->trials);
    }
    if (groups.empty() || (is_table(plan) && groups.size() < figure.presets.size())) continue;
    plots.push_back(accuracy_figure(groups, std::string(figure.name), std::string(figure.title)));
  }
  return plots;
}

template <typename Write>
void replace_with(const fs::path& path, const Write& write) {
  std::ostringstream text;
  write(text);
  replace_file(path, text.str());
}

void write_page(const Plan& plan, const std::vector<RowResult>& rows,
                const std::vector<Drawing>& drawings) {
  replace_with(plan.out / "table1.html",
               [&](std::ostream& out) { write_table_html(out, caption_of(plan), rows, drawings); });
}

/// Everything that the finished trials give, drawings excepted.
void write_numbers(const Plan& plan, const std::vector<RowResult>& rows) {
  const std::string name(plan.exhibit->name);
  const fs::path csv = plan.out / (name + ".csv");
  if (is_table(plan)) {
    replace_with(plan.out / (name + ".md"),
                 [&](std::ostream& out) { write_markdown(out, caption_of(plan), rows); });
    replace_with(csv, [&](std::ostream& out) { write_table_csv(out, rows); });
    write_page(plan, rows, {});
    return;
  }
  std::vector<RunGroup> groups;
  for (const RowResult& row : rows) {
    if (row.accuracy) groups.push_back(row.trials);
  }
  replace_with(csv, [&](std::ostream& out) { write_csv(out, groups); });
}

/// The figures as SVG documents, and on the table's page. Throws as run_gnuplot().
void draw(const Plan& plan, const std::vector<RowResult>& rows) {
  const std::vector<Plot> plots = figures(plan, rows);
  if (plots.empty()) return;
  const std::vector<std::string> documents = draw_svg(plots);
  std::vector<Drawing> drawings;
  for (std::size_t i = 0; i < plots.size(); ++i) {
    replace_file(plan.out / (plots[i].name + ".svg"), documents[i]);
    drawings.push_back({.name = plots[i].name, .svg = documents[i]});
  }
  if (is_table(plan)) write_page(plan, rows, drawings);
}

/// `mvsgd train` in the trial's directory; goes on from where an earlier one was cut off.
Exit run_trial_of(const Trial& trial, const CommandContext& context) {
  std::vector<std::string> arguments{"train"};
  if (context.level < LogLevel::debug) arguments.emplace_back("--quiet");
  const bool begun = stage_of(trial) == TrialStage::begun;
  if (begun) {
    arguments.insert(arguments.end(), {"--resume", trial.path.string()});
  } else {
    arguments.insert(arguments.end(),
                     {"--preset", trial.settings.preset, "--out", trial.path.string()});
  }
  const Settings& usual = preset(trial.settings.preset).settings;
  for (const Key& key : keys()) {
    const std::string value = key.get(trial.settings);
    if (value == key.get(usual) || (begun && !changes_no_bit(key.name))) continue;
    arguments.push_back(fmt::format("--{}={}", key.name, value));
  }
  return run_command(arguments, context.streams, context.law, context.interrupted);
}

/// Runs what is not finished. Stops at the first trial that ends other than well or by a failure
/// of its own, and returns how that ended.
class Sweep {
 public:
  Sweep(const Plan& plan, const CommandContext& context, std::ostream& out)
      : plan_(&plan), context_(&context), out_(&out) {}

  /// Of all trials, before the first is run.
  [[nodiscard]] double seconds() { return forecast_.seconds(plan_->trials); }

  Exit run() {
    for (std::size_t i = 0; i < plan_->trials.size(); ++i) {
      const Trial& trial = plan_->trials[i];
      make_directory(trial.path);
      try {
        const DirectoryLock lock(trial.path);
        if (stage_of(trial) == TrialStage::finished) continue;
        fmt::print(*out_, "[{}/{}] {}\n", i + 1, plan_->trials.size(), name_of(trial));
        out_->flush();
        const Exit exit = run_trial_of(trial, *context_);
        if (exit == Exit::run_failed) {
          failed_.push_back(name_of(trial));
        } else if (exit != Exit::good) {
          return exit;
        } else {
          tell(trial);
        }
      } catch (const LockedError&) {
        fmt::print(*out_, "[{}/{}] {}: another process is at it\n", i + 1, plan_->trials.size(),
                   name_of(trial));
      }
    }
    return Exit::good;
  }

  /// The trials that failed, "ssgd-mv, seed 2".
  [[nodiscard]] const std::vector<std::string>& failed() const { return failed_; }

  [[nodiscard]] std::vector<RowResult> rows() { return results_.rows(plan_->trials); }

 private:
  static std::string name_of(const Trial& trial) {
    return fmt::format("{}, seed {}", trial.settings.preset, trial.settings.seed);
  }

  /// What came of a trial, and the tables with it.
  void tell(const Trial& trial) {
    const std::vector<RowResult> rows = results_.rows(plan_->trials);
    const RowResult& row = *std::ranges::find(rows, trial.settings.preset, preset_of);
    const RunHistory& run = *std::ranges::find(row.trials.runs, trial.path, &RunHistory::path);
    const double seconds = run.rounds.back().seconds;
    forecast_.ended(trial, seconds);
    fmt::print(*out_, "  {:.2f} % in {}; {} left\n", 100 * run.end->test_accuracy,
               duration(seconds), duration(forecast_.seconds(plan_->trials)));
    write_numbers(*plan_, rows);
  }

  const Plan* plan_;
  const CommandContext* context_;
  std::ostream* out_;
  Forecast forecast_;
  Results results_;
  std::vector<std::string> failed_;
};

Exit reproduce(const ReproduceOptions& options, const CommandContext& context) {
  std::ostream silent(nullptr);
  std::ostream& out = told(context, silent).out;
  const Plan plan = make_plan(options);
  if (!options.only_estimate) make_directory(plan.out / "runs");
  (void)load_images(plan.trials.front().settings);  // rather now than after an estimate
  const auto finished = std::ranges::count_if(
      plan.trials, [](const Trial& t) { return stage_of(t) == TrialStage::finished; });
  Sweep sweep(plan, context, out);
  fmt::print(out, "{} at scale {}: {}\n", plan.exhibit->name, plan.scale->name,
             plan.scale->summary);
  fmt::print(out, "{} trials, {} of them finished; the others take about {} on this machine\n",
             plan.trials.size(), finished, duration(sweep.seconds()));
  if (options.only_estimate) return Exit::good;

  const Exit exit = sweep.run();
  if (exit == Exit::interrupted) {
    fmt::print(context.streams.err, "mvsgd: the same reproduce command goes on as well\n");
  }
  if (exit != Exit::good) return exit;
  const std::vector<RowResult> rows = sweep.rows();
  write_numbers(plan, rows);
  draw(plan, rows);
  if (is_table(plan)) write_markdown(out, caption_of(plan), rows);
  fmt::print(context.streams.out, "{}\n",
             (plan.out / fmt::format("{}.{}", plan.exhibit->name, is_table(plan) ? "html" : "svg"))
                 .string());
  if (sweep.failed().empty()) return Exit::good;
  throw std::runtime_error(fmt::format("failed: {}", fmt::join(sweep.failed(), "; ")));
}

}  // namespace

void add_reproduce(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<ReproduceOptions>();
  CLI::App* const command = app.add_subcommand(
      "reproduce", "Run the trials of Table 1 or of a figure, and set them beside the paper's");
  std::vector<std::string> names;
  for (const Exhibit& one : exhibits()) names.emplace_back(one.name);
  command->add_option("exhibit", options->exhibit, fmt::format("{}", fmt::join(names, ", ")))
      ->required()
      ->type_name("WHAT");
  command->add_option("--scale", options->scale,
                      "paper (default): as the paper; cpu: its rounds at a narrow network, about a "
                      "night on two cores; smoke: minutes, on the embedded images");
  command
      ->add_option("--trials", options->trials,
                   "seeds 1 to N of each row; default 10 (paper), 1 (cpu) or 2 (smoke)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  command->add_option("--rows", options->rows, "only these rows, by their presets' names")
      ->delimiter(',')
      ->type_name("PRESET,...");
  command
      ->add_option("--out", options->out,
                   "directory of trials and results; default reproduction-SCALE")
      ->type_name("DIR");
  command->add_flag("--estimate", options->only_estimate, "say how long it takes, and end");
  add_setting_options(*command, options->given,
                      [](std::string_view key) { return !is_of_rows(key); });
  command->footer(R"(Trials that are finished in --out are not run again, and one that was cut off
goes on, so the same command brings it to its end. Several at once share the work.

Examples:
  mvsgd reproduce table1 --scale smoke
  mvsgd reproduce table1 --scale cpu --data cifar-10 --out night
  mvsgd reproduce figure1 --scale cpu --data cifar-10 --out night
  mvsgd reproduce table1 --scale paper --data cifar-10 --estimate)");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return reproduce(*options, context); };
  });
}

}  // namespace mvsgd::sim
