#include "sim/report/seed_groups.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <utility>

namespace mvsgd::sim {
namespace {

constexpr std::size_t kCurvePoints = 200;

constexpr std::array kQuantities{
    Quantity{"test_accuracy", "test accuracy",
             [](const RoundMetrics& m) { return m.test_accuracy; }},
    Quantity{"loss", "training loss",
             [](const RoundMetrics& m) -> std::optional<double> { return m.loss; }},
    Quantity{"vote_agreement", "share of votes for what the mask keeps",
             [](const RoundMetrics& m) { return m.vote_agreement; }},
    Quantity{"mask_overlap", "overlap of successive masks",
             [](const RoundMetrics& m) { return m.mask_overlap; }},
    Quantity{"vote_overlap", "overlap of a worker's successive votes",
             [](const RoundMetrics& m) { return m.vote_overlap; }},
    Quantity{"test_loss", "test loss", [](const RoundMetrics& m) { return m.test_loss; }},
    Quantity{"learning_rate", "learning rate",
             [](const RoundMetrics& m) -> std::optional<double> { return m.learning_rate; }}};

/// The keys that part groups: not the seed, and not what changes no bit.
std::vector<std::pair<std::string_view, std::string>> essence(const Settings& settings) {
  std::vector<std::pair<std::string_view, std::string>> values;
  for (const Key& key : keys()) {
    if (key.name == "seed" || changes_no_bit(key.name)) continue;
    values.emplace_back(key.name, key.get(settings));
  }
  return values;
}

std::string preset_of(const RunGroup& group) {
  const std::string& name = group.runs.front().settings.preset;
  return name.empty() ? "run" : name;
}

/// The preset's name and the keys that part the group from others of that preset: each only if
/// those before it have not done so already.
std::string label_of(const RunGroup& group, const std::vector<RunGroup>& groups) {
  const auto own = essence(group.runs.front().settings);
  std::vector<std::vector<std::pair<std::string_view, std::string>>>
      same;  // as far as the label goes
  for (const RunGroup& other : groups) {
    if (preset_of(other) == preset_of(group)) same.push_back(essence(other.runs.front().settings));
  }
  std::string label = preset_of(group);
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (std::erase_if(same, [&](const auto& other) { return other[i] != own[i]; }) > 0) {
      label += fmt::format(", {} = {}", own[i].first, own[i].second);
    }
  }
  return label;
}

/// The `part`-th of `parts` runs of equal length, as good as it goes, that [0, size) is cut into.
std::pair<std::size_t, std::size_t> cut(std::size_t size, std::size_t parts, std::size_t part) {
  return {size * part / parts, size * (part + 1) / parts};
}

}  // namespace

std::vector<RunGroup> group_runs(std::vector<RunHistory> runs) {
  std::vector<RunGroup> groups;
  for (RunHistory& run : runs) {
    const auto same = [&](const RunGroup& group) {
      const Settings& settings = group.runs.front().settings;
      return settings.preset == run.settings.preset && essence(settings) == essence(run.settings);
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
  for (RunGroup& group : groups) {
    std::ranges::sort(group.runs, {}, [](const RunHistory& run) { return run.settings.seed; });
    group.label = label_of(group, groups);
  }
  return groups;
}

std::span<const Quantity> quantities() { return kQuantities; }

const Quantity& quantity(std::string_view name) {
  const auto found = std::ranges::find(kQuantities, name, &Quantity::name);
  if (found == kQuantities.end()) throw std::out_of_range(fmt::format("no quantity '{}'", name));
  return *found;
}

std::vector<CurvePoint> curve(const RunGroup& group, const Quantity& quantity) {
  // By round: runs of a group have one schedule.
  std::map<std::uint32_t, std::vector<std::pair<std::size_t, const RoundMetrics*>>> rounds;
  for (std::size_t r = 0; r < group.runs.size(); ++r) {
    for (const RoundMetrics& metrics : group.runs[r].rounds) {
      if (quantity.of(metrics)) rounds[metrics.round].emplace_back(r, &metrics);
    }
  }
  std::vector<CurvePoint> points;
  const std::size_t parts = std::min(rounds.size(), kCurvePoints);
  auto at = rounds.begin();
  for (std::size_t part = 0; part < parts; ++part) {
    const auto [begin, end] = cut(rounds.size(), parts, part);
    CurvePoint point;
    std::vector<std::vector<double>> values(group.runs.size());
    double count = 0;
    for (std::size_t i = begin; i < end; ++i, ++at) {
      for (const auto& [r, metrics] : at->second) {
        values[r].push_back(*quantity.of(*metrics));
        point.round += metrics->round;
        point.epoch += metrics->epoch;
        point.bits += static_cast<double>(metrics->bits.count());
        point.uplink += static_cast<double>(metrics->uplink.count());
        point.seconds += metrics->seconds;
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

std::vector<KeptShare> kept_shares(const RunGroup& group) {
  std::vector<KeptShare> shares;
  double masks = 0;
  for (const RunHistory& run : group.runs) {
    const auto last = std::find_if(run.rounds.rbegin(), run.rounds.rend(),
                                   [](const RoundMetrics& m) { return !m.kept.empty(); });
    if (last == run.rounds.rend()) continue;
    ++masks;
    shares.resize(last->kept.size());
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const LayerShare& layer = last->kept[i];
      shares[i].layer = layer.layer;
      shares[i].share += static_cast<double>(layer.kept) / static_cast<double>(layer.coordinates);
    }
  }
  for (KeptShare& share : shares) share.share /= masks;
  return shares;
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

void write_csv(std::ostream& out, std::span<const RunGroup> groups) {
  fmt::print(out, "group,seed,round,epoch,bits,seconds,quantity,value\n");
  for (const RunGroup& group : groups) {
    for (const RunHistory& run : group.runs) {
      const std::string start = fmt::format("{},{}", csv_cell(group.label), run.settings.seed);
      const auto row = [&](const RoundMetrics& m, std::string_view name, auto value) {
        fmt::print(out, "{},{},{},{},{},{},{}\n", start, m.round, m.epoch, m.bits.count(),
                   m.seconds, name, value);
      };
      for (const RoundMetrics& m : run.rounds) {
        for (const Quantity& q : quantities()) {
          if (const auto value = q.of(m)) row(m, q.name, *value);
        }
        for (const LayerShare& share : m.kept) row(m, "kept_by_layer/" + share.layer, share.kept);
      }
      if (run.rounds.empty()) continue;
      const RoundMetrics& last = run.rounds.back();
      for (const auto direction : {comm::Direction::up, comm::Direction::down}) {
        for (std::size_t f = 0; f < comm::kFields; ++f) {
          const auto field = static_cast<comm::Field>(f);
          row(last, fmt::format("bits_{}/{}", comm::name(direction), comm::name(field)),
              run.bits[static_cast<std::size_t>(direction)][field].count());
        }
      }
      if (!run.end) continue;
      const Rates& rates = run.end->rates;
      for (const auto& [name, rate] :
           {std::pair{"rate_uplink", rates.uplink}, std::pair{"rate_both_ways", rates.both_ways},
            std::pair{"rate_run_uplink", rates.run_uplink},
            std::pair{"rate_run_both_ways", rates.run_both_ways}}) {
        if (rate) row(last, name, *rate);
      }
    }
  }
}

}  // namespace mvsgd::sim
