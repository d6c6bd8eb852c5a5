// The files that a reproduction writes besides its trials: tables and figures.
#pragma once

#include <span>

#include "sim/reproduce/sweep_plan.hpp"
#include "sim/reproduce/table.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// The caption of the plan's table: it has every setting in which the rows differ from their
/// presets, without seed and data.
[[nodiscard]] Caption caption_of(const SweepPlan& plan);

/// Writes the finished trials' results without drawings: NAME.csv, for tables also .md, and for
/// Table 1 also .html. Throws std::runtime_error if a file cannot be written.
void write_numbers(const SweepPlan& plan, std::span<const RowResult> rows);

/// Draws the figures that the rows make possible, as SVG documents and on the table's page. Throws
/// as run_gnuplot() does, and std::runtime_error if a file cannot be written.
void draw(const SweepPlan& plan, std::span<const RowResult> rows);

}  // namespace mvsgd::sim
