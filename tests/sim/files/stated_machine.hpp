// A machine as its /proc and /sys say it is.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/test_directory.hpp"

namespace mvsgd::sim {

/// Begins with no file.
class StatedMachine {
 public:
  [[nodiscard]] const std::filesystem::path& root() const { return directory_.path(); }

  /// Writes a file below the root, in place of what is there.
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root() / path).parent_path());
    std::ofstream(root() / path) << text;
  }

 private:
  TestDirectory directory_;
};

}  // namespace mvsgd::sim
