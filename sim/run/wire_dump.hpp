// --dump-wire: writes messages as they cross, one file each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "comm/message.hpp"
#include "sim/files/made_directory.hpp"

namespace mvsgd::sim {

/// Writes the messages of chosen rounds to files round-T-DIRECTION-KIND-worker-N.bin, blocks of a
/// ring to round-T-across-KIND-worker-N-block-B.bin. comm/README.md describes the contents, and
/// what a list or an update needs beside itself. Thread-safe: no two messages share a file.
class WireDump {
 public:
  /// Makes the directory, which does not stay if it stays empty. Throws InputError if it cannot.
  WireDump(std::filesystem::path directory, std::vector<std::uint32_t> rounds);

  /// Throws InputError if the file cannot be written, which then does not stay.
  void add(std::uint32_t to, const comm::Message& message) const;

 private:
  std::filesystem::path directory_;
  std::vector<std::uint32_t> rounds_;
  std::optional<MadeDirectory> made_;
};

}  // namespace mvsgd::sim
