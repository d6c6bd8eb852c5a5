// mvsgd completion: what bash offers, from the same options that --help describes.
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/manual.hpp"
#include "sim/cli/options.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/train/backends.hpp"

namespace mvsgd::sim {
namespace {

// The words of a line are told apart as the program does it: an option that takes a value takes the
// word behind it, one that takes several all words until the next option. bash has cut the line at
// every = that COMP_WORDBREAKS has, and replaces only the part behind it.
constexpr std::string_view kFunction = R"(
_mvsgd() {
  local -a line=()
  local word i command= option= operand= kind= several= words= before= match
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 1)) && [[ $word == = || ${COMP_WORDS[i - 1]} == = ]]; then
      line[-1]+=$word
    else
      line+=("$word")
    fi
  done
  local current=${line[-1]}
  unset 'line[-1]'
  for word in "${line[@]}"; do
    if [[ $word == -?* ]]; then
      option=
      _mvsgd_takes "$command ${word//_/-}"
      [[ $kind == none ]] || option=${word//_/-}
    elif [[ $option ]]; then
      _mvsgd_takes "$command $option"
      [[ $several ]] || option=
    else
      _mvsgd_takes "$command"
      if [[ $kind == commands ]]; then
        command+=${command:+ }$word
      else
        operand=given
      fi
    fi
  done

  if [[ $current == --*=* ]]; then
    option=${current%%=*}
    before=$option=
    current=${current#*=}
    _mvsgd_takes "$command ${option//_/-}"
  elif [[ $current == -* ]]; then
    kind=words
    _mvsgd_options "$command"
  elif [[ $option ]]; then
    _mvsgd_takes "$command $option"
  else
    _mvsgd_takes "$command"
    [[ $operand && ! $several ]] && kind=none words=
  fi
  if [[ $kind == settings && $current == *=* ]]; then
    option=--${current%%=*}
    before+=${current%%=*}=
    current=${current#*=}
    _mvsgd_takes "$command ${option//_/-}"
  elif [[ $kind == settings ]]; then
    compopt -o nospace
  elif [[ $kind == list ]]; then
    before+=${current%"${current##*,}"}
    current=${current##*,}
    compopt -o nospace
  fi
  [[ $COMP_WORDBREAKS == *=* ]] && before=${before##*=}

  COMPREPLY=()
  while IFS= read -r match; do
    COMPREPLY+=("$before$match")
  done < <(
    compgen -W "$words" -- "$current" || :
    case $kind in
      file) compgen -f -- "$current" ;;
      directory) compgen -d -- "$current" ;;
    esac
  )
  # With quotes or escapes in it a path is readline's to complete.
  case $kind in
    file) compopt -o filenames -o default ;;
    directory) compopt -o filenames -o dirnames ;;
  esac
}
complete -F _mvsgd mvsgd
)";

/// What an option or operand takes.
struct Taken {
  std::string kind;   ///< words, list (of words, with commas), settings, file, directory
  std::string words;  ///< with blanks between them
  bool several;       ///< as words of the line
};

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

template <typename Names>
std::string spaced(const Names& names) {
  return fmt::format("{}", fmt::join(names, " "));
}

std::string preset_names() {
  std::vector<std::string_view> names;
  for (const Preset& preset : presets()) names.push_back(preset.name);
  return spaced(names);
}

/// What may stand for an option, of "a|b|FILE" or, as CLI11 writes what it is checked for, of
/// "NAME:{a,b}".
std::vector<std::string> alternatives_in(std::string type) {
  const std::size_t open = type.find('{');
  if (open != std::string::npos) {
    type = type.substr(open + 1, type.find('}') - open - 1);
    std::ranges::replace(type, ',', '|');
  }
  std::vector<std::string> alternatives;
  std::istringstream rest(type);
  for (std::string one; std::getline(rest, one, '|');) {
    if (!one.empty()) alternatives.push_back(one);
  }
  return alternatives;
}

/// The words of a key: of its own, and of this build.
std::string words_of(const Key& key) {
  return key.name == "backend" ? spaced(backends_built()) : spaced(key.words);
}

Taken taken_by(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  Taken taken{.kind = "words", .words = "", .several = option.get_items_expected_max() > 1};
  if (type == "KEY=VALUE") {
    taken.kind = "settings";
    for (const Key& key : keys()) taken.words += fmt::format("{}= ", key.name);
  } else if (type.starts_with("PRESET")) {
    taken.kind = type == "PRESET" ? "words" : "list";
    taken.words = preset_names();
  } else {
    std::vector<std::string> words;
    for (const std::string& one : alternatives_in(type)) {
      if (one == "FILE" || one.starts_with("FILE.")) taken.kind = "file";
      if (one == "DIR" || one == "RUN_DIR") taken.kind = "directory";
      // Capitals stand for what is to be given.
      if (std::islower(static_cast<unsigned char>(one.front())) != 0) words.push_back(one);
    }
    taken.words = spaced(words);
  }
  const auto names_it = [&](const Key& key) { return option.check_lname(std::string(key.name)); };
  const auto key = std::ranges::find_if(keys(), names_it);
  if (key != keys().end() && option.get_group() == kSettingsGroup) taken.words = words_of(*key);
  return taken;
}

/// The spellings of an option, but for that with _ if there is one with -.
std::vector<std::string> offered_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) {
    if (name.find('_') == std::string::npos) names.push_back("--" + name);
  }
  return names;
}

/// `pattern` is the shell's.
void write_taken(std::ostream& out, const std::string& pattern, const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return;  // a flag
  const Taken taken = taken_by(option);
  fmt::print(out, "    {}) kind={} several={} words='{}' ;;\n", pattern, taken.kind,
             taken.several ? "yes" : "", taken.words);
}

std::string below(const std::string& words, const CLI::App& command) {
  return words.empty() ? command.get_name() : words + ' ' + command.get_name();
}

/// The cases of what `app`, of which `words` are the name, takes, and each of its options.
void write_all_taken(std::ostream& out, const std::string& words, const CLI::App& app) {
  const auto commands = commands_of(app);
  if (!commands.empty()) {
    std::vector<std::string> names;
    names.reserve(commands.size());
    for (const CLI::App* command : commands) names.push_back(command->get_name());
    fmt::print(out, "    '{}') kind=commands words='{}' ;;\n", words, spaced(names));
  }
  // The program's own options are so behind every command.
  const std::string prefix = app.get_parent() == nullptr ? "*' " : fmt::format("'{} ", words);
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) write_taken(out, fmt::format("'{}'", words), *option);
    for (const std::string& name : offered_names(*option)) {
      write_taken(out, prefix + name + '\'', *option);
    }
  }
  for (const CLI::App* command : commands) write_all_taken(out, below(words, *command), *command);
}

/// The cases of the options of `app` and of all commands below it.
void write_options_of(std::ostream& out, const std::string& words, const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* one = &app; one != nullptr; one = one->get_parent()) {
    for (const CLI::Option* option : one->get_options()) {
      const bool only_there = option == one->get_help_ptr() || option == one->get_version_ptr();
      if (only_there && one != &app) continue;
      for (const std::string& name : offered_names(*option)) names.push_back(name);
    }
  }
  fmt::print(out, "    '{}') words='{}' ;;\n", words, spaced(names));
  for (const CLI::App* command : commands_of(app)) {
    write_options_of(out, below(words, *command), *command);
  }
}

}  // namespace

void write_bash_completion(std::ostream& out, const CLI::App& app) {
  out << "# Completions of mvsgd for bash.\n\n# What a command, or an option of one, takes.\n"
         "_mvsgd_takes() {\n  kind=none several= words=\n  case $1 in\n";
  write_all_taken(out, "", app);
  out << "  esac\n}\n\n# The options of a command.\n_mvsgd_options() {\n  case $1 in\n";
  write_options_of(out, "", app);
  out << "  esac\n}\n" << kFunction;
}

}  // namespace mvsgd::sim
