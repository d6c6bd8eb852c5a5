// --dump-wire: messages as they crossed, one file each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "comm/message.hpp"

namespace mvsgd::sim {

/// Writes the messages of chosen rounds as files round-T-DIRECTION-KIND-worker-N.bin. What a file
/// holds is described in comm/README.md, and needs nothing else to be decoded. Thread-safe: no two
/// messages share a file.
class WireDump {
 public:
  /// Makes the directory. Throws InputError if it cannot.
  WireDump(std::filesystem::path directory, std::vector<std::uint32_t> rounds);
  /// Removes a directory that it has made and that has stayed empty.
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
