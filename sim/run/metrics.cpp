#include "sim/run/metrics.hpp"

#include <array>
#include <concepts>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "sim/files/json.hpp"

namespace mvsgd::sim {
namespace {

using nlohmann::ordered_json;

// How a line holds a member of each type. Empty members are left out.

void put(ordered_json& line, const std::string& name, const comm::Bits& bits) {
  line[name] = bits.count();
}

void put(ordered_json& line, const std::string& name, const std::vector<LayerShare>& shares) {
  if (shares.empty()) return;
  ordered_json kept = ordered_json::object();
  for (const LayerShare& share : shares) kept[share.layer] = share.kept;
  line[name] = std::move(kept);
}

void put(ordered_json& line, const std::string& name, const Phases& phases) {
  ordered_json seconds = ordered_json::object();
  for (const Phase& phase : kPhases) seconds[std::string(phase.name)] = phases.*phase.seconds;
  line[name] = std::move(seconds);
}

template <typename Number>
requires std::is_arithmetic_v<Number>
void put(ordered_json& line, const std::string& name, Number value) { line[name] = value; }

template <typename Value>
void put(ordered_json& line, const std::string& name, const std::optional<Value>& value) {
  if (value) line[name] = *value;
}

void put(ordered_json& line, const std::string& name, const std::vector<std::uint32_t>& values) {
  if (!values.empty()) line[name] = values;
}

void put(ordered_json& line, const std::string& name, const std::string& text) {
  if (!text.empty()) line[name] = text;
}

/// Leaves the member out if there are no files: older programs wrote none.
void put(ordered_json& line, const std::string& name,
         const std::map<std::string, FileDigest>& files) {
  for (const auto& [file, digest] : files) {
    line[name][file] = {{"bytes", digest.bytes}, {"sha256", digest.sha256}};
  }
}

void put(ordered_json& line, const std::string& name,
         const std::map<std::uint32_t, std::uint32_t>& counts) {
  if (counts.empty()) return;
  ordered_json by_size = ordered_json::object();
  for (const auto& [size, count] : counts) by_size[std::to_string(size)] = count;
  line[name] = std::move(by_size);
}

void put(ordered_json& line, const std::string& name, const std::map<std::string, double>& means) {
  for (const auto& [metric, mean] : means) line[name][metric] = mean;
}

// The reading of each.

template <typename Number>
Number number_of(const ordered_json& value) {
  if constexpr (std::unsigned_integral<Number> && !std::same_as<Number, bool>) {
    return whole_number<Number>(value);
  } else {
    return value.get<Number>();
  }
}

/// Null if no member has the name, or it is null: JSON has no infinity and no NaN.
const ordered_json* find(const ordered_json& line, const std::string& name) {
  const auto found = line.find(name);
  return found == line.end() || found->is_null() ? nullptr : &*found;
}

template <typename Number>
requires std::is_arithmetic_v<Number>
void get(const ordered_json& line, const std::string& name, Number& value) {
  value = number_of<Number>(line.at(name));
}

void get(const ordered_json& line, const std::string& name, comm::Bits& bits) {
  bits = comm::Bits(whole_number<std::uint64_t>(line.at(name)));
}

template <typename Value>
void get(const ordered_json& line, const std::string& name, std::optional<Value>& value) {
  if (const auto* const found = find(line, name)) value = number_of<Value>(*found);
}

void get(const ordered_json& line, const std::string& name, std::vector<std::uint32_t>& values) {
  const auto* const found = find(line, name);
  if (found == nullptr) return;
  for (const ordered_json& value : *found) values.push_back(whole_number<std::uint32_t>(value));
}

void get(const ordered_json& line, const std::string& name,
         std::map<std::uint32_t, std::uint32_t>& counts) {
  const auto* const found = find(line, name);
  if (found == nullptr) return;
  for (const auto& [text, count] : found->items()) {
    const std::uint32_t size = whole_number<std::uint32_t>(ordered_json::parse(without_nul(text)));
    counts[size] = whole_number<std::uint32_t>(count);
  }
}

void get(const ordered_json& line, const std::string& name, std::string& text) {
  if (const auto* const found = find(line, name)) text = found->get<std::string>();
}

void get(const ordered_json& line, const std::string& name, std::vector<LayerShare>& shares) {
  const auto found = line.find(name);
  if (found == line.end()) return shares.clear();
  for (LayerShare& share : shares) {
    share.kept = whole_number<std::uint64_t>(found->at(share.layer));
  }
}

void get(const ordered_json& line, const std::string& name, Phases& phases) {
  const auto* const found = find(line, name);
  if (found == nullptr) return;
  for (const Phase& phase : kPhases) {
    phases.*phase.seconds = found->at(std::string(phase.name)).get<double>();
  }
}

void get(const ordered_json& line, const std::string& name,
         std::map<std::string, FileDigest>& files) {
  const auto* const found = find(line, name);
  if (found == nullptr) return;
  for (const auto& [file, digest] : found->items()) {
    files[file] = {.bytes = whole_number<std::uint64_t>(digest.at("bytes")),
                   .sha256 = digest.at("sha256").get<std::string>()};
  }
}

void get(const ordered_json& line, const std::string& name, std::map<std::string, double>& means) {
  const auto* const found = find(line, name);
  if (found == nullptr) return;
  for (const auto& [metric, mean] : found->items()) means[metric] = mean.get<double>();
}

// The number that a report shows for a member; none if it is not one number.

std::optional<double> number(const comm::Bits& bits) { return static_cast<double>(bits.count()); }

template <typename Number>
requires std::is_arithmetic_v<Number> std::optional<double> number(Number value) {
  return static_cast<double>(value);
}

template <typename Value>
std::optional<double> number(const std::optional<Value>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

struct Row {
  Metric metric;
  void (*put)(ordered_json& line, const std::string& name, const RoundMetrics& metrics);
  void (*get)(const ordered_json& line, const std::string& name, RoundMetrics& metrics);
};

template <auto Member>
constexpr Row row(Metric metric) {
  if constexpr (requires(const RoundMetrics& metrics) { number(metrics.*Member); }) {
    metric.of = [](const RoundMetrics& metrics) { return number(metrics.*Member); };
  }
  return {.metric = metric,
          .put = [](ordered_json& line, const std::string& name,
                    const RoundMetrics& metrics) { put(line, name, metrics.*Member); },
          .get = [](const ordered_json& line, const std::string& name,
                    RoundMetrics& metrics) { get(line, name, metrics.*Member); }};
}

using M = RoundMetrics;

constexpr std::array kRows = {
    row<&M::round>({.name = "round"}),
    row<&M::rounds>({.name = "rounds"}),
    row<&M::epoch>({.name = "epoch"}),
    row<&M::local_steps>({.name = "local_steps"}),
    row<&M::dense>({.name = "dense"}),
    row<&M::learning_rate>({.name = "learning_rate",
                            .tag = "train/learning_rate",
                            .place = 7,
                            .title = "learning rate"}),
    row<&M::loss>({.name = "loss",
                   .tag = "train/loss",
                   .place = 2,
                   .title = "training loss",
                   .drawn = Drawn::by_epoch_bits_and_seconds}),
    row<&M::images>({.name = "images"}),
    row<&M::bits_up>({.name = "bits_up", .tag = "bits/up"}),
    row<&M::bits_down>({.name = "bits_down", .tag = "bits/down"}),
    row<&M::bits_across>({.name = "bits_across", .tag = "bits/across"}),
    row<&M::union_size>({.name = "union_size"}),
    row<&M::changes>({.name = "changes"}),
    row<&M::change_counts>({.name = "change_counts"}),
    row<&M::mask_overlap>({.name = "mask_overlap",
                           .tag = "mask/overlap",
                           .place = 4,
                           .title = "overlap of successive masks",
                           .drawn = Drawn::by_epoch,
                           .is_share = true,
                           .is_averaged = true}),
    row<&M::vote_overlap>({.name = "vote_overlap",
                           .place = 5,
                           .title = "overlap of a worker's successive votes",
                           .drawn = Drawn::by_epoch,
                           .is_share = true,
                           .is_averaged = true}),
    row<&M::vote_agreement>({.name = "vote_agreement",
                             .place = 3,
                             .title = "share of votes for what the mask keeps",
                             .drawn = Drawn::by_epoch,
                             .is_share = true,
                             .is_averaged = true}),
    row<&M::kept>({.name = "kept_by_layer"}),
    row<&M::mask_age>({.name = "mask_age",
                       .place = 8,
                       .title = "rounds since the mask's coordinates were last sent",
                       .drawn = Drawn::by_epoch,
                       .is_averaged = true}),
    row<&M::in_masks>({.name = "in_masks_by_layer"}),
    row<&M::test_loss>({.name = "test_loss", .tag = "test/loss", .place = 6, .title = "test loss"}),
    row<&M::test_accuracy>({.name = "test_accuracy",
                            .tag = "test/accuracy",
                            .place = 1,
                            .title = "test accuracy",
                            .drawn = Drawn::by_epoch_bits_and_seconds,
                            .is_share = true}),
    row<&M::theta_sha256>({.name = "theta_sha256"}),
    row<&M::seconds>({.name = "seconds"}),
    row<&M::phases>({.name = "cpu_seconds"}),
    row<&M::means>({.name = "means"})};

constexpr auto kMetrics = [] {
  std::array<Metric, kRows.size()> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = kRows[i].metric;
  return all;
}();

RunEnd parse_end(const ordered_json& line) {
  RunEnd end;
  get(line, "test_loss", end.test_loss);
  get(line, "test_accuracy", end.test_accuracy);
  end.digest = line.at("theta_sha256").get<std::string>();
  for (const auto& [name, rate] : kRates) get(line, std::string(name), end.rates.*rate);
  end.seconds = line.value("seconds", 0.0);
  get(line, "cpu_seconds", end.phases);
  get(line, "files", end.files);
  return end;
}

}  // namespace

RoundMetrics metrics_of(const RoundRecord& record, const nn::Layout& layout, double seconds,
                        LedgerRows rows) {
  const Round& round = record.round;
  const WorkerReport& report = record.report;
  const auto bits = comm::sum_by_direction(record.ledger);
  RoundMetrics metrics{.round = round.t,
                       .rounds = {},
                       .epoch = round.epoch,
                       .local_steps = round.steps,
                       .dense = round.dense,
                       .learning_rate = round.learning_rate,
                       .loss = report.loss / static_cast<double>(report.steps),
                       .images = report.images,
                       .bits_up = bits[comm::Direction::up].total(),
                       .bits_down = bits[comm::Direction::down].total(),
                       .bits_across = {},
                       .union_size = {},
                       .changes = {},
                       .change_counts = {},
                       .mask_overlap = record.mask_overlap,
                       .vote_overlap = {},
                       .vote_agreement = record.vote_agreement,
                       .kept = {},
                       .mask_age = record.mask_age,
                       .in_masks = {},
                       .test_loss = {},
                       .test_accuracy = {},
                       .theta_sha256 = {},
                       .seconds = seconds,
                       .phases = report.phases,
                       .means = {}};
  if (const comm::Bits across = bits[comm::Direction::across].total(); across > comm::Bits(0)) {
    metrics.bits_across = across.count();
  }
  if (record.sizes.union_size > 0) metrics.union_size = record.sizes.union_size;
  if (rows == LedgerRows::worker) {
    metrics.changes = record.sizes.changes;
  } else {
    for (const std::uint32_t size : record.sizes.changes) ++metrics.change_counts[size];
  }
  if (report.overlaps > 0) metrics.vote_overlap = report.vote_overlap / report.overlaps;
  if (!record.mask.empty()) metrics.kept = kept_by_layer(layout, record.mask);
  if (!record.in_masks.empty()) metrics.in_masks = kept_by_layer(layout, record.in_masks);
  if (record.evaluation) {
    metrics.test_loss = record.evaluation->loss;
    metrics.test_accuracy = record.evaluation->accuracy;
    metrics.theta_sha256 = record.evaluation->digest;
  }
  return metrics;
}

std::span<const Metric> metrics() { return kMetrics; }

std::optional<double> mean_of(const RoundMetrics& line, const Metric& metric) {
  const auto mean = line.means.find(std::string(metric.name));
  if (mean != line.means.end()) return mean->second;
  return metric.of == nullptr ? std::nullopt : metric.of(line);
}

std::string line_of(const RoundMetrics& metrics) {
  ordered_json line;
  for (const Row& row : kRows) row.put(line, std::string(row.metric.name), metrics);
  return line.dump();
}

std::string line_of(const RunEnd& end) {
  ordered_json line;
  line["end"] = true;
  line["theta_sha256"] = end.digest;
  line["test_loss"] = end.test_loss ? ordered_json(*end.test_loss) : ordered_json();
  line["test_accuracy"] = end.test_accuracy;
  for (const auto& [name, rate] : kRates) put(line, std::string(name), end.rates.*rate);
  line["seconds"] = end.seconds;
  put(line, "cpu_seconds", end.phases);
  put(line, "files", end.files);
  return line.dump();
}

std::variant<RoundMetrics, RunEnd> parse_line(std::string_view text,
                                              const std::vector<LayerShare>& layers) {
  const auto line = ordered_json::parse(without_nul(text));
  if (line.contains("end")) return parse_end(line);
  RoundMetrics metrics;
  metrics.kept = layers;
  metrics.in_masks = layers;
  for (const Row& row : kRows) row.get(line, std::string(row.metric.name), metrics);
  return metrics;
}

}  // namespace mvsgd::sim
