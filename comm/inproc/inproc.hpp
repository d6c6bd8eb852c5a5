// The in-process transport: workers and server are threads of one process.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/transport.hpp"

namespace mvsgd::comm {

/// A group of N workers and a server that exchange messages through memory. Bytes are shared, not
/// copied: a broadcast holds one copy.
///
/// end(r) is used by rank r's thread. All ends die before the group.
class InprocGroup {
 public:
  /// `deadline` bounds each receive; a message that has not come by then is a TransportError, and
  /// the rank that waited has failed. A send never waits. Throws std::invalid_argument if there is
  /// no worker, or the deadline is not positive or is above a year.
  InprocGroup(std::uint32_t workers, Ledger& ledger, std::chrono::milliseconds deadline,
              const WireObserver& observer = {});
  ~InprocGroup();

  /// The end of `rank`: 0..N-1 a worker's, N the server's. Throws std::invalid_argument above N.
  [[nodiscard]] Transport& end(std::uint32_t rank);

  /// Says that `rank` has failed and why. Every wait, now and later, ends in a TransportError that
  /// names the rank and the reason. The first failure counts; later ones are ignored.
  void fail(std::uint32_t rank, const std::string& reason);

 private:
  class Hub;
  class End;
  std::unique_ptr<Hub> hub_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace mvsgd::comm
