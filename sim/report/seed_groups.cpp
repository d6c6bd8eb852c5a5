#include "sim/report/seed_groups.hpp"
#include "sim/plan/keys.hpp"
#include "sim/train/backends.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>

namespace mvsgd::sim {
namespace {

constexpr std::size_t kCurvePoints = 200;

/// The keys that distinguish groups: all but the seed and the keys that change no bit.
std::vector<std::pair<std::string_view, std::string>> parting_keys(const Settings& settings) {
  std::vector<std::pair<std::string_view, std::string>> values;
  for (const Key& key : keys()) {
    if (key.name == "seed" || changes_no_bit(settings, key.name)) continue;
    values.emplace_back(key.name, key.get(settings));
  }
  return values;
}

std::string preset_of(const SeedGroup& group) {
  const std::string& name = group.runs.front().settings.preset;
  return name.empty() ? "run" : name;
}

/// The preset's name, then the keys that distinguish the group from others of that preset. A key is
/// left out if those before it suffice.
std::string label_of(const SeedGroup& group, const std::vector<SeedGroup>& groups) {
  const auto own = parting_keys(group.runs.front().settings);
  std::vector<std::vector<std::pair<std::string_view, std::string>>>
      same;  // as far as the label goes
  for (const SeedGroup& other : groups) {
    if (preset_of(other) == preset_of(group))
      same.push_back(parting_keys(other.runs.front().settings));
  }
  std::string label = preset_of(group);
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (std::erase_if(same, [&](const auto& other) { return other[i] != own[i]; }) > 0) {
      label += fmt::format(", {} = {}", own[i].first, own[i].second);
    }
  }
  return label;
}

/// The bounds of part `part` when [0, size) is cut into `parts` parts of nearly equal length.
std::pair<std::size_t, std::size_t> cut(std::size_t size, std::size_t parts, std::size_t part) {
  return {size * part / parts, size * (part + 1) / parts};
}

/// A number of the run with this index in the group.
struct Reading {
  std::size_t run = 0;
  const RoundHistory* round = nullptr;
  double value = 0;
};
/// By round, since the runs of a group have the same schedule.
using Readings = std::map<std::uint32_t, std::vector<Reading>>;

/// One point for each round, or for each of so many parts of nearly as many rounds.
std::vector<CurvePoint> points_of(const Readings& rounds, std::size_t runs) {
  std::vector<CurvePoint> points;
  const std::size_t parts = std::min(rounds.size(), kCurvePoints);
  auto at = rounds.begin();
  for (std::size_t part = 0; part < parts; ++part) {
    const auto [begin, end] = cut(rounds.size(), parts, part);
    CurvePoint point;
    std::vector<std::vector<double>> values(runs);
    double count = 0;
    for (std::size_t i = begin; i < end; ++i, ++at) {
      for (const Reading& reading : at->second) {
        values[reading.run].push_back(reading.value);
        point.round += reading.round->round;
        point.epoch += reading.round->epoch;
        point.bits += static_cast<double>(reading.round->bits.count());
        point.uplink += static_cast<double>(reading.round->uplink.count());
        point.seconds += reading.round->seconds;
        ++count;
      }
    }
    for (double* place : {&point.round, &point.epoch, &point.bits, &point.uplink, &point.seconds}) {
      *place /= count;
    }
    std::vector<double> means;
    for (const std::vector<double>& own : values) {
      if (!own.empty()) means.push_back(sample(own).mean);
    }
    point.value = sample(means);
    points.push_back(point);
  }
  return points;
}

/// The round of a line of worker_metrics.jsonl. Null: its line of metrics.jsonl is still to come.
const RoundHistory* round_of(const RunHistory& run, const WorkerMetrics& line) {
  const auto found = std::ranges::lower_bound(run.rounds, line.round, {}, &RoundHistory::round);
  return found == run.rounds.end() ? nullptr : &*found;
}

/// The shares in the last line of each run that has them.
std::vector<KeptShare> last_shares(const SeedGroup& group,
                                   std::vector<LayerShare> RoundMetrics::*of) {
  std::vector<KeptShare> shares;
  double runs = 0;
  for (const RunHistory& run : group.runs) {
    const auto last = std::find_if(run.rounds.rbegin(), run.rounds.rend(),
                                   [&](const RoundHistory& m) { return !(m.*of).empty(); });
    if (last == run.rounds.rend()) continue;
    ++runs;
    const std::vector<LayerShare>& layers = (*last).*of;
    shares.resize(layers.size());
    for (std::size_t i = 0; i < shares.size(); ++i) {
      shares[i].layer = layers[i].layer;
      shares[i].share +=
          static_cast<double>(layers[i].kept) / static_cast<double>(layers[i].coordinates);
    }
  }
  for (KeptShare& share : shares) share.share /= runs;
  return shares;
}

}  // namespace

std::vector<SeedGroup> seed_groups(std::vector<RunHistory> runs) {
  std::vector<SeedGroup> groups;
  for (RunHistory& run : runs) {
    const auto same = [&](const SeedGroup& group) {
      const Settings& settings = group.runs.front().settings;
      return settings.preset == run.settings.preset &&
             parting_keys(settings) == parting_keys(run.settings);
    };
    auto group = std::ranges::find_if(groups, same);
    if (group == groups.end()) group = groups.emplace(groups.end());
    for (const RunHistory& other : group->runs) {
      if (other.settings.seed == run.settings.seed) {
        throw UsageError(fmt::format("{} and {} have the same settings and seed",
                                     other.path.string(), run.path.string()));
      }
    }
    group->runs.push_back(std::move(run));
  }
  for (SeedGroup& group : groups) {
    std::ranges::sort(group.runs, {}, [](const RunHistory& run) { return run.settings.seed; });
    group.label = label_of(group, groups);
  }
  return groups;
}

std::vector<Metric> quantities() {
  std::vector<Metric> drawn;
  std::ranges::copy_if(metrics(), std::back_inserter(drawn),
                       [](const Metric& metric) { return metric.place > 0; });
  std::ranges::sort(drawn, {}, &Metric::place);
  return drawn;
}

Metric quantity(std::string_view name) {
  const auto all = quantities();
  const auto found = std::ranges::find(all, name, &Metric::name);
  if (found == all.end()) throw std::out_of_range(fmt::format("no quantity '{}'", name));
  return *found;
}

std::vector<CurvePoint> curve(const SeedGroup& group, const Metric& quantity) {
  Readings rounds;
  for (std::size_t r = 0; r < group.runs.size(); ++r) {
    for (const RoundHistory& line : group.runs[r].rounds) {
      const std::optional<double> value = mean_of(line, quantity);
      if (value) rounds[line.round].push_back({.run = r, .round = &line, .value = *value});
    }
  }
  return points_of(rounds, group.runs.size());
}

std::vector<CurvePoint> curve_of_ties(const SeedGroup& group) {
  Readings rounds;
  for (std::size_t r = 0; r < group.runs.size(); ++r) {
    for (const WorkerMetrics& line : group.runs[r].by_worker) {
      const RoundHistory* const round = round_of(group.runs[r], line);
      if (round == nullptr || !line.tied) continue;
      rounds[line.round].push_back({.run = r, .round = round, .value = *line.tied});
    }
  }
  return points_of(rounds, group.runs.size());
}

std::vector<CurvePoint> curve_of_workers(const SeedGroup& group, const WorkerMetric& quantity) {
  // By round, as the runs' means; the runs of a group have the same schedule.
  struct Found {
    double epoch = 0;
    std::vector<double> means;
    std::vector<double> all;
  };
  std::map<std::uint32_t, Found> rounds;
  for (const RunHistory& run : group.runs) {
    for (const WorkerMetrics& line : run.by_worker) {
      std::vector<double> values;
      for (const auto& value : line.*quantity.of) {
        if (value) values.push_back(*value);
      }
      if (values.empty()) continue;
      Found& found = rounds[line.round];
      found.epoch = line.epoch;
      found.means.push_back(sample(values).mean);
      found.all.insert(found.all.end(), values.begin(), values.end());
    }
  }
  std::vector<CurvePoint> points;
  for (const auto& [round, found] : rounds) {
    const auto [least, most] = std::ranges::minmax(found.all);
    CurvePoint point;
    point.round = round;
    point.epoch = found.epoch;
    point.value = sample(found.means);
    point.ends = {least, most};
    points.push_back(point);
  }
  return points;
}

std::vector<KeptShare> kept_shares(const SeedGroup& group) {
  return last_shares(group, &RoundMetrics::kept);
}

std::vector<KeptShare> in_masks_shares(const SeedGroup& group) {
  return last_shares(group, &RoundMetrics::in_masks);
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void write_csv(std::ostream& out, std::span<const SeedGroup> groups) {
  fmt::print(out, "group,seed,round,epoch,bits,seconds,quantity,value\n");
  const std::vector<Metric> drawn = quantities();
  for (const SeedGroup& group : groups) {
    for (const RunHistory& run : group.runs) {
      const std::string start = fmt::format("{},{}", csv_cell(group.label), run.settings.seed);
      const auto row = [&](const RoundHistory& m, std::string_view name, auto value) {
        fmt::print(out, "{},{},{},{},{},{},{}\n", start, m.round, m.epoch, m.bits.count(),
                   m.seconds, name, value);
      };
      for (const RoundHistory& m : run.rounds) {
        for (const Metric& q : drawn) {
          if (const auto value = q.of(m)) row(m, q.name, *value);
        }
        for (const LayerShare& share : m.kept) row(m, "kept_by_layer/" + share.layer, share.kept);
        for (const LayerShare& share : m.in_masks) {
          row(m, "in_masks_by_layer/" + share.layer, share.kept);
        }
      }
      for (const WorkerMetrics& line : run.by_worker) {
        const RoundHistory* const m = round_of(run, line);
        if (m == nullptr) continue;
        for (const WorkerMetric& of : worker_metrics()) {
          for (std::size_t n = 0; n < (line.*of.of).size(); ++n) {
            const auto& value = (line.*of.of)[n];
            if (value) row(*m, fmt::format("{}/worker-{}", of.name, n), *value);
          }
        }
        if (line.tied) row(*m, kTied, *line.tied);
      }
      if (run.rounds.empty()) continue;
      const RoundHistory& last = run.rounds.back();
      for (const comm::Direction direction : comm::kAllDirections) {
        const bool across = direction == comm::Direction::across;
        if (across && run.bits[direction].total() == comm::Bits(0)) continue;
        for (const comm::Field field : comm::kAllFields) {
          row(last, fmt::format("bits_{}/{}", comm::name(direction), comm::name(field)),
              run.bits[direction][field].count());
        }
      }
      if (!run.end) continue;
      for (const auto& [name, rate] : kRates) {
        if (const auto value = run.end->rates.*rate) row(last, name, *value);
      }
    }
  }
}

}  // namespace mvsgd::sim
