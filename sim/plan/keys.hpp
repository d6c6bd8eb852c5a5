// The keys: every setting by its name, as text that config.toml and the command line have.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Values of keys by name, as a command line or a scale gives them; set() takes them.
using GivenSettings = std::vector<std::pair<std::string, std::string>>;

/// One key: its name, what it means and takes, and how it is read and written as text.
struct Key {
  std::string_view name;
  std::string_view help;
  /// Throws std::invalid_argument, without the key's name, if the text is no value of this key.
  std::function<void(Settings&, std::string_view)> set;
  /// What set() takes for the same value.
  std::function<std::string(const Settings&)> get;
  bool is_text;  ///< always a string in TOML; else a number, true or false where it can be one
  /// The words that set() takes, in order: of a choice all, else those beside numbers or paths.
  std::vector<std::string_view> words = {};
  std::string_view operand = "VALUE";  ///< FILE or DIR if it is the path of one
};

/// Every key in the order of config.toml, in which keys also take effect, whatever their order in a
/// file or on the command line: `practice` comes before what it sets.
[[nodiscard]] std::span<const Key> keys();

/// Whether no bit of a run depends on the key, whatever the backend: slots, instruction_set,
/// checkpoint_every, deadline. Of a run's own backend sim/train/backends.hpp knows more.
[[nodiscard]] bool changes_no_bit(std::string_view key);

/// Sets one key. Throws UsageError naming key and value if either is unknown or out of range.
void set(Settings& settings, std::string_view key, std::string_view value);

/// Sets many, in the order of keys(); of two values of one key the later counts. Throws as set().
void set(Settings& settings, const GivenSettings& values);

}  // namespace mvsgd::sim
