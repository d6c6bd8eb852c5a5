// config.toml: settings as a file that a person can read and change.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/files/environment.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The preset, if there is one, and the keys as TOML, one a line.
void write_toml(const Settings& settings, std::ostream& out);

/// The same, and the environment as a table [environment].
void write_toml(const Settings& settings, const Environment& environment, std::ostream& out);

/// What a run was done in from `first_round` to the next part: it may have gone on elsewhere.
struct RunPart {
  std::uint32_t first_round = 1;
  Environment environment;
};

/// The same of a run of one part or more, in order: the last is the table [environment], with its
/// first_round if it is not the first, and one before it [environment.from_round_T].
void write_toml(const Settings& settings, std::span<const RunPart> parts, std::ostream& out);

/// The parts of a run's config.toml, in order; none in a file that is none. Throws as read_toml().
[[nodiscard]] std::vector<RunPart> read_run_parts(const std::string& path);

/// Reads TOML such as write_toml's. A `preset` in it is applied before the other keys, unless
/// `preset` is given, which is then applied in its place; a key that is missing keeps the preset's
/// value, or its default; a table [environment] is passed over. Throws InputError with the line
/// behind `name` if it is not TOML, or has an unknown or duplicate key or a bad value.
[[nodiscard]] Settings parse_toml(std::string_view text, const std::string& name,
                                  std::optional<std::string> preset);

/// What parse_toml() reads, and which of its keys are given by name.
struct FileSettings {
  Settings settings;
  /// Those with a value that neither the default nor the preset has. None in a run's own
  /// config.toml, which is known by its table [environment]: every key stands in that, whether it
  /// has an effect or not.
  std::vector<GivenKey> named;
};
[[nodiscard]] FileSettings parse_file_settings(std::string_view text, const std::string& name,
                                               std::optional<std::string> preset);

/// The same from a file, as read_toml() reads it.
[[nodiscard]] FileSettings read_file_settings(const std::string& path,
                                              std::optional<std::string> preset);

/// The texts of its table [environment]; {} if there is none. Throws InputError with the line if it
/// is not TOML.
[[nodiscard]] Environment parse_environment(std::string_view text, const std::string& name);

/// The same from a file, as read_toml() reads it.
[[nodiscard]] Environment read_environment(const std::string& path);

/// parse_toml() of a file or pipe. Throws InputError naming it also if it cannot be read, or has
/// more than 1 MiB.
[[nodiscard]] Settings read_toml(const std::string& path, std::optional<std::string> preset);

}  // namespace mvsgd::sim
