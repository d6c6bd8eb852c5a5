// A network: the links between workers and server.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "comm/message.hpp"

namespace mvsgd::sim {

inline constexpr double kMostRate = 1e15;  ///< of a link, in bits a second

/// The link between a worker and the server.
struct Link {
  comm::ByDirection<double> rate{1e9, 1e9};  ///< bits a second, up and down
  double latency = 0;                        ///< seconds one way
};

/// A star: every worker has a link of its own, and all share the server's.
struct Network {
  std::string name;  ///< as the user gave it
  Link worker;
  std::map<std::uint32_t, Link> unlike;  ///< workers with a different link
  /// The rates of the server's own link, which all workers' messages share; none: unlimited.
  comm::ByDirection<std::optional<double>> server;
  /// What links carry beside each bit of a message, as a share of it: the headers of packets.
  double overhead = 0;

  [[nodiscard]] double carried(double bits) const { return (1 + overhead) * bits; }
  [[nodiscard]] const Link& link(std::uint32_t n) const {
    const auto found = unlike.find(n);
    return found == unlike.end() ? worker : found->second;
  }
};

/// The network that `text` describes: a name ("lan", "wan", "lte"), three numbers ("10M/50M/40ms":
/// bits a second up and down, latency one way), or a file whose name ends in ".toml"
/// (sim/report/README.md has its keys).
///
/// Throws UsageError if the text is none of them, InputError naming file and line if the file
/// cannot be read or has something else.
[[nodiscard]] Network read_network(const std::string& text);

/// Throws InputError if the network has a link for a worker that is not one of the first `workers`,
/// those of the largest run.
void check_workers(const Network& network, std::uint32_t workers);

}  // namespace mvsgd::sim
