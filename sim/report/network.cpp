#include "sim/report/network.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <span>
#include <string_view>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;

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

/// Reads the link's keys from `table`, the table of `whose`, and passes every other key to `other`.
template <typename Other>
void read_link(const toml::table& table, const std::string& file, Link& link, const Other& other,
               std::string_view whose = "a network") {
  for (const auto& [key, node] : table) {
    const auto where = [&, &found = node] {
      return fmt::format("{}:{}", file, found.source().begin.line);
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
      throw UsageError(fmt::format("no key of {}: {}", whose, key.str()));
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
      const std::uint32_t n = worker_of(key.str());
      if (own == nullptr) throw UsageError(fmt::format("worker.{}: a table is wanted", n));
      const auto [link, is_new] = network.unlike.emplace(n, network.worker);
      if (!is_new) throw UsageError(fmt::format("worker.{}: worker {} has a link", key.str(), n));
      read_link(
          *own, file, link->second, [](std::string_view, const toml::node&) { return false; },
          "a worker");
    } catch (const UsageError& e) {
      throw InputError(fmt::format("{}:{}: {}", file, node.source().begin.line, e.what()));
    }
  }
  return network;
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

void check_workers(const Network& network, std::uint32_t workers) {
  if (network.unlike.empty()) return;
  const std::uint32_t last = network.unlike.rbegin()->first;
  if (last < workers) return;
  throw InputError(fmt::format("{}: worker.{}: no run has it; their workers are 0 to {}",
                               network.name, last, workers - 1));
}

}  // namespace mvsgd::sim
