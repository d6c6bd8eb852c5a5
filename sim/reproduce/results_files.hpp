// What a reproduction writes beside its trials: tables and figures.
#pragma once

#include <span>

#include "sim/reproduce/sweep_plan.hpp"
#include "sim/reproduce/table.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// What the plan's table says above its rows: with every setting in which they differ from their
/// presets, the data but for the embedded one.
[[nodiscard]] Caption caption_of(const SweepPlan& plan);

/// Everything that the finished trials give, drawings excepted: NAME.csv, and of the table .md and
/// .html. Throws std::runtime_error if a file cannot be written.
void write_numbers(const SweepPlan& plan, std::span<const RowResult> rows);

/// The figures that the rows are enough for, as SVG documents, and on the table's page. Throws as
/// run_gnuplot(), and std::runtime_error if a file cannot be written.
void draw(const SweepPlan& plan, std::span<const RowResult> rows);

}  // namespace mvsgd::sim
