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

#include "sim/files/control_groups.hpp"

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

/// How the files of a version of control groups are called.
struct GroupFiles {
  const char* most;
  const char* used;
  const char* give_way[2];  // lines of memory.stat
};
constexpr GroupFiles kFirstVersion{.most = "memory.limit_in_bytes",
                                   .used = "memory.usage_in_bytes",
                                   .give_way = {"total_inactive_file", "total_active_file"}};
constexpr GroupFiles kSecondVersion{
    .most = "memory.max", .used = "memory.current", .give_way = {"inactive_file", "active_file"}};

/// What a group's files say, if they set a limit.
void add_group_limit(std::vector<MemoryLimit>& limits, const GroupFiles& files,
                     const fs::path& folder, Bytes swap) {
  // Of version 1 this number and more stand for none.
  constexpr Bytes kNone = std::numeric_limits<std::int64_t>::max() / 2;
  const auto most = number_in(folder / files.most);
  const auto used = number_in(folder / files.used);
  if (!most || !used || *most >= kNone) return;
  const auto statistics = numbers_of(folder / "memory.stat");
  Bytes give_way = 0;
  for (const char* name : files.give_way) {
    const auto found = statistics.find(name);
    if (found != statistics.end()) give_way += found->second;
  }
  Bytes left = less(*most, less(*used, give_way));
  const auto most_swap = number_in(folder / "memory.swap.max");
  const auto used_swap = number_in(folder / "memory.swap.current");
  if (used_swap) left += most_swap ? std::min(swap, less(*most_swap, *used_swap)) : swap;
  limits.push_back({.name = (folder / files.most).string(), .left = left});
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
  for (const ControlGroups& groups : control_groups("memory", root)) {
    const bool second = groups.version == 2;
    for (const fs::path& folder : groups.folders) {
      add_group_limit(limits, second ? kSecondVersion : kFirstVersion, folder, second ? swap : 0);
    }
  }
  if (machine.contains("MemAvailable")) {
    limits.push_back(
        {.name = "the machine's free memory", .left = machine["MemAvailable"] * kKibibyte + swap});
  }
  return limits;
}

std::uint64_t resident() { return numbers_of("/proc/self/status")["VmRSS"] * kKibibyte; }

std::uint64_t most_resident() { return numbers_of("/proc/self/status")["VmHWM"] * kKibibyte; }

}  // namespace mvsgd::sim
