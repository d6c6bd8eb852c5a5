#include "sim/round/ring.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "compress/values/aggregate.hpp"

namespace mvsgd::sim {

void all_reduce(const Protocol& protocol, comm::Transport& transport,
                std::span<const std::uint32_t> ring, std::uint32_t round, std::span<float> values) {
  const std::size_t workers = ring.size();
  const auto own = std::ranges::lower_bound(ring, transport.rank());
  const auto place = static_cast<std::size_t>(own - ring.begin());
  const std::uint32_t next = ring[(place + 1) % workers];
  const std::uint32_t last = ring[(place + workers - 1) % workers];
  const auto block = [&](std::size_t b) {
    const std::size_t first = b * values.size() / workers;
    return values.subspan(first, (b + 1) * values.size() / workers - first);
  };
  /// The block that many places before the worker's own, less than two rings.
  const auto before = [&](std::size_t back) { return (place + 2 * workers - back) % workers; };
  const auto envelope = [&](comm::Kind kind, std::size_t b) {
    return Envelope{.kind = kind, .round = round, .block = static_cast<std::uint32_t>(b)};
  };
  const auto send = [&](comm::Kind kind, std::size_t b) {
    transport.send(next, encode_values(protocol, transport.rank(), envelope(kind, b), block(b)));
  };

  std::vector<float> theirs;
  for (std::size_t step = 0; step + 1 < workers; ++step) {
    send(comm::Kind::reduce, before(step));
    const std::size_t b = before(step + 1);
    theirs.resize(block(b).size());
    receive_values(protocol, transport, last, envelope(comm::Kind::reduce, b), theirs);
    compress::add_values(theirs, block(b));
  }
  for (std::size_t step = 0; step + 1 < workers; ++step) {
    send(comm::Kind::gather, before(step + workers - 1));
    const std::size_t b = before(step);
    receive_values(protocol, transport, last, envelope(comm::Kind::gather, b), block(b));
  }
}

}  // namespace mvsgd::sim
