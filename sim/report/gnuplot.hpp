// gnuplot as a child process.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace mvsgd::sim {

/// `text` as a gnuplot string without any special meaning: no quote ends it, no backtick starts a
/// command, and control characters become blanks.
[[nodiscard]] std::string gnuplot_string(std::string_view text);

/// The command that plots these elements in one frame. gnuplot 6 has an error for what 5 takes: a
/// comma after the last element, in a multiplot.
[[nodiscard]] std::string plot_command(std::span<const std::string> elements);

/// Runs gnuplot on `script`, without a shell and without the user's start-up files. Its script and
/// its messages go into `directory`. Throws InputError naming the package if gnuplot is missing,
/// std::runtime_error with its messages if it fails.
void run_gnuplot(std::string_view script, const std::filesystem::path& directory);

}  // namespace mvsgd::sim
