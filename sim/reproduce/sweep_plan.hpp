// The trials of a reproduction, as they are asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sim/plan/keys.hpp"
#include "sim/reproduce/scale.hpp"
#include "sim/reproduce/tables_and_figures.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// What is to be reproduced, in the words of the command line.
struct SweepRequest {
  std::string what;  ///< name of the table or a figure
  std::string scale = "paper";
  std::uint32_t trials = 0;       ///< a row; 0: the scale's
  std::vector<std::string> rows;  ///< names of presets; none: all
  std::string out;                ///< directory; "": reproduction-SCALE
  GivenSettings given;            ///< settings of every row
};

struct SweepPlan {
  const TableOrFigure* what;
  const Scale* scale;
  std::filesystem::path out;
  std::uint32_t count;            ///< of trials a row
  std::vector<TrialSpec> trials;  ///< in the order in which they run: all rows once, then again

  [[nodiscard]] bool is_table() const { return what == &tables_and_figures().front(); }
};

/// Trial `seed` of row `preset` is in OUT/runs/PRESET-seedN. Throws UsageError if there is no such
/// table, figure, scale, row or value, the scale needs `data` and it is not given, or a key that is
/// given has no effect in any trial.
[[nodiscard]] SweepPlan plan_sweep(const SweepRequest& request);

}  // namespace mvsgd::sim
