// mvsgd reproduce.
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/commands.hpp"
#include "sim/cli/options.hpp"
#include "sim/cli/train.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/made_directory.hpp"
#include "sim/reproduce/archived_trials.hpp"
#include "sim/reproduce/results_files.hpp"
#include "sim/reproduce/scale.hpp"
#include "sim/reproduce/sweep.hpp"
#include "sim/reproduce/sweep_plan.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/images.hpp"
#include "sim/train/memory.hpp"

namespace mvsgd::sim {
namespace {

struct ReproduceOptions {
  SweepRequest request;
  bool only_estimate = false;
  std::size_t rerun = 0;
  std::size_t evaluations = 0;  ///< of a trial that is run again; 0: all
  std::uint64_t rerun_seed = 1;
};

/// Trains like `mvsgd train`, but prints its progress only at LogLevel::debug.
Exit train_trial(const TrialSpec& trial, bool resume, const CommandContext& context) {
  CommandContext own = context;
  own.level = context.level < LogLevel::debug ? LogLevel::error : LogLevel::info;
  return with_exit_code(context.streams, [&] {
    return train_and_show(trial.path, trial.settings, {.resume = resume}, {}, own);
  });
}

/// Of the trial that needs most.
MemoryEstimate largest_of(const std::vector<TrialSpec>& trials) {
  MemoryEstimate most;
  for (const TrialSpec& trial : trials) {
    const MemoryEstimate one = memory_estimate(trial.settings);
    if (one.total() > most.total()) most = one;
  }
  return most;
}

/// The digest of the images on which every trial of the plan trains.
std::string images_of(const SweepPlan& plan) {
  if (plan.lacks_data) return kCifar10Images;
  return digest_of(load_images(plan.trials.front().settings));
}

/// Throws UsageError if a trial is still to be run and there are no images.
void need_no_data(const SweepPlan& plan) {
  if (!plan.lacks_data || plan.shows_what_there_is()) return;
  const auto is_there = [](const TrialSpec& t) { return stage_of(t) == TrialStage::finished; };
  const auto there = std::ranges::count_if(plan.trials, is_there);
  if (static_cast<std::size_t>(there) == plan.trials.size()) return;
  throw UsageError(fmt::format("{}; archived are {} of {}", wanted_data(plan), there,
                               counted(plan.trials.size(), "trial")));
}

/// The file that is named as the result.
std::string_view ending_of(const SweepPlan& plan) {
  if (plan.is_table()) return "html";
  return plan.shows_what_there_is() ? "md" : "svg";
}

/// In per cent, of the finished trials of a row.
std::vector<double> accuracies_of(const SweepPlan& plan, std::string_view preset) {
  std::vector<double> accuracies;
  for (const TrialSpec& trial : plan.trials) {
    if (trial.settings.preset != preset || stage_of(trial) != TrialStage::finished) continue;
    accuracies.push_back(100 * read_finished_run(trial.path).accuracy);
  }
  return accuracies;
}

/// Runs some of the finished trials again and compares them with what was there.
Exit rerun(const ReproduceOptions& options, const SweepPlan& plan, std::ostream& out,
           const CommandContext& context) {
  if (plan.lacks_data) throw UsageError(wanted_data(plan));
  Exit worst = Exit::good;
  const std::vector<TrialSpec> drawn = drawn_trials(plan.trials, options.rerun, options.rerun_seed);
  if (drawn.empty()) {
    throw UsageError(fmt::format("--rerun: of {} none has finished, in --out or --archive",
                                 counted(plan.trials.size(), "trial")));
  }
  for (const TrialSpec& before : drawn) {
    TrialSpec again = before;
    again.path = plan.out / "reruns" / before.path.filename();
    if (options.evaluations > 0) {
      again.settings.rounds = round_of_evaluation(before.path, options.evaluations);
      again.path += fmt::format("-to-round-{}", again.settings.rounds);
    }
    const MadeDirectory made(again.path);
    const DirectoryLock lock(again.path);
    const TrialStage stage = stage_of(again);
    if (stage != TrialStage::finished) {
      const Exit exit = train_trial(again, stage == TrialStage::begun, context);
      if (exit != Exit::good) return exit;
    }
    const Comparison comparison =
        options.evaluations > 0
            ? compare_beginnings(before.path, again.path)
            : compare_trials(before.path, again.path, accuracies_of(plan, before.settings.preset));
    fmt::print(out, "{}: {}{}\n", before.path.filename().string(), comparison.words,
               comparison.holds ? "" : in_red(" WRONG", context.streams.out_colors));
    if (!comparison.holds) worst = Exit::check_failed;
  }
  return worst;
}

/// Archived trials go to --out, and finished ones of --out to the archive.
void exchange(const SweepPlan& plan, const ArchivedTrials& archive, std::ostream& out) {
  fmt::print(out, "{} taken from {}\n", counted(archive.take(plan.trials), "trial"),
             archive.directory().string());
  for (const TrialSpec& trial : plan.trials) {
    if (stage_of(trial) == TrialStage::finished) archive.add(trial);
  }
}

/// What there is to do, how long it takes, and what memory.
void tell(const SweepPlan& plan, Sweep& sweep, const MemoryEstimate& memory, std::ostream& out) {
  fmt::print(out, "{} at scale {}: {}\n", plan.what->name, plan.scale->name, plan.scale->summary);
  fmt::print(out, "{}, {} of them finished; the others take about {} on this machine\n",
             counted(plan.trials.size(), "trial"), sweep.finished(), duration(sweep.seconds()));
  fmt::print(out, "memory: {}about {}\n", plan.trials.size() > 1 ? "at most " : "",
             text_of(memory));
}

/// Writes and draws the results, and names their file.
void show(const SweepPlan& plan, Sweep& sweep, std::ostream& out, const CommandContext& context) {
  const std::vector<RowResult> rows = sweep.rows();
  const ResultsFiles results(plan, rows);
  results.write_numbers();
  results.draw();
  out << results.markdown();
  fmt::print(context.streams.out, "{}\n",
             (plan.out / fmt::format("{}.{}", plan.what->name, ending_of(plan))).string());
}

Exit reproduce(const ReproduceOptions& options, const CommandContext& context) {
  std::ostream silent(nullptr);
  std::ostream& out = progress_streams(context, silent).out;
  SweepPlan plan = plan_sweep(options.request);
  std::optional<ArchivedTrials> archive;
  if (!options.request.archive.empty()) {
    archive.emplace(std::filesystem::path(options.request.archive) / plan.scale->name, out,
                    context.law);
  }
  Exit exit = Exit::good;
  Sweep sweep(
      plan,
      [&](const TrialSpec& trial, bool resume) {
        exit = train_trial(trial, resume, context);
        if (exit == Exit::good && archive) archive->add(trial);
        if (exit == Exit::good) return TrialEnd::finished;
        return exit == Exit::run_failed ? TrialEnd::failed : TrialEnd::stopped;
      },
      out);
  const MemoryEstimate memory = largest_of(plan.trials);
  if (!options.only_estimate) {
    if (const auto warning = check_machine(memory)) warn(context, *warning);
  }
  // Bad images fail before anything is written.
  const std::string images = images_of(plan);
  for (TrialSpec& trial : plan.trials) trial.images = images;
  if (options.only_estimate) {
    tell(plan, sweep, memory, out);
    return Exit::good;
  }
  const MadeDirectory runs(plan.out / "runs");
  if (archive) exchange(plan, *archive, out);
  need_no_data(plan);
  if (options.rerun > 0) return rerun(options, plan, out, context);
  if (plan.lacks_data && plan.shows_what_there_is()) {
    fmt::print(out, "{}, {} of them archived\n", counted(plan.trials.size(), "trial"),
               sweep.finished());
    show(plan, sweep, out, context);
    return Exit::good;
  }
  if (archive && sweep.finished() < plan.trials.size()) archive->make_directory();
  tell(plan, sweep, memory, out);
  if (!sweep.run()) {
    if (exit == Exit::interrupted) {
      fmt::print(context.streams.err, "mvsgd: the same reproduce command goes on as well\n");
    }
    return exit;
  }
  show(plan, sweep, out, context);
  if (sweep.failed().empty()) return Exit::good;
  throw std::runtime_error(fmt::format("failed: {}", fmt::join(sweep.failed(), "; ")));
}

}  // namespace

void add_reproduce(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<ReproduceOptions>();
  CLI::App* const command = app.add_subcommand(
      "reproduce",
      "Run the trials of Table 1 or of a figure, and set them beside the paper's; or "
      "those of its extensions, or of what it claims");
  std::vector<std::string> names;
  for (const TableOrFigure& one : tables_and_figures()) names.emplace_back(one.name);
  command
      ->add_option("exhibit", options->request.what,
                   "the paper's table or figure; extensions; claims")
      ->required()
      ->type_name(fmt::format("{}", fmt::join(names, "|")));
  std::vector<std::string_view> scale_names;
  for (const Scale& one : scales()) scale_names.push_back(one.name);
  command
      ->add_option("--scale", options->request.scale,
                   "paper (default): as the paper; cpu: its rounds at a narrow network, about a "
                   "night on two cores; smoke: minutes, on the embedded images")
      ->type_name(fmt::format("{}", fmt::join(scale_names, "|")));
  command
      ->add_option("--trials", options->request.trials,
                   "seeds 1 to N of each row; default 10 (paper), 1 (cpu) or 2 (smoke)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  add_list_option(*command, "--rows", options->request.rows,
                  "only these rows, by their presets' names")
      ->type_name("PRESET,...");
  command
      ->add_option("--out", options->request.out,
                   "directory of trials and results; default reproduction-SCALE")
      ->type_name("DIR");
  command
      ->add_option("--archive", options->request.archive,
                   "directory of finished trials, one small file each, in a folder for each scale: "
                   "those of the same settings and images are taken, new ones are added")
      ->type_name("DIR");
  command
      ->add_option("--rerun", options->rerun,
                   "run N of the finished trials again, and compare the digests")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  command
      ->add_option("--rerun-evaluations", options->evaluations,
                   "of these, run only the rounds up to the Mth evaluation")
      ->check(CLI::Range(1, 1'000'000))
      ->needs("--rerun")
      ->type_name("M");
  command->add_option("--rerun-seed", options->rerun_seed, "the seed that draws them; default 1")
      ->type_name("SEED");
  command->add_flag("--estimate", options->only_estimate,
                    "say how long it takes and what memory, and end");
  add_setting_options(*command, options->request.given,
                      [](std::string_view key) { return !is_of_rows(key); });
  command->footer(R"(Trials that are finished in --out are not run again, and one that was cut off
goes on, so the same command brings it to its end. Several at once share the work.

Examples:
  mvsgd reproduce table1 --scale smoke
  mvsgd reproduce table1 --scale cpu --data cifar-10 --out night
  mvsgd reproduce figure1 --scale cpu --data cifar-10 --out night
  mvsgd reproduce table1 --scale cpu --archive sim/reproduce/trials
  mvsgd reproduce claims --scale cpu --archive sim/reproduce/trials
  mvsgd reproduce table1 --scale paper --data cifar-10 --estimate)");
  command->callback([options, &context, &chosen] {
    chosen = [options, &context] { return reproduce(*options, context); };
  });
}

}  // namespace mvsgd::sim
