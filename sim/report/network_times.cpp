#include "sim/report/network_times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"
#include "sim/text/text_table.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using comm::Kind;

/// What a round demands of machines and links.
struct RoundLoad {
  struct LegLoad {
    Direction way{};
    std::vector<double> bits;  ///< of all messages of the leg, by worker
  };
  double compute = 0;  ///< seconds
  std::vector<LegLoad> legs;
};

/// Adds the row's bits to its worker's. A sum over workers is divided equally among `those`.
void add_row(const comm::LedgerRow& row, LedgerRows which, std::span<const std::uint32_t> those,
             std::vector<double>& bits) {
  const auto count = static_cast<double>(row.bits.count());
  if (which == LedgerRows::worker) {
    bits.at(row.id.worker) += count;
  } else {
    for (const std::uint32_t n : those) bits.at(n) += count / static_cast<double>(those.size());
  }
}

/// Rows lie in the order of their rounds, and each is of one of the run's workers.
void check_rows(const RunWithRows& run) {
  const std::uint32_t workers = run.history.settings.workers;
  std::uint32_t round = 0;
  for (std::size_t i = 0; i < run.rows.size(); ++i) {
    const comm::MessageId& id = run.rows[i].id;
    const auto refuse = [&](const std::string& what) {
      const std::string file = (run.history.path / "ledger.csv").string();
      throw InputError(fmt::format("{}:{}: {}", file, i + 2, what));  // line 1 is the head
    };
    if (id.worker >= workers) refuse(fmt::format("worker {} in a run of {}", id.worker, workers));
    if (id.round < round) refuse(fmt::format("round {} after round {}", id.round, round));
    round = id.round;
  }
}

/// The numbers of `all` that are not in `some`, of which each is in increasing order.
std::vector<std::uint32_t> without(std::span<const std::uint32_t> all,
                                   std::span<const std::uint32_t> some) {
  std::vector<std::uint32_t> others;
  std::ranges::set_difference(all, some, std::back_inserter(others));
  return others;
}

/// Whose messages a ledger's row counts in a round.
class Senders {
 public:
  Senders(const Settings& settings, const Round& round)
      : all_(participants(settings, Round())),
        taking_(participants(settings, round)),
        absent_(without(all_, taking_)),
        sums_are_for_absent_(settings.reduces() && !absent_.empty()) {}
  [[nodiscard]] std::span<const std::uint32_t> of(const comm::MessageId& id) const {
    if (id.direction != Direction::down) return taking_;
    return sums_are_for_absent_ && id.kind == Kind::aggregate ? absent_ : all_;
  }

 private:
  std::vector<std::uint32_t> all_;
  std::vector<std::uint32_t> taking_;
  std::vector<std::uint32_t> absent_;
  bool sums_are_for_absent_;
};

/// The load of a round with these rows of the ledger.
RoundLoad load_of(const Settings& settings, const RoundShape& shape, const Round& round,
                  double compute, std::span<const comm::LedgerRow> rows) {
  RoundLoad load{.compute = compute, .legs = {}};
  const std::vector<Leg> of_round = legs(shape);
  for (const Leg& leg : of_round) {
    load.legs.push_back({.way = leg.way, .bits = std::vector<double>(settings.workers)});
  }
  const Senders senders(settings, round);
  for (const comm::LedgerRow& row : rows) {
    for (std::size_t i = 0; i < of_round.size(); ++i) {
      if (of_round[i].way != row.id.direction) continue;
      if (std::ranges::find(of_round[i].kinds, row.id.kind) == of_round[i].kinds.end()) continue;
      add_row(row, settings.ledger_rows, senders.of(row.id), load.legs[i].bits);
    }
  }
  return load;
}

/// The loads of round 0 and of every round that has ended.
std::vector<RoundLoad> loads_of(const RunWithRows& run) {
  const RunHistory& history = run.history;
  const Settings& settings = history.settings;
  check_rows(run);
  const Dimensions of_run = dimensions(settings, network_layers(settings), 0);
  const std::vector<Round> rounds = schedule(settings, training_images(settings));
  std::vector<RoundLoad> loads;
  auto begin = run.rows.begin();
  const auto add = [&](const Round& round, double compute) {
    const auto end = std::find_if(
        begin, run.rows.end(), [&](const comm::LedgerRow& row) { return row.id.round != round.t; });
    loads.push_back(load_of(settings, round_shape(settings, of_run, round), round, compute,
                            std::span(begin, end)));
    begin = end;
  };
  add({}, 0);
  for (const RoundHistory& done : history.rounds) {
    if (done.rounds) {
      throw InputError(
          fmt::format("{}: a condensed run has no bits of each round", history.path.string()));
    }
    if (done.round > rounds.size()) {
      throw InputError(fmt::format("{}: round {} in a run of {}",
                                   (history.path / "metrics.jsonl").string(), done.round,
                                   rounds.size()));
    }
    const Phases& cpu = done.phases;
    const Round& round = rounds[done.round - 1];
    const std::uint32_t taking = settings.workers - round.absent;
    add(round, (cpu.local_steps + cpu.vote + cpu.exchange) / taking + cpu.server);
  }
  return loads;
}

/// The seconds between the sending of a leg's first message and the arrival of its last.
double leg_seconds(const Network& network, Direction way, std::span<const double> bits) {
  double slowest = 0;
  double sum = 0;
  double latency = std::numeric_limits<double>::infinity();
  for (std::uint32_t n = 0; n < bits.size(); ++n) {
    if (bits[n] == 0) continue;  // sends nothing
    const Link& link = network.link(n);
    const double carried = network.carried(bits[n]);
    slowest = std::max(slowest, link.latency + carried / link.rate[way]);
    latency = std::min(latency, link.latency);
    sum += carried;
  }
  if (sum == 0) return 0;
  // What the workers send up is the server's downlink.
  const auto shared = network.server[way == Direction::up ? Direction::down : Direction::up];
  return shared ? std::max(slowest, latency + sum / *shared) : slowest;
}

/// The seconds that blocks take around a ring of those workers that send any: as many steps as each
/// sends messages, and a step takes as long as its slowest message from a worker to the next.
double ring_seconds(const Network& network, std::span<const double> bits) {
  std::vector<std::uint32_t> ring;
  for (std::uint32_t n = 0; n < bits.size(); ++n) {
    if (bits[n] > 0) ring.push_back(n);
  }
  if (ring.empty()) return 0;
  const auto steps = static_cast<double>(2 * (ring.size() - 1));
  double slowest = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const Link& from = network.link(ring[i]);
    const Link& to = network.link(ring[(i + 1) % ring.size()]);
    const double rate = std::min(from.rate[Direction::up], to.rate[Direction::down]);
    const double carried = network.carried(bits[ring[i]] / steps);
    slowest = std::max(slowest, from.latency + to.latency + carried / rate);
  }
  return steps * slowest;
}

Network scaled(const Network& network, double factor) {
  Network other = network;
  const auto scale = [&](Link& link) {
    for (const Direction way : comm::kServerDirections) link.rate[way] *= factor;
  };
  scale(other.worker);
  for (auto& [n, link] : other.unlike) scale(link);
  for (const Direction way : comm::kServerDirections) {
    if (other.server[way]) *other.server[way] *= factor;
  }
  return other;
}

std::string seconds_text(double seconds) { return fmt::format("{:.4g} s", seconds); }

NetworkTime time_of(const RoundLoad& load, const Network& network) {
  NetworkTime time{.compute = load.compute, .network = 0};
  for (const RoundLoad::LegLoad& leg : load.legs) {
    time.network += leg.way == Direction::across ? ring_seconds(network, leg.bits)
                                                 : leg_seconds(network, leg.way, leg.bits);
  }
  return time;
}

NetworkTime time_of(std::span<const RoundLoad> loads, const Network& network) {
  NetworkTime sum;
  for (const RoundLoad& load : loads) {
    const NetworkTime time = time_of(load, network);
    sum.compute += time.compute;
    sum.network += time.network;
  }
  return sum;
}

}  // namespace

std::vector<Leg> legs(const RoundShape& shape) {
  Leg first{.way = Direction::up, .kinds = {}};
  Leg mask{.way = Direction::down, .kinds = {}};
  Leg values{.way = Direction::up, .kinds = {}};
  Leg ring{.way = Direction::across, .kinds = {}};
  Leg aggregate{.way = Direction::down, .kinds = {}};
  Leg buffers{.way = Direction::up, .kinds = {}};
  bool waits_for_mask = false;
  for (const MessageShape& message : shape) {
    if (message.kind == Kind::mask) waits_for_mask = message.counted_by != CountedBy::supports;
  }
  for (const MessageShape& message : shape) {
    const Kind kind = message.kind;
    if (message.way == Direction::across) {
      ring.kinds.push_back(kind);
    } else if (message.way == Direction::down) {
      (kind == Kind::mask && waits_for_mask ? mask : aggregate).kinds.push_back(kind);
    } else if (kind == Kind::buffers) {
      buffers.kinds.push_back(kind);
    } else {
      (kind == Kind::update && waits_for_mask ? values : first).kinds.push_back(kind);
    }
  }
  std::vector<Leg> all;
  for (Leg* const leg : {&first, &mask, &values, &ring, &aggregate, &buffers}) {
    if (!leg->kinds.empty()) all.push_back(std::move(*leg));
  }
  return all;
}

std::vector<NetworkTime> network_times(const RunWithRows& run, const Network& network) {
  std::vector<NetworkTime> times;
  for (const RoundLoad& load : loads_of(run)) times.push_back(time_of(load, network));
  return times;
}

NetworkTime dense_network_time(const RunWithRows& run, const Network& network) {
  const RunHistory& history = run.history;
  const Settings& settings = history.settings;
  const auto d =
      static_cast<std::uint64_t>(nn::resnet18_parameters({.width = settings.width}).size());
  const auto message = static_cast<double>(32 * d + comm::kHeaderBits.count());
  const std::vector<double> bits(settings.workers, message);
  const auto seconds_of_step = [&](std::span<const double> of) {
    double step = 0;
    for (const Direction way : comm::kServerDirections) step += leg_seconds(network, way, of);
    return step;
  };
  const double step_of_all = seconds_of_step(bits);
  NetworkTime time;
  time.network = leg_seconds(network, Direction::down, bits);  // the initial model
  const std::vector<Round> rounds = schedule(settings, training_images(settings));
  for (const RoundHistory& done : history.rounds) {
    const Round& round = rounds.at(done.round - 1);
    double step = step_of_all;
    if (round.absent > 0) {
      std::vector<double> some(settings.workers);
      for (const std::uint32_t n : participants(settings, round)) some[n] = message;
      step = seconds_of_step(some);
    }
    time.compute += done.phases.local_steps / (settings.workers - round.absent);
    time.network += step * static_cast<double>(done.local_steps);
  }
  return time;
}

void move_to(const Network& network, RunWithRows& run) {
  const std::vector<NetworkTime> times = network_times(run, network);
  double seconds = times.front().total();
  for (std::size_t i = 0; i < run.history.rounds.size(); ++i) {
    seconds += times[i + 1].total();
    run.history.rounds[i].seconds = seconds;
  }
}

namespace {

double break_even_of(std::span<const RoundLoad> loads, const RunWithRows& run,
                     const Network& network) {
  const auto is_faster = [&](double factor) {
    const Network other = scaled(network, factor);
    return time_of(loads, other).total() < dense_network_time(run, other).total();
  };
  double low = 1e-6;
  double high = 1e6;
  if (is_faster(high)) return std::numeric_limits<double>::infinity();
  if (!is_faster(low)) return 0;
  while (high / low > 1.0001) {
    const double middle = std::sqrt(low * high);
    (is_faster(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace

double break_even(const RunWithRows& run, const Network& network) {
  return break_even_of(loads_of(run), run, network);
}

void write_network_table(std::ostream& out, std::span<const RunWithRows> runs,
                         const Network& network) {
  std::vector<std::vector<std::string>> lines{
      {"run", "computing", "network", "together", "dense SGD", "uplink below which it is faster"}};
  for (const RunWithRows& run : runs) {
    const std::vector<RoundLoad> loads = loads_of(run);
    const NetworkTime of_run = time_of(loads, network);
    const double factor = break_even_of(loads, run, network);
    const double uplink = factor * network.link(0).rate[Direction::up];
    lines.push_back(
        {run.history.path.string(), seconds_text(of_run.compute), seconds_text(of_run.network),
         seconds_text(of_run.total()), seconds_text(dense_network_time(run, network).total()),
         factor == 0          ? "none"
         : uplink > kMostRate ? "any"
                              : amount(comm::Bits(static_cast<std::uint64_t>(uplink))) + "/s"});
  }
  write_text_table(out, lines, "<>>>>>");
}

}  // namespace mvsgd::sim
