#include "sim/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>

#include "comm/ledger.hpp"
#include "data/dataset.hpp"
#include "nn/backend.hpp"
#include "sim/audit.hpp"
#include "sim/commands.hpp"
#include "sim/settings.hpp"

namespace mvsgd::sim {
namespace {

Exit parse_and_run(const std::vector<std::string>& args, const CommandContext& context) {
  CLI::App app("Distributed sparse SGD with majority voting: the reference implementation",
               "mvsgd");
  app.require_subcommand(1);
  app.set_version_flag("--version", MVSGD_VERSION);
  Action chosen;
  for (const auto add : {add_train, add_verify, add_report, add_data, add_presets, add_info}) add(app, context, chosen);
  try {
    // CLI11 takes them last first.
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::ParseError& e) {
    return app.exit(e, context.streams.out, context.streams.err) == 0 ? Exit::good : Exit::usage;
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
    return parse_and_run(args, {.streams = streams, .law = law});
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
