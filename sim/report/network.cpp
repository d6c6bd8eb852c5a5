#include "sim/report/network.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <ostream>
#include <string_view>
#include <utility>

#include "nn/resnet18.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"
#include "sim/text/text_table.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using comm::Kind;

struct Named {
  std::string_view name;
  Link link;
};

// Round figures for such links, not measurements.
const std::array<Named, 3>& named_networks() {
  static const std::array<Named, 3> networks = {{
      {"lan", {.rate = {1e9, 1e9}, .latency = 0.0002}},
      {"wan", {.rate = {100e6, 100e6}, .latency = 0.03}},
      {"lte", {.rate = {10e6, 50e6}, .latency = 0.04}},
  }};
  return networks;
}

/// A number and its unit; none if the text is not one above 0 with a unit among `units`.
struct Unit {
  std::string_view name;
  double factor;
};
std::optional<double> quantity_of(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto unit = std::ranges::find(units, rest, &Unit::name);
  if (unit == units.end()) return std::nullopt;
  return number * unit->factor;
}

constexpr double kMostRate = 1e15;  // bits a second

double rate_of(std::string_view key, std::string_view text) {
  constexpr std::array<Unit, 4> kUnits = {{{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}}};
  const auto rate = quantity_of(text, kUnits);
  if (!rate || *rate < 1 || *rate > kMostRate) {
    throw UsageError(fmt::format(
        "{} = {}: a rate from 1 to 1e15 bits a second is wanted, as 500k, 10M or 1G", key, text));
  }
  return *rate;
}

double latency_of(std::string_view key, std::string_view text) {
  constexpr std::array<Unit, 3> kUnits = {{{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}}};
  const auto seconds = quantity_of(text, kUnits);
  if (!seconds || *seconds < 0 || *seconds > 3600) {
    throw UsageError(fmt::format(
        "{} = {}: a latency from 0s to 3600s is wanted, as 200us, 40ms or 1s", key, text));
  }
  return *seconds;
}

double overhead_of(std::string_view text) {
  constexpr std::array<Unit, 1> kUnits = {{{"%", 0.01}}};
  const auto share = quantity_of(text, kUnits);
  if (!share || *share < 0 || *share > 10) {
    throw UsageError(
        fmt::format("overhead = {}: from 0% to 1000% of the bits is wanted, as 4.6%", text));
  }
  return *share;
}

/// Reads the link's keys from `table` and passes every other key to `other`.
template <typename Other>
void read_link(const toml::table& table, const std::string& file, Link& link, const Other& other) {
  for (const auto& [key, node] : table) {
    const auto where = [&, &node = node] {
      return fmt::format("{}:{}", file, node.source().begin.line);
    };
    try {
      if (other(key.str(), node)) continue;
      const auto text = node.template value_exact<std::string>();
      if (key == "up" || key == "down" || key == "latency") {
        if (!text) throw UsageError(fmt::format("{}: text in quotes is wanted", key.str()));
        if (key == "latency") {
          link.latency = latency_of(key.str(), *text);
        } else {
          link.rate[key == "up" ? Direction::up : Direction::down] = rate_of(key.str(), *text);
        }
        continue;
      }
      throw UsageError(fmt::format("no key of a network: {}", key.str()));
    } catch (const UsageError& e) {
      throw InputError(fmt::format("{}: {}", where(), e.what()));
    }
  }
}

std::uint32_t worker_of(std::string_view text) {
  std::uint32_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UsageError(fmt::format("worker.{}: the number of a worker is wanted", text));
  }
  return n;
}

Network network_of_file(const std::string& file) {
  std::ifstream in = open_plain(file);
  toml::table table;
  try {
    table = toml::parse(in, file);
  } catch (const toml::parse_error& e) {
    throw InputError(fmt::format("{}:{}: {}", file, e.source().begin.line, e.description()));
  }
  Network network{.name = file, .worker = {}, .unlike = {}, .server = {}, .overhead = 0};
  const toml::table* workers = nullptr;
  read_link(table, file, network.worker, [&](std::string_view key, const toml::node& node) {
    if (key == "worker") {
      workers = node.as_table();
      if (workers == nullptr) throw UsageError("worker: tables as [worker.3] are wanted");
      return true;
    }
    if (key != "server_up" && key != "server_down" && key != "overhead") return false;
    const auto text = node.value_exact<std::string>();
    if (!text) throw UsageError(fmt::format("{}: text in quotes is wanted", key));
    if (key == "overhead") {
      network.overhead = overhead_of(*text);
      return true;
    }
    network.server[key == "server_up" ? Direction::up : Direction::down] = rate_of(key, *text);
    return true;
  });
  if (workers == nullptr) return network;
  for (const auto& [key, node] : *workers) {
    const toml::table* const own = node.as_table();
    try {
      if (own == nullptr) throw UsageError("a table is wanted");
      const std::uint32_t n = worker_of(key.str());
      const auto [link, is_new] = network.unlike.emplace(n, network.worker);
      if (!is_new) throw UsageError(fmt::format("worker.{}: worker {} has a link", key.str(), n));
      read_link(*own, file, link->second,
                [](std::string_view, const toml::node&) { return false; });
    } catch (const UsageError& e) {
      throw InputError(fmt::format("{}:{}: {}", file, node.source().begin.line, e.what()));
    }
  }
  return network;
}

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

/// The loads of round 0 and of every round that has ended.
std::vector<RoundLoad> loads_of(const RunWithRows& run) {
  const RunHistory& history = run.history;
  const Settings& settings = history.settings;
  check_rows(run);
  const Dimensions of_run = dimensions(settings, network_layers(settings), 0);
  const std::vector<Round> rounds = schedule(settings, training_images(settings));
  std::vector<RoundLoad> loads;
  auto row = run.rows.begin();
  const auto add = [&](const Round& round, double compute) {
    RoundLoad load{.compute = compute, .legs = {}};
    const std::vector<Leg> of_round = legs(round_shape(settings, of_run, round));
    for (const Leg& leg : of_round) {
      load.legs.push_back({.way = leg.way, .bits = std::vector<double>(settings.workers)});
    }
    const std::vector<std::uint32_t> all = participants(settings, Round());
    const std::vector<std::uint32_t> taking = participants(settings, round);
    std::vector<std::uint32_t> absent;
    std::ranges::set_difference(all, taking, std::back_inserter(absent));
    for (; row != run.rows.end() && row->id.round == round.t; ++row) {
      for (std::size_t i = 0; i < of_round.size(); ++i) {
        if (of_round[i].way != row->id.direction) continue;
        if (std::ranges::find(of_round[i].kinds, row->id.kind) == of_round[i].kinds.end()) continue;
        const bool is_for_absent =
            settings.reduces() && row->id.kind == Kind::aggregate && round.absent > 0;
        add_row(*row, settings.ledger_rows,
                is_for_absent                          ? absent
                : row->id.direction == Direction::down ? all
                                                       : taking,
                load.legs[i].bits);
      }
    }
    loads.push_back(std::move(load));
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

Network read_network(const std::string& text) {
  for (const Named& one : named_networks()) {
    if (one.name == text)
      return {.name = text, .worker = one.link, .unlike = {}, .server = {}, .overhead = 0};
  }
  if (text.ends_with(".toml")) return network_of_file(text);
  const std::size_t first = text.find('/');
  const std::size_t second = first == std::string::npos ? first : text.find('/', first + 1);
  if (second == std::string::npos) {
    throw UsageError(fmt::format(
        "--network {}: lan, wan, lte, UP/DOWN/LATENCY as 10M/50M/40ms, or a .toml file is wanted",
        text));
  }
  const std::string_view all = text;
  try {
    return {.name = text,
            .worker = {.rate = {rate_of("up", all.substr(0, first)),
                                rate_of("down", all.substr(first + 1, second - first - 1))},
                       .latency = latency_of("latency", all.substr(second + 1))},
            .unlike = {},
            .server = {},
            .overhead = 0};
  } catch (const UsageError& e) {
    throw UsageError(fmt::format("--network {}: {}", text, e.what()));
  }
}

void check_workers(const Network& network, std::span<const RunWithRows> runs) {
  if (network.unlike.empty()) return;
  std::uint32_t most = 0;
  for (const RunWithRows& run : runs) most = std::max(most, run.history.settings.workers);
  const std::uint32_t last = network.unlike.rbegin()->first;
  if (last < most) return;
  throw InputError(fmt::format("{}: worker.{}: no run has it; their workers are 0 to {}",
                               network.name, last, most - 1));
}

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
