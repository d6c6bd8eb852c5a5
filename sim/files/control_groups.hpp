// The control groups that limit this process, of version 1 or 2.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace mvsgd::sim {

/// The folders of a group and of those around it, the innermost first, where its controller's files
/// are. A folder need not be there: in a container only the outermost is.
struct ControlGroups {
  int version = 0;
  std::vector<std::filesystem::path> folders;
};

/// Those of this process that may limit what `controller` ("cpu", "memory") counts; none where the
/// system has no groups. `root` is where /proc and /sys are.
[[nodiscard]] std::vector<ControlGroups> control_groups(std::string_view controller,
                                                        const std::filesystem::path& root);

}  // namespace mvsgd::sim
