#include "sim/files/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <thread>
#include <vector>

#include "sim/files/control_groups.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// One after the other they have a bit for each processor, as many as there may be.
using ProcessorSets = std::vector<cpu_set_t>;
constexpr std::size_t kMostSets = 64;  // of 1,024 processors

std::size_t bytes_of(const ProcessorSets& sets) { return sets.size() * sizeof(cpu_set_t); }

/// The cores' worth of processor time that a group gives; infinite without a limit.
double quota_of(int version, const fs::path& folder) {
  double time = -1;  // of a period; -1 stands for all, and so does the word "max"
  double period = 0;
  if (version == 2) {
    std::ifstream(folder / "cpu.max") >> time >> period;
  } else {
    std::ifstream(folder / "cpu.cfs_quota_us") >> time;
    std::ifstream(folder / "cpu.cfs_period_us") >> period;
  }
  const bool limits = time > 0 && period > 0;
  return limits ? time / period : std::numeric_limits<double>::infinity();
}

}  // namespace

std::size_t cores_of_machine() { return std::max(1U, std::thread::hardware_concurrency()); }

std::size_t bound_cores() {
  // Linux refuses fewer bits than its own sets have.
  for (std::size_t count = 1; count <= kMostSets; count *= 2) {
    ProcessorSets sets(count);
    if (sched_getaffinity(0, bytes_of(sets), sets.data()) != 0) continue;
    int cores = 0;
    for (const cpu_set_t& set : sets) cores += CPU_COUNT(&set);
    return static_cast<std::size_t>(std::max(1, cores));
  }
  return cores_of_machine();
}

std::size_t usable_cores(const fs::path& root) {
  auto cores = static_cast<double>(bound_cores());
  for (const ControlGroups& groups : control_groups("cpu", root)) {
    for (const fs::path& folder : groups.folders) {
      cores = std::min(cores, std::ceil(quota_of(groups.version, folder)));
    }
  }
  return static_cast<std::size_t>(std::max(1., cores));
}

}  // namespace mvsgd::sim
