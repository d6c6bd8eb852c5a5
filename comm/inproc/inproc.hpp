// The in-process transport: workers and server are threads of one process.
#pragma once

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
  /// A send never waits, and a receive has no deadline, since a lost peer is known: where no rank
  /// is left who could send, every wait of run() is a TransportError at once. A wait outside run()
  /// ends with a message or a failure. Throws std::invalid_argument if there is no worker.
  explicit InprocGroup(std::uint32_t workers, const WireObserver& observer = {});
  ~InprocGroup() override;

  [[nodiscard]] std::span<const std::uint32_t> here() const override { return ranks_; }
  [[nodiscard]] Transport& end(std::uint32_t rank) override;
  void fail(std::uint32_t rank, const std::string& reason) override;

 private:
  class End;
  void all_begin() override { hub_.all_begin(); }
  void ends(std::uint32_t rank) override { hub_.ends(rank); }

  std::vector<std::uint32_t> ranks_;
  Hub hub_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace mvsgd::comm
