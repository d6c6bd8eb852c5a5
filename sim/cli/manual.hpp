// Turns the text of --help into a manual page and completions, so that all three have one source.
#pragma once

#include <iosfwd>

namespace CLI {
class App;
}

namespace mvsgd::sim {

/// The manual page of the program and all its commands, section 1, for man(1).
void write_man_page(std::ostream& out, const CLI::App& app);

/// A script for bash that completes commands, options and what each takes: words, settings, paths.
void write_bash_completion(std::ostream& out, const CLI::App& app);

}  // namespace mvsgd::sim
