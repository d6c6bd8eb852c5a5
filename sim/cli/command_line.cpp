#include "sim/cli/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <utility>

#include "comm/ledger.hpp"
#include "data/dataset.hpp"
#include "nn/backend.hpp"
#include "sim/cli/commands.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/settings.hpp"
#include "sim/text/nearest.hpp"

namespace mvsgd::sim {
namespace {

constexpr const char* kFooter = R"(Examples:
  mvsgd train --preset demo
  mvsgd train --help
  mvsgd verify

Exit codes: 0 good, 1 a check failed, 2 usage, 3 bad input, or what this machine
has not, 4 the run failed, 5 interrupted: the last line says how it goes on.
Colours are for terminals, and not if NO_COLOR is set; a bar of progress is for
terminals whose TERM is not 'dumb'.)";

constexpr const char* kRed = "\x1b[1;31m";
constexpr const char* kYellow = "\x1b[1;33m";
constexpr const char* kNormal = "\x1b[0m";

void add_log_options(CLI::App& app, LogLevel& level) {
  static constexpr std::array<const char*, 4> kLevels = {"error", "warn", "info", "debug"};
  const auto choose = [&level](const std::string& name) {
    level = static_cast<LogLevel>(std::ranges::find(kLevels, name) - kLevels.begin());
  };
  CLI::Option* const named =
      app.add_option_function<std::string>(
             "--log-level", choose,
             "what is told: errors alone, also warnings (a damaged checkpoint, another processor), "
             "also train's and data fetch's progress and summary (info, the default), or a line "
             "for every round, too")
          ->check(CLI::IsMember(std::vector<std::string>(kLevels.begin(), kLevels.end())))
          ->type_name("LEVEL");
  app.add_flag_callback(
         "-q,--quiet", [&level] { level = LogLevel::error; },
         "the same as --log-level error: no warning either")
      ->excludes(named);
}

/// What to use instead of an option that similar programs have; "" if it is none of theirs.
std::string of_other_programs(std::string_view name) {
  struct Other {
    std::string_view theirs;
    std::string_view ours;
  };
  constexpr auto kOthers = std::to_array<Other>({{"--lr", "--learning-rate"},
                                                 {"--eta", "--learning-rate"},
                                                 {"--wd", "--weight-decay"},
                                                 {"--batch-size", "--batch"},
                                                 {"--bs", "--batch"},
                                                 {"--num-workers", "--workers"},
                                                 {"--num-clients", "--workers"},
                                                 {"--clients", "--workers"},
                                                 {"--nodes", "--workers"},
                                                 {"--clients-per-round", "--participation"},
                                                 {"--sample-clients", "--participation"},
                                                 {"--local-epochs", "--local-steps"},
                                                 {"--local-iters", "--local-steps"},
                                                 {"--tau", "--local-steps"},
                                                 {"--sparsity", "--phi"},
                                                 {"--compression-ratio", "--phi"},
                                                 {"--density", "--phi"},
                                                 {"--bits", "--value-bits"},
                                                 {"--threads", "--threads-per-worker"},
                                                 {"--output", "--out"},
                                                 {"--output-dir", "--out"},
                                                 {"--checkpoint", "--resume"},
                                                 {"--dataset", "--data"},
                                                 {"--data-dir", "--data"}});
  std::string dashed(name);
  std::ranges::replace(dashed, '_', '-');
  const auto found = std::ranges::find(kOthers, dashed, &Other::theirs);
  return found == kOthers.end() ? "" : fmt::format("did you mean '{}'?", found->ours);
}

/// An error for the first word of `args` that the program does not know, with the nearest word that
/// it knows there; "" if it knows all.
std::string unknown_word(const CLI::App& app, const std::vector<std::string>& args) {
  const CLI::App* command = &app;
  const auto judged = [](const std::string& kind, const std::string& word,
                         const std::vector<std::string>& known) {
    return fmt::format("unknown {} '{}'{}", kind, word, did_you_mean(word, known));
  };
  bool value_follows = false;
  for (const std::string& arg : args) {
    const auto below = command->get_subcommands([](const CLI::App*) { return true; });
    if (std::exchange(value_follows, false)) continue;
    if (arg.starts_with('-')) {
      const std::string name = arg.substr(0, arg.find('='));
      const CLI::Option* option = command->get_option_no_throw(name);
      if (option == nullptr) option = app.get_option_no_throw(name);
      if (option != nullptr) {
        value_follows = option->get_items_expected_min() > 0 && name == arg;
        continue;
      }
      std::vector<std::string> known;
      for (const CLI::Option* other : command->get_options()) {
        for (const std::string& long_name : other->get_lnames()) known.push_back("--" + long_name);
      }
      const std::string other = of_other_programs(name);
      if (!other.empty()) return fmt::format("unknown option '{}': {}", name, other);
      return judged("option", name, known);
    }
    if (below.empty()) continue;
    const auto found =
        std::ranges::find(below, arg, [](const CLI::App* a) { return a->get_name(); });
    if (found == below.end()) {
      std::vector<std::string> known;
      known.reserve(below.size());
      for (const CLI::App* a : below) known.push_back(a->get_name());
      return judged("command", arg, known);
    }
    command = *found;
  }
  return "";
}

/// An error for the operand that the chosen command lacks; "" if it has all.
std::string missing_operand(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  for (const CLI::Option* option : command->get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    return fmt::format("{}: {} is wanted", command->get_name(), option->get_type_name());
  }
  return "";
}

/// Throws UsageError if an option or operand is "", which is what a shell passes for an unset
/// variable. No option here takes an empty value, and if it counted as not given, another run would
/// start.
void refuse_empty_values(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (std::ranges::count(option->results(), "") == 0) continue;
    const bool named = option->nonpositional();
    throw UsageError(fmt::format("{} '': it may not be empty",
                                 named ? option->get_name() : option->get_type_name()));
  }
  for (const CLI::App* command : app.get_subcommands()) refuse_empty_values(*command);
}

void check_written(std::ostream& out) {
  if (!out.flush()) throw std::runtime_error("standard output: cannot be written");
}

Exit parse_and_run(const std::vector<std::string>& args, CommandContext context) {
  CLI::App app("Distributed sparse SGD with majority voting: the reference implementation",
               "mvsgd");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.require_subcommand(1);
  app.fallthrough();  // the program's options may also follow the command
  app.set_version_flag("--version", MVSGD_VERSION);
  app.footer(kFooter);
  add_log_options(app, context.level);
  Action chosen;
  for (const auto add : {add_train, add_evaluate, add_verify, add_reproduce, add_report, add_data,
                         add_presets, add_info, add_manual}) {
    add(app, context, chosen);
  }
  try {
    // CLI11 takes the arguments in reverse order.
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) {
      const std::string unknown = unknown_word(app, args);
      if (!unknown.empty()) throw UsageError(unknown);
      const bool lacks = e.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
      const std::string missing = lacks ? missing_operand(app) : "";
      throw UsageError(fmt::format("{}; --help tells more", missing.empty() ? e.what() : missing));
    }
    app.exit(e, context.streams.out, context.streams.err);  // prints the help or version
    check_written(context.streams.out);
    return Exit::good;
  }
  refuse_empty_values(app);
  const Exit code = chosen();
  // A run prints nothing but progress; its results are in files. An estimate is no run.
  const CLI::App* const reproduce = app.get_subcommand("reproduce");
  const bool runs =
      app.got_subcommand("train") || (reproduce->parsed() && reproduce->count("--estimate") == 0);
  if (!runs) check_written(context.streams.out);
  return code;
}

}  // namespace

Streams progress_streams(const CommandContext& context, std::ostream& silent) {
  const Streams& streams = context.streams;
  if (context.level >= LogLevel::info) return streams;
  return {.out = silent, .err = streams.err, .columns = 0};
}

void warn(const CommandContext& context, std::string_view text) {
  if (context.level < LogLevel::warn) return;
  const bool colors = context.streams.err_colors;
  fmt::print(context.streams.err, "mvsgd: {}warning:{} {}\n", colors ? kYellow : "",
             colors ? kNormal : "", text);
}

std::string in_red(std::string_view text, bool colors) {
  return colors ? fmt::format("{}{}{}", kRed, text, kNormal) : std::string(text);
}

Exit with_exit_code(const Streams& streams, const Action& work) {
  const auto failed = [&](Exit code, const std::exception& e) {
    fmt::print(streams.err, "{} {}\n", in_red("mvsgd:", streams.err_colors), e.what());
    return code;
  };
  try {
    return work();
  } catch (const CheckFailed& e) {
    return failed(Exit::check_failed, e);
  } catch (const comm::LedgerError& e) {
    return failed(Exit::check_failed, e);
  } catch (const UsageError& e) {
    return failed(Exit::usage, e);
  } catch (const InputError& e) {
    return failed(Exit::bad_input, e);
  } catch (const LockedError& e) {
    return failed(Exit::bad_input, e);
  } catch (const data::FormatError& e) {
    return failed(Exit::bad_input, e);
  } catch (const nn::UnavailableError& e) {
    return failed(Exit::bad_input, e);
  } catch (const std::bad_alloc&) {
    return failed(Exit::run_failed, std::runtime_error("memory ran out"));
  } catch (const std::filesystem::filesystem_error& e) {
    return failed(Exit::run_failed, std::runtime_error(fmt::format("{}: {}", e.path1().string(),
                                                                   e.code().message())));
  } catch (const std::exception& e) {
    return failed(Exit::run_failed, e);
  }
}

Exit run_command(const std::vector<std::string>& args, const Streams& streams,
                 const LawConstants& law, const Interrupted& interrupted) {
  return with_exit_code(streams, [&] {
    return parse_and_run(args, {.streams = streams, .law = law, .interrupted = interrupted});
  });
}

}  // namespace mvsgd::sim
