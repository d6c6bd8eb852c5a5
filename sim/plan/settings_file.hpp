// config.toml: settings as a file that people can read and change.
#pragma once

#include <cstdint>
#include <filesystem>
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

/// Writes the preset, if there is one, and the keys as TOML, one a line.
void write_toml(const Settings& settings, std::ostream& out);

/// The same, with the environment as a table [environment].
void write_toml(const Settings& settings, const Environment& environment, std::ostream& out);

/// The environment of a run from `first_round` to the next part. A run may go on elsewhere.
struct RunPart {
  std::uint32_t first_round = 1;
  Environment environment;
};

/// The same for a run of one part or more, in order. The last part is the table [environment], with
/// its first_round if it is not the first part. Each earlier part is [environment.from_round_T].
void write_toml(const Settings& settings, std::span<const RunPart> parts, std::ostream& out);

/// The parts of a run's config.toml, in order; empty if the file is not a run's. Throws as
/// read_toml() does.
[[nodiscard]] std::vector<RunPart> read_run_parts(const std::string& path);

/// Reads TOML as write_toml() writes it. The preset is applied before the other keys: `preset` if
/// it is given, else the file's own. A missing key keeps the preset's value or its default. A table
/// [environment] is skipped. Throws InputError with `name` and the line if the text is not TOML, or
/// has an unknown or duplicate key or a bad value.
[[nodiscard]] Settings parse_toml(std::string_view text, const std::string& name,
                                  std::optional<std::string> preset);

/// What parse_toml() reads, and which of the keys are given by name.
struct FileSettings {
  Settings settings;
  /// The keys whose value is neither the default nor the preset's. Empty for a run's own
  /// config.toml, which has every key, with an effect or without. A table [environment] marks such
  /// a file.
  std::vector<GivenKey> named;
  Environment environment;  ///< the strings of that table; {} if there is none
};
[[nodiscard]] FileSettings parse_file_settings(std::string_view text, const std::string& name,
                                               std::optional<std::string> preset);

/// The same for a file, which is read as by read_toml().
[[nodiscard]] FileSettings read_file_settings(const std::string& path,
                                              std::optional<std::string> preset);

/// parse_toml() for a file or pipe. Also throws InputError naming it if it cannot be read or is
/// larger than 1 MiB.
[[nodiscard]] Settings read_toml(const std::string& path, std::optional<std::string> preset);

/// read_file_settings() for a run's own config.toml. Also throws InputError if it is no plain file,
/// as read_run_parts() does: nobody writes into a pipe there.
[[nodiscard]] FileSettings read_run_settings(const std::filesystem::path& config);

}  // namespace mvsgd::sim
