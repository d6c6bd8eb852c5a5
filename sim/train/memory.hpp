// What a run needs of memory, by its settings and what is resident, and whether there is as much.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sim/files/memory_limits.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The peak of a run's memory by what takes it, in bytes; sim/train/README.md has each as a
/// formula. Of a backend on a device it is the host's share.
struct MemoryEstimate {
  std::uint32_t workers = 0;
  std::uint64_t slots = 0;
  std::uint32_t threads = 0;  ///< that a slot computes with

  std::uint64_t of_worker = 0;  ///< theta, error memory, vote, mask, what it keeps of them
  std::uint64_t of_slot = 0;    ///< network, activations, scratch, theta^(H), a batch
  std::uint64_t server = 0;     ///< theta, votes, mask, sums
  std::uint64_t messages = 0;   ///< on their way, and what ends make of them, where they are most
  std::uint64_t data = 0;       ///< training and test images
  std::uint64_t schedule = 0;   ///< the rounds of the run
  std::uint64_t program = 0;    ///< code, libraries, what they allocate: what is there already

  [[nodiscard]] std::uint64_t total() const {
    return workers * of_worker + slots * of_slot + server + messages + data + schedule + program;
  }
  /// OpenMP keeps its threads apart for each thread that has asked for them: each worker, and at an
  /// evaluation each slot.
  [[nodiscard]] std::uint64_t threads_in_all() const { return (workers + slots) * threads; }
  /// Beyond total(): the stacks of threads, which are mapped whole. That threads reserve no heaps
  /// under a limit of addresses sim/main.cpp sees to.
  [[nodiscard]] std::uint64_t reserved(Counted counted) const;
};

/// The ranks of a run that one process has.
struct RanksHere {
  std::uint32_t workers = 0;
  bool server = true;
};

/// Of a run as train_in() has it, which can be interrupted: of the process that has these ranks;
/// without, of one that has all. Throws UsageError for a backend that this build has not,
/// nn::UnavailableError if this machine lacks what the settings ask for. Cost: milliseconds;
/// nothing large is allocated. The program's part is what this process has resident now, so the
/// estimate comes before what it estimates.
[[nodiscard]] MemoryEstimate memory_estimate(const Settings& settings,
                                             std::optional<RanksHere> here = {});

/// "3.4 GB: 10 workers of 171 MB, 2 slots of 750 MB, server 92 MB, messages 98 MB, data 37 MB,
/// schedule 2.65 MB, program 20 MB".
[[nodiscard]] std::string text_of(const MemoryEstimate& estimate);

/// Throws nn::UnavailableError if one of the limits leaves less than the estimate: what is needed,
/// by part, which limit it is, and what settings need less. Returns a warning if the least leaves
/// less than a tenth more.
[[nodiscard]] std::optional<std::string> check_memory(const MemoryEstimate& estimate,
                                                      std::span<const MemoryLimit> limits);

/// Throws nn::UnavailableError unless `count` threads can be started, before a run is begun in
/// which OpenMP would end the program instead.
void need_threads(std::uint64_t count);

/// Whether a run of this estimate can begin on this machine now: check_memory() by its limits, and
/// need_threads() if OpenMP is to start some.
[[nodiscard]] std::optional<std::string> check_machine(const MemoryEstimate& estimate);

}  // namespace mvsgd::sim
