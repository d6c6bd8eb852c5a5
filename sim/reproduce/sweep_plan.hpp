// The trials of a reproduction, planned from a request.
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

/// What is to be reproduced, as the command line says it.
struct SweepRequest {
  std::string what;  ///< name of the table or a figure
  std::string scale = "paper";
  std::uint32_t trials = 0;       ///< for each row; 0: the scale's
  std::vector<std::string> rows;  ///< names of presets; empty: all
  std::string out;                ///< directory; "": reproduction-SCALE
  std::string archive;            ///< directory of archived trials; "": none
  GivenSettings given;            ///< settings for every row
};

struct SweepPlan {
  const TableOrFigure* what;
  const Scale* scale;
  std::filesystem::path out;
  std::uint32_t count;            ///< trials for each row
  std::vector<TrialSpec> trials;  ///< in the order in which they run: all rows once, then again
  bool lacks_data = false;        ///< the scale needs `data`, so only archived trials can be shown

  [[nodiscard]] bool is_table() const { return what->kind == Exhibit::table1; }

  /// Without data, whether what is archived is shown though trials are lacking.
  [[nodiscard]] bool shows_what_there_is() const {
    return what->kind == Exhibit::extensions || what->kind == Exhibit::claims;
  }
};

/// Plans the trials; trial `seed` of row `preset` is in OUT/runs/PRESET-seedN. Throws UsageError if
/// no such table, figure, scale, row or value exists, if the scale needs `data` that are not given
/// and there is no archive either, or if a given key has no effect in any trial.
[[nodiscard]] SweepPlan plan_sweep(const SweepRequest& request);

/// What a user is told who must give `data`.
[[nodiscard]] std::string wanted_data(const SweepPlan& plan);

}  // namespace mvsgd::sim
