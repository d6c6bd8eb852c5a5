#include "sim/reproduce/archived_trials.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/made_directory.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/files/temporary_directory.hpp"
#include "sim/report/statistics.hpp"
#include "sim/reproduce/sweep.hpp"
#include "sim/run/condensed_run.hpp"
#include "sim/run/metrics.hpp"
#include "sim/run/run_archive.hpp"
#include "sim/run/run_history.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

using Digests = std::map<std::uint32_t, std::string>;

/// Of a run's evaluations, by round.
Digests digests_of(const RunHistory& run) {
  Digests digests;
  for (const RoundHistory& round : run.rounds) {
    if (!round.theta_sha256.empty()) digests[round.round] = round.theta_sha256;
  }
  return digests;
}

/// The first of `rounds` after which the digests are not the same, in words. "" if there is none.
std::string first_difference(const Digests& rounds, const Digests& before, const Digests& again) {
  const auto at = [](const Digests& digests, std::uint32_t round) {
    const auto found = digests.find(round);
    return found == digests.end() ? "none" : found->second;
  };
  for (const auto& [round, digest] : rounds) {
    if (at(before, round) == at(again, round)) continue;
    return fmt::format("another digest first after round {}: {}, and before {}", round,
                       at(again, round), at(before, round));
  }
  return "";
}

using Numbers = std::map<std::string, double>;

/// The numbers of a line, by their names, that follow from the bits: all but times.
Numbers numbers_of(const RoundMetrics& line) {
  Numbers numbers;
  for (const Metric& metric : metrics()) {
    if (metric.of == nullptr || metric.name == "seconds") continue;
    if (const auto value = metric.of(line)) numbers[std::string(metric.name)] = *value;
  }
  for (const auto& [name, mean] : line.means) numbers[fmt::format("mean of {}", name)] = mean;
  for (const auto& [name, shares] :
       {std::pair{"kept_by_layer", &line.kept}, {"in_masks_by_layer", &line.in_masks}}) {
    for (const LayerShare& share : *shares) {
      numbers[fmt::format("{} of {}", name, share.layer)] = static_cast<double>(share.kept);
    }
  }
  return numbers;
}

Numbers numbers_of(const RunEnd& end) {
  Numbers numbers{{"test_accuracy", end.test_accuracy}};
  if (end.test_loss) numbers["test_loss"] = *end.test_loss;
  for (const auto& [name, rate] : kRates) {
    if (end.rates.*rate) numbers[std::string(name)] = *(end.rates.*rate);
  }
  return numbers;
}

/// The first number of `before` that is another one again, in words. "" if there is none.
std::string first_difference(std::string_view when, const Numbers& before, const Numbers& again) {
  constexpr double kRounding = 1e-9;  // sums of products, which compilers round once or twice
  for (const auto& [name, number] : before) {
    const auto found = again.find(name);
    if (found != again.end() && std::abs(found->second - number) <= kRounding * std::abs(number)) {
      continue;
    }
    return fmt::format("another {} first {}: {}, and before {}", name, when,
                       found == again.end() ? "none" : fmt::to_string(found->second), number);
  }
  return "";
}

/// The first number that a line of `before`, condensed, has other than that of `again`, in words.
/// "" if there is none up to the last round of `again`.
std::string first_other_number(const RunHistory& before, const RunHistory& again) {
  const std::vector<RoundMetrics> lines = condensed_lines(again);
  for (const RoundMetrics& line : condensed_lines(before)) {
    if (line.round > again.last_round()) break;
    const auto partner = std::ranges::find(lines, line.round, &RoundMetrics::round);
    const std::string words =
        first_difference(fmt::format("after round {}", line.round), numbers_of(line),
                         partner == lines.end() ? Numbers() : numbers_of(*partner));
    if (!words.empty()) return words;
  }
  return "";
}

Comparison by_digest(const RunHistory& before, const RunHistory& again) {
  const Digests wanted = digests_of(before);
  if (const std::string words = first_difference(wanted, wanted, digests_of(again));
      !words.empty()) {
    return {.holds = false, .words = words};
  }
  if (before.end->digest != again.end->digest) {
    return {.holds = false,
            .words = fmt::format("another digest: {}, and before {}", again.end->digest,
                                 before.end->digest)};
  }
  std::string words = first_other_number(before, again);
  if (words.empty()) {
    words = first_difference("at the end", numbers_of(*before.end), numbers_of(*again.end));
  }
  if (!words.empty()) return {.holds = false, .words = words};
  return {.holds = true, .words = fmt::format("digest {}, as before", before.end->digest)};
}

}  // namespace

fs::path ArchivedTrials::path_of(const TrialSpec& trial) const {
  return directory_ / (trial.path.filename().string() + kArchiveEnding);
}

std::size_t ArchivedTrials::take(std::span<const TrialSpec> trials) const {
  std::size_t taken = 0;
  for (const TrialSpec& trial : trials) {
    const fs::path archive = path_of(trial);
    std::error_code error;
    if (!fs::exists(archive, error) || stage_of(trial) != TrialStage::absent) continue;
    const TemporaryDirectory place(trial.path.parent_path());
    try {
      take(archive, trial, place.path() / trial.path.filename());
      ++taken;
    } catch (const UnpackError&) {
      throw;
    } catch (const InputError& e) {
      // Another process may have taken it meanwhile.
      if (stage_of(trial) != TrialStage::absent) continue;
      fmt::print(*out_, "not used: {}\n", e.what());
    }
  }
  return taken;
}

void ArchivedTrials::take(const fs::path& archive, const TrialSpec& trial,
                          const fs::path& first) const {
  TrialSpec unpacked = trial;
  unpacked.path = first;
  try {
    refuse_unless_plain(archive);
    unpack_run_archive(archive, unpacked.path);
    static_cast<void>(stage_of(unpacked));
    for (const Check& check : verify_run(unpacked.path, law_).checks) {
      if (!check.holds) throw InputError(fmt::format("{}: {}", check.subject, check.detail));
    }
  } catch (const UnpackError&) {
    throw;
  } catch (const InputError& e) {
    throw InputError(said_of_archive(e.what(), archive, unpacked.path));
  }
  std::error_code error;
  fs::rename(unpacked.path, trial.path, error);
  if (error) throw InputError(fmt::format("{}: {}", trial.path.string(), error.message()));
}

void ArchivedTrials::make_directory() const {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) throw InputError(fmt::format("{}: {}", directory_.string(), error.message()));
  need_writable(directory_);
}

void ArchivedTrials::add(const TrialSpec& trial) const {
  const fs::path archive = path_of(trial);
  if (fs::exists(archive) || is_condensed(read_run_history(trial.path))) return;
  make_directory();
  write_run_archive(trial.path, archive);
}

std::vector<TrialSpec> drawn_trials(std::span<const TrialSpec> trials, std::size_t count,
                                    std::uint64_t seed) {
  std::vector<std::pair<std::string, const TrialSpec*>> drawn;
  for (const TrialSpec& trial : trials) {
    if (stage_of(trial) != TrialStage::finished) continue;
    const std::string text = fmt::format("{}:{}", seed, trial.path.filename().string());
    drawn.emplace_back(digest_of_text(text).sha256, &trial);
  }
  std::ranges::sort(drawn);
  std::vector<TrialSpec> chosen;
  for (const auto& [hash, trial] : drawn) {
    if (chosen.size() < count) chosen.push_back(*trial);
  }
  return chosen;
}

Comparison compare_trials(const fs::path& before, const fs::path& again,
                          std::span<const double> row) {
  const RunHistory old = read_run_history(before);
  const RunHistory now = read_run_history(again);
  if (!old.end || !now.end) {
    throw InputError(fmt::format("{}: the run has not ended", (old.end ? again : before).string()));
  }
  const bool same_bits = !old.whose_bits.empty() && old.whose_bits == now.whose_bits;
  if (same_bits) return by_digest(old, now);
  const double difference = 100 * std::abs(now.end->test_accuracy - old.end->test_accuracy);
  if (row.size() < 2) {
    return {.holds = true,
            .words = fmt::format("accuracies {:.2f} points apart; the bits are those of {} and of "
                                 "{}, and one trial of the row has no deviation",
                                 difference, old.whose_bits, now.whose_bits)};
  }
  constexpr double kLevel = 0.99;
  // A difference of two has sqrt(2) deviations, and that of the mean is the row's over sqrt(n).
  const double most =
      std::sqrt(2 * static_cast<double>(row.size())) * half_width(sample(row), kLevel).value();
  return {.holds = difference <= most,
          .words = fmt::format("accuracies {:.2f} points apart, of two trials of the row 99 % are "
                               "within {:.2f}; the bits are those of {} and of {}",
                               difference, most, old.whose_bits, now.whose_bits)};
}

std::uint32_t round_of_evaluation(const fs::path& trial, std::size_t count) {
  std::size_t evaluations = 0;
  for (const RoundHistory& round : read_run_history(trial).rounds) {
    if (!round.theta_sha256.empty() && ++evaluations == count) return round.round;
  }
  throw InputError(
      fmt::format("{}: {} evaluations with a digest, not {}", trial.string(), evaluations, count));
}

Comparison compare_beginnings(const fs::path& before, const fs::path& again) {
  const RunHistory old = read_run_history(before);
  const RunHistory now = read_run_history(again);
  if (!now.end) throw InputError(fmt::format("{}: the run has not ended", again.string()));
  if (old.whose_bits.empty() || old.whose_bits != now.whose_bits) {
    return {.holds = true,
            .words = fmt::format("nothing is held: the bits are those of {} and of {}",
                                 old.whose_bits, now.whose_bits)};
  }
  const Digests got = digests_of(now);
  if (const std::string words = first_difference(got, digests_of(old), got); !words.empty()) {
    return {.holds = false, .words = words};
  }
  if (const std::string words = first_other_number(old, now); !words.empty()) {
    return {.holds = false, .words = words};
  }
  return {.holds = !got.empty(),
          .words = fmt::format("{} digests to round {}, {} the last, as before", got.size(),
                               now.last_round(), now.end->digest)};
}

}  // namespace mvsgd::sim
