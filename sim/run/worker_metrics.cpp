#include "sim/run/worker_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sim/files/json.hpp"

namespace mvsgd::sim {
namespace {

using nlohmann::ordered_json;
using M = WorkerMetrics;

constexpr std::array kMetrics = {
    WorkerMetric{"loss", "training loss, by worker", &M::loss},
    WorkerMetric{"vote_overlap", "overlap of a vote with the one before, by worker",
                 &M::vote_overlap, true},
    WorkerMetric{"vote_agreement", "share of a vote that the mask keeps, by worker",
                 &M::vote_agreement, true},
    WorkerMetric{"error_norm", "norm of the error memory, by worker", &M::error_norm}};

bool is_empty(const M::Numbers& numbers) {
  return std::ranges::none_of(numbers, [](const auto& number) { return number.has_value(); });
}

}  // namespace

std::span<const WorkerMetric> worker_metrics() { return kMetrics; }

WorkerMetrics worker_metrics_of(const RoundRecord& record) {
  const auto if_any = [](double value, std::uint64_t count) {
    return count > 0 ? std::optional(value / static_cast<double>(count)) : std::nullopt;
  };
  WorkerMetrics metrics{.round = record.round.t,
                        .epoch = record.round.epoch,
                        .loss = {},
                        .vote_overlap = {},
                        .vote_agreement = {},
                        .error_norm = {},
                        .tied = record.tied};
  for (const WorkerReport& report : record.by_worker) {
    metrics.loss.push_back(if_any(report.loss, report.steps));
    metrics.vote_overlap.push_back(if_any(report.vote_overlap, report.overlaps));
    metrics.vote_agreement.push_back(if_any(report.vote_agreement, report.votes));
    metrics.error_norm.push_back(std::sqrt(report.error_square));
  }
  return metrics;
}

std::string line_of(const WorkerMetrics& metrics) {
  ordered_json line{{"round", metrics.round}, {"epoch", metrics.epoch}};
  for (const WorkerMetric& metric : kMetrics) {
    const M::Numbers& numbers = metrics.*metric.of;
    if (is_empty(numbers)) continue;
    ordered_json all = ordered_json::array();
    for (const auto& number : numbers) all.push_back(number ? ordered_json(*number) : nullptr);
    line[std::string(metric.name)] = std::move(all);
  }
  if (metrics.tied) line["tied"] = *metrics.tied;
  return line.dump();
}

WorkerMetrics parse_worker_line(std::string_view text, std::uint32_t workers) {
  const auto line = ordered_json::parse(without_nul(text));
  WorkerMetrics metrics;
  metrics.round = whole_number<std::uint32_t>(line.at("round"));
  metrics.epoch = line.at("epoch").get<double>();
  for (const WorkerMetric& metric : kMetrics) {
    M::Numbers& numbers = metrics.*metric.of;
    numbers.resize(workers);
    const auto found = line.find(std::string(metric.name));
    if (found == line.end()) continue;
    if (!found->is_array() || found->size() != workers) {
      throw std::invalid_argument(
          fmt::format("{}: a list of {} numbers is wanted", metric.name, workers));
    }
    for (std::size_t n = 0; n < workers; ++n) {
      if (!(*found)[n].is_null()) numbers[n] = (*found)[n].get<double>();
    }
  }
  if (line.contains("tied")) metrics.tied = line.at("tied").get<double>();
  return metrics;
}

}  // namespace mvsgd::sim
