// What a network costs: how long the rounds of a run would take over its links.
#pragma once

#include <iosfwd>
#include <span>
#include <vector>

#include "comm/message.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/report/network.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

/// Messages that go the same way at the same time. None waits for the answer to another.
struct Leg {
  comm::Direction way{};
  std::vector<comm::Kind> kinds;
};

/// A round's messages in the order of the protocol: votes, mask, updates or what goes around the
/// ring, aggregate. Values at a worker's own support (top-K) go with its vote, since they do not
/// wait for the mask. The buffers of an evaluation go last.
[[nodiscard]] std::vector<Leg> legs(const RoundShape& shape);

/// How the time of a run divides.
struct NetworkTime {
  double compute = 0;  ///< processor time of a worker and of the server, as measured
  double network = 0;  ///< time of messages on their way
  [[nodiscard]] double total() const { return compute + network; }
};

/// The time that each round would take if every worker had a machine and a link of its own:
///
///     compute   (local_steps + vote + exchange) / N + server, from `cpu_seconds`
///     network   for each leg of the round, the slowest worker's latency + bits / rate, but at
///               least latency + the bits of all workers over the server's rate
///
/// The bits are those of the ledger, whole messages with header and padding, and the network's
/// overhead, if it has any, for the headers of lower layers (TCP, IP, Ethernet).
///
///   returns  [T + 1], round 0 (the initial model) first
///
/// Throws InputError if the run is condensed, since its rounds have no bits of their own, and
/// naming the file if its rounds or the ledger's rows are not those of its settings.
[[nodiscard]] std::vector<NetworkTime> network_times(const RunWithRows& run,
                                                     const Network& network);

/// The same for dense SGD with the run's local steps: in each step d float32 values go from and to
/// every worker, and processor time is the run's own for the local steps alone.
[[nodiscard]] NetworkTime dense_network_time(const RunWithRows& run, const Network& network);

/// Replaces the `seconds` of each round by the time since the start at which it would end.
void move_to(const Network& network, RunWithRows& run);

/// The greatest factor on all rates of the network, from 1e-6 to 1e6, below which the run takes
/// less time than dense_network_time(). Infinite if the run takes less at 1e6; 0 if it does not
/// even at 1e-6.
[[nodiscard]] double break_even(const RunWithRows& run, const Network& network);

/// Writes a line for each run under a line of heads: its directory, seconds of computing, seconds
/// on the network, their sum, the sum of dense_network_time(), and the rate of worker 0's uplink
/// below which the run takes less time.
void write_network_table(std::ostream& out, std::span<const RunWithRows> runs,
                         const Network& network);

}  // namespace mvsgd::sim
