#include "sim/files/control_groups.hpp"

#include <fmt/format.h>

#include <fstream>
#include <string>

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> folders_of(const fs::path& mount, const fs::path& group) {
  std::vector<fs::path> folders;
  fs::path inside = group.relative_path();
  for (; !inside.empty(); inside = inside.parent_path()) folders.push_back(mount / inside);
  folders.push_back(mount);
  return folders;
}

}  // namespace

std::vector<ControlGroups> control_groups(std::string_view controller, const fs::path& root) {
  std::vector<ControlGroups> found;
  const fs::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/a/b" of version 2, "7:cpu,memory:/a/b" of version 1.
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const fs::path group = line.substr(second + 1);
    if (controllers == ",,") {
      found.push_back({.version = 2, .folders = folders_of(mount, group)});
    } else if (controllers.find(fmt::format(",{},", controller)) != std::string::npos) {
      found.push_back({.version = 1, .folders = folders_of(mount / controller, group)});
    }
  }
  return found;
}

}  // namespace mvsgd::sim
