// A run that several processes share: what they agree on before its first round, and what one that
// does not lead it does.
#pragma once

#include "comm/processes.hpp"
#include "data/dataset.hpp"
#include "sim/law/law.hpp"
#include "sim/plan/settings.hpp"
#include "sim/run/training_run.hpp"
#include "sim/train/memory.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {

/// Throws UsageError if these processes cannot share a run of the settings: more than workers and a
/// server, more than one for a scheme that sends nothing, or with messages to be dumped.
void check_processes(const comm::Processes& processes, const Settings& settings, bool dumps);

/// For every process: process 0's settings, where the others cannot read them.
[[nodiscard]] Settings share_settings(comm::Processes& processes, const Settings& of_zero);

/// For every process, before the first round. In process 0 it throws UsageError naming the first
/// process and key whose value is another than here, and InputError for other images, another
/// program, or a processor or library that would compute other bits; elsewhere TransportError, when
/// process 0 has refused somebody. What changes no bit may differ, and where the images lie.
void agree(comm::Processes& processes, const Settings& settings, const data::TrainTest& images);

/// What slots there are here, for settings that leave it to the machine: usable_cores(), or if this
/// process is bound to no part of the machine, its share of them among the processes of this host.
[[nodiscard]] Settings settings_here(const comm::Processes& processes, const Settings& settings);

/// Of this process, as memory_estimate().
[[nodiscard]] MemoryEstimate memory_here(const comm::Processes& processes,
                                         const Settings& settings);

/// Process 0 hands each other one its workers' state, of which it keeps what its server needs.
void send_start(comm::Processes& processes, TrialState& state);

/// A process that does not lead: reads the images, agrees, and trains its workers from what process
/// 0 has, to the end or a stop. Of `sinks` it has `warn` and `interrupted` alone, and asks process
/// 0 to stop. Returns whether the run has finished. Throws as train_in().
[[nodiscard]] bool train_share(comm::Processes& processes, const Settings& settings,
                               const TrainingSinks& sinks, const LawConstants& law);

}  // namespace mvsgd::sim
