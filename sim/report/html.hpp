// A report as one HTML file: it has no script and refers to no other file.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "sim/report/plots.hpp"

namespace mvsgd::sim {

/// Writes a summary of the groups, the plots (`drawings[i]` is the SVG document of `plots[i]`),
/// every run with its digest and which machines give it, the settings, and the numbers behind the
/// plots.
void write_html(std::ostream& out, std::span<const SeedGroup> groups, std::span<const Plot> plots,
                std::span<const std::string> drawings);

}  // namespace mvsgd::sim
