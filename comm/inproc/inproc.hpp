// The in-process transport: workers and server are threads of one process.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "comm/group.hpp"

namespace mvsgd::comm {

/// A wait adds its deadline to the clock, so the deadline must stay far below the clock's range.
inline constexpr std::chrono::hours kLongestDeadline(24 * 365);

/// A group of N workers and a server that exchange messages through memory. Bytes are shared, not
/// copied: a broadcast holds one copy.
class InprocGroup final : public Group {
 public:
  /// `deadline` bounds each receive. If a message has not come by then, the receive throws a
  /// TransportError and its rank has failed. A send never waits. Throws std::invalid_argument if
  /// there is no worker, or if the deadline is not positive or is above kLongestDeadline.
  InprocGroup(std::uint32_t workers, std::chrono::milliseconds deadline,
              const WireObserver& observer = {});
  ~InprocGroup() override;

  [[nodiscard]] std::span<const std::uint32_t> here() const override { return ranks_; }
  [[nodiscard]] Transport& end(std::uint32_t rank) override;
  void fail(std::uint32_t rank, const std::string& reason) override;

 private:
  class Hub;
  class End;
  std::vector<std::uint32_t> ranks_;
  std::unique_ptr<Hub> hub_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace mvsgd::comm
