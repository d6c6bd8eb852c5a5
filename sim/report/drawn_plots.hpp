// Plots as gnuplot draws them: each by itself, or all on one page.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/report/plots.hpp"
#include "sim/report/seed_groups.hpp"

namespace mvsgd::sim {

/// Each plot as an SVG document, in order. Throws as run_gnuplot() does.
[[nodiscard]] std::vector<std::string> draw_svg(std::span<const Plot> plots);

/// All plots and a legend on one page, as "pdf" or "png". Throws as run_gnuplot() does.
[[nodiscard]] std::string draw_page(std::span<const Plot> plots, std::span<const SeedGroup> groups,
                                    const std::string& format);

}  // namespace mvsgd::sim
