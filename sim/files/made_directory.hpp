// Directories that do not stay if nothing is put into them, and whether files can be put there.
#pragma once

#include <filesystem>
#include <vector>

namespace mvsgd::sim {

/// A directory, made with all parents that it lacks. At the end of its life, those that it made are
/// removed again if they are empty.
class MadeDirectory {
 public:
  /// Throws InputError with path and reason if a directory cannot be made; nothing is left then.
  explicit MadeDirectory(const std::filesystem::path& path);
  ~MadeDirectory();
  MadeDirectory(const MadeDirectory&) = delete;
  MadeDirectory& operator=(const MadeDirectory&) = delete;

 private:
  void remove_empty() const;

  std::vector<std::filesystem::path> made_;  ///< the outermost first
};

/// Throws InputError with the reason unless files can be made and removed in the directory.
void need_writable(const std::filesystem::path& directory);

}  // namespace mvsgd::sim
