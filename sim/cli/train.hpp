// A training run as the user sees it, for the commands that train.
#pragma once

#include <filesystem>
#include <optional>

#include "sim/cli/commands.hpp"
#include "sim/plan/settings.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/run/training_run.hpp"

namespace mvsgd::sim {

/// Calls train_in() and prints, at the context's log level, how the run begins, progress, warnings
/// and a summary; after an interrupt also how to go on. Throws as train_in() does.
[[nodiscard]] Exit train_and_show(const std::filesystem::path& directory, const Settings& settings,
                                  const TrainingOptions& options,
                                  const std::optional<FinishedRun>& baseline,
                                  const CommandContext& context);

}  // namespace mvsgd::sim
