#include "sim/files/memory_limits.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using Bytes = std::uint64_t;

constexpr Bytes kKibibyte = 1024;

/// The lines "NAME: 123 kB", "NAME 123" of a file as numbers, without their unit.
std::map<std::string, Bytes> numbers_of(const fs::path& path) {
  std::map<std::string, Bytes> numbers;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    Bytes number = 0;
    if (!(words >> name >> number)) continue;
    if (name.ends_with(':')) name.pop_back();
    numbers[name] = number;
  }
  return numbers;
}

/// None: the file is not there, or has a word, such as "max".
std::optional<Bytes> number_in(const fs::path& path) {
  std::ifstream file(path);
  Bytes number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

Bytes less(Bytes a, Bytes b) { return a > b ? a - b : 0; }

void add_resource_limit(std::vector<MemoryLimit>& limits, int resource, MemoryLimit limit,
                        Bytes used) {
  rlimit set{};
  const bool known = getrlimit(static_cast<decltype(RLIMIT_AS)>(resource), &set) == 0;
  if (!known || set.rlim_cur == RLIM_INFINITY) return;
  limit.left = less(set.rlim_cur, used);
  limits.push_back(std::move(limit));
}

/// Where a version of control groups has its files, and how they are called.
struct GroupFiles {
  fs::path mount;
  const char* most;
  const char* used;
  const char* files[2];  // in memory.stat
};

/// A group's limit, and those of the groups around it.
void add_group_limits(std::vector<MemoryLimit>& limits, const GroupFiles& files,
                      const fs::path& group, Bytes swap) {
  // Of version 1 this number and more stand for none.
  constexpr Bytes kNone = std::numeric_limits<std::int64_t>::max() / 2;
  fs::path inside = group.relative_path();
  while (true) {
    const fs::path folder = files.mount / inside;
    const auto most = number_in(folder / files.most);
    const auto used = number_in(folder / files.used);
    if (most && used && *most < kNone) {
      const auto statistics = numbers_of(folder / "memory.stat");
      Bytes give_way = 0;
      for (const char* name : files.files) {
        const auto found = statistics.find(name);
        if (found != statistics.end()) give_way += found->second;
      }
      Bytes left = less(*most, less(*used, give_way));
      const auto most_swap = number_in(folder / "memory.swap.max");
      const auto used_swap = number_in(folder / "memory.swap.current");
      if (used_swap) left += most_swap ? std::min(swap, less(*most_swap, *used_swap)) : swap;
      limits.push_back({.name = (folder / files.most).string(), .left = left});
    }
    if (inside.empty()) return;
    inside = inside.parent_path();
  }
}

}  // namespace

std::vector<MemoryLimit> memory_limits(const fs::path& root) {
  std::vector<MemoryLimit> limits;
  auto own = numbers_of(root / "proc/self/status");
  add_resource_limit(limits, RLIMIT_AS, {.name = "ulimit -v", .counted = Counted::address_space},
                     own["VmSize"] * kKibibyte);
  add_resource_limit(limits, RLIMIT_DATA, {.name = "ulimit -d", .counted = Counted::data},
                     own["VmData"] * kKibibyte);

  auto machine = numbers_of(root / "proc/meminfo");
  const Bytes swap = machine["SwapFree"] * kKibibyte;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/a/b" of version 2, "7:cpu,memory:/a/b" of version 1.
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const fs::path group = line.substr(second + 1);
    if (controllers == ",,") {
      add_group_limits(limits,
                       {.mount = root / "sys/fs/cgroup",
                        .most = "memory.max",
                        .used = "memory.current",
                        .files = {"inactive_file", "active_file"}},
                       group, swap);
    } else if (controllers.find(",memory,") != std::string::npos) {
      add_group_limits(limits,
                       {.mount = root / "sys/fs/cgroup/memory",
                        .most = "memory.limit_in_bytes",
                        .used = "memory.usage_in_bytes",
                        .files = {"total_inactive_file", "total_active_file"}},
                       group, 0);
    }
  }
  if (machine.contains("MemAvailable")) {
    limits.push_back(
        {.name = "the machine's free memory", .left = machine["MemAvailable"] * kKibibyte + swap});
  }
  return limits;
}

std::uint64_t most_resident() { return numbers_of("/proc/self/status")["VmHWM"] * kKibibyte; }

}  // namespace mvsgd::sim
