// The in-process transport: workers and server are threads of one process.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "comm/group.hpp"
#include "comm/hub.hpp"

namespace mvsgd::comm {

/// A group of N workers and a server that exchange messages through memory. Bytes are shared, not
/// copied: a broadcast holds one copy.
class InprocGroup final : public Group {
 public:
  /// `deadline` bounds each receive; a message that has not come by then is a TransportError, and
  /// the rank that waited has failed. A send never waits. Throws std::invalid_argument if there is
  /// no worker, or the deadline is not positive or is above kLongestDeadline.
  InprocGroup(std::uint32_t workers, std::chrono::milliseconds deadline,
              const WireObserver& observer = {});
  ~InprocGroup() override;

  [[nodiscard]] std::span<const std::uint32_t> here() const override { return ranks_; }
  [[nodiscard]] Transport& end(std::uint32_t rank) override;
  void fail(std::uint32_t rank, const std::string& reason) override;

 private:
  class End;
  std::vector<std::uint32_t> ranks_;
  Hub hub_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace mvsgd::comm
