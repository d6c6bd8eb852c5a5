// A run with what a person sees of it, for the commands that train.
#pragma once

#include <filesystem>
#include <optional>

#include "sim/cli/commands.hpp"
#include "sim/plan/settings.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/run/training_run.hpp"

namespace mvsgd::sim {

/// train_in(), with what begins, its progress, warnings and a summary as the context's level has
/// them, and after an interrupt how to go on. Throws as train_in().
[[nodiscard]] Exit train_and_show(const std::filesystem::path& directory, const Settings& settings,
                                  const TrainingOptions& options,
                                  const std::optional<FinishedRun>& baseline,
                                  const CommandContext& context);

}  // namespace mvsgd::sim
