// Giving up a round of a group over several processes.
#pragma once

#include <chrono>
#include <cstddef>

#include "comm/processes.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/group.hpp"

namespace mvsgd::sim {

/// The ranks that a process's GiveUp counts: process 0, which decides, all of the group; another
/// its own.
[[nodiscard]] std::size_t ranks_given_up_here(const Settings& settings,
                                              const comm::Processes& processes);

/// While it lives, the GiveUps of all processes go together: process 0 is told of each rank that
/// begins a round, and tells the others when it gives one up, and who asks when all have begun. It
/// asks for itself, too, as it may have no worker; a process that fails ends what waits for its
/// ranks.
class GiveUpTogether {
 public:
  /// All must outlive it.
  GiveUpTogether(comm::Processes& processes, comm::Group& group, GiveUp& give_up);
  ~GiveUpTogether();
  GiveUpTogether(const GiveUpTogether&) = delete;
  GiveUpTogether& operator=(const GiveUpTogether&) = delete;

 private:
  comm::Processes* processes_;
  GiveUp* give_up_;
};

/// After a round was given up, in every process: what process 0 lacks of the workers elsewhere,
/// theta aside. Throws TransportError, also if another process is at another round.
void bring_parts(comm::Processes& processes, std::chrono::milliseconds deadline, GroupState& state);

}  // namespace mvsgd::sim
