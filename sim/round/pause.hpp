// Where a group of workers and their server stop together.
#pragma once

#include <atomic>
#include <cstdint>

namespace mvsgd::sim {

/// The last round before a pause. The server sets it before it sends that round's aggregate, and a
/// worker asks when it has the aggregate: all stop after the same round, with every message of it
/// decoded. Like Telemetry it is no part of the protocol: it travels in no message and costs no
/// bit.
class Pause {
 public:
  void set_after(std::uint32_t t) { last_ = t; }
  [[nodiscard]] bool is_after(std::uint32_t t) const { return last_ == t; }

 private:
  std::atomic<std::uint32_t> last_ = 0;  // rounds count from 1
};

}  // namespace mvsgd::sim
