#include "sim/cli/manual.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/cli/commands.hpp"

namespace mvsgd::sim {
namespace {

constexpr const char* kVersion = MVSGD_VERSION;

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

/// Collects the commands that do something, with the words that lead to them.
void collect(const CLI::App& app, const std::string& words,
             std::vector<std::pair<std::string, const CLI::App*>>& found) {
  for (const CLI::App* command : commands_of(app)) {
    const std::string name =
        words.empty() ? command->get_name() : words + ' ' + command->get_name();
    if (commands_of(*command).empty()) {
      found.emplace_back(name, command);
    } else {
      collect(*command, name, found);
    }
  }
}

std::vector<std::pair<std::string, const CLI::App*>> leaves(const CLI::App& app) {
  std::vector<std::pair<std::string, const CLI::App*>> found;
  collect(app, "", found);
  return found;
}

/// Text for troff, escaped so that no character of it is a request or an escape.
std::string troff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool line_starts = escaped.empty() || escaped.back() == '\n';
    if (line_starts && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void write_option(std::ostream& out, const CLI::Option& option) {
  const std::string value = option.get_type_name();  // "" for a flag
  fmt::print(out, ".TP\n");
  if (option.nonpositional()) {
    std::string names;
    for (const std::string& name : option.get_snames())
      names += (names.empty() ? "-" : ", -") + name;
    for (const std::string& name : option.get_lnames()) {
      names += (names.empty() ? "--" : ", --") + name;
    }
    fmt::print(out, "\\fB{}\\fR{}\n", troff(names),
               value.empty() ? "" : " \\fI" + troff(value) + "\\fR");
  } else {
    fmt::print(out, "\\fI{}\\fR\n", troff(value));
  }
  fmt::print(out, "{}\n", troff(option.get_description()));
}

/// Writes the footer line by line. Indented lines are examples and stay as they are.
void write_footer(std::ostream& out, const CLI::App& app) {
  std::istringstream lines(app.get_footer());
  bool literal = false;
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.starts_with(' ');
    if (indented != literal) out << (indented ? ".PP\n.nf\n" : ".fi\n.PP\n");
    literal = indented;
    if (!line.empty()) fmt::print(out, "{}\n", troff(line));
  }
  if (literal) fmt::print(out, ".fi\n");
}

void write_options(std::ostream& out, const CLI::App& app) {
  for (const bool positional : {true, false}) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->nonpositional() != positional) write_option(out, *option);
    }
  }
}

}  // namespace

void write_man_page(std::ostream& out, const CLI::App& app) {
  fmt::print(out,
             ".TH MVSGD 1 \"\" \"mvsgd {}\" \"User Commands\"\n.SH NAME\nmvsgd \\- {}\n"
             ".SH SYNOPSIS\n",
             kVersion, troff(app.get_description()));
  for (const auto& [name, command] : leaves(app)) {
    std::string operands;
    for (const CLI::Option* option : command->get_options()) {
      if (option->nonpositional()) continue;
      const std::string operand =
          option->get_type_name() + (option->get_items_expected_max() > 1 ? "..." : "");
      operands += option->get_required() ? " " + operand : " [" + operand + "]";
    }
    fmt::print(out, ".B mvsgd {}\n[OPTION]...{}\n.br\n", name, troff(operands));
  }
  fmt::print(out, ".SH OPTIONS\n");
  write_options(out, app);
  fmt::print(out, ".SH COMMANDS\n");
  for (const auto& [name, command] : leaves(app)) {
    fmt::print(out, ".SS mvsgd {}\n{}.\n", name, troff(command->get_description()));
    write_options(out, *command);
    write_footer(out, *command);
  }
  fmt::print(out, ".SH NOTES\n");
  write_footer(out, app);
}

void add_manual(CLI::App& app, const CommandContext& context, Action& chosen) {
  CLI::App* const man = app.add_subcommand("man", "Print the manual page");
  man->footer("Examples:\n  mvsgd man | man -l -");
  man->callback([&app, &context, &chosen] {
    chosen = [&app, &context] {
      write_man_page(context.streams.out, app);
      return Exit::good;
    };
  });
  const auto shell = std::make_shared<std::string>();
  CLI::App* const completion = app.add_subcommand("completion", "Print completions for a shell");
  completion->add_option("shell", *shell, "bash")
      ->required()
      ->check(CLI::IsMember({"bash"}))
      ->type_name("SHELL");
  completion->footer(
      "Examples:\n  mvsgd completion bash > ~/.local/share/bash-completion/completions/mvsgd");
  completion->callback([&app, &context, &chosen, shell] {
    chosen = [&app, &context, shell] {
      write_bash_completion(context.streams.out, app);
      return Exit::good;
    };
  });
}

}  // namespace mvsgd::sim
