// The keys: every setting by its name, as text for config.toml and the command line.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Values by key, as a command line or a scale gives them; set() takes them.
using GivenSettings = std::vector<std::pair<std::string, std::string>>;

/// One key: its name, its help, and how its value is read from text and written as text.
struct Key {
  std::string_view name;
  std::string_view help;
  /// Throws std::invalid_argument, without the key's name, if the text is not a value of this key.
  std::function<void(Settings&, std::string_view)> set;
  /// The value as text. set() reads it back.
  std::function<std::string(const Settings&)> get;
  bool is_text;  ///< always a string in TOML; else a number, true or false where possible
  /// The words that set() takes, in order: of a choice all, else those beside numbers or paths.
  std::vector<std::string_view> words = {};
  std::string_view operand = "VALUE";  ///< FILE or DIR if it is the path of one
};

/// Every key, in the order of config.toml. Keys take effect in this order too, whatever their order
/// in a file or on the command line: `practice` comes before the keys that it sets.
[[nodiscard]] std::span<const Key> keys();

/// The key of this name; null if there is none.
[[nodiscard]] const Key* find_key(std::string_view name);

/// Whether the key changes no bit of a run, whatever the backend: slots, instruction_set,
/// checkpoint_every, deadline. sim/train/backends.hpp knows more keys for a given backend.
[[nodiscard]] bool changes_no_bit(std::string_view key);

/// Sets one key. Throws UsageError naming key and value if either is unknown or out of range.
void set(Settings& settings, std::string_view key, std::string_view value);

/// Sets many keys, in the order of keys(). If a key has two values, the later one counts. Throws as
/// set() does.
void set(Settings& settings, const GivenSettings& values);

}  // namespace mvsgd::sim
