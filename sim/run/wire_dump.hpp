// --dump-wire: writes messages as they cross, one file each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "comm/message.hpp"

namespace mvsgd::sim {

/// Writes the messages of chosen rounds to files round-T-DIRECTION-KIND-worker-N.bin.
/// comm/README.md describes the contents, which need nothing else to be decoded. Thread-safe: no
/// two messages share a file.
class WireDump {
 public:
  /// Makes the directory. Throws InputError if it cannot.
  WireDump(std::filesystem::path directory, std::vector<std::uint32_t> rounds);
  /// Removes the directory if this object made it and it stayed empty.
  ~WireDump();
  WireDump(const WireDump&) = delete;
  WireDump& operator=(const WireDump&) = delete;

  /// Throws InputError if the file cannot be written.
  void add(std::uint32_t to, const comm::Message& message) const;

 private:
  std::filesystem::path directory_;
  std::vector<std::uint32_t> rounds_;
  bool made_ = false;
};

}  // namespace mvsgd::sim
