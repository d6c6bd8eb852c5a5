// What a run's directory holds: each file against the law, or against another.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nn/resnet18.hpp"
#include "sim/files/digest.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/model_file.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/run/checkpoint.hpp"
#include "sim/run/run_history.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<comm::LedgerRow>;

/// `check` with the result of `hold()`. If it throws CheckFailed, the failure is what is wrong.
template <typename Hold>
Check checked(const fs::path& file, std::string claim, const Hold& hold) {
  Check check{.subject = file.string(), .claim = std::move(claim), .holds = true, .detail = ""};
  try {
    check.detail = hold();
  } catch (const CheckFailed& e) {
    check.holds = false;
    check.detail = e.what();
  }
  return check;
}

std::string so_far(const RunHistory& run, std::size_t rounds) {
  return run.end ? fmt::format("{} rounds", rounds)
                 : fmt::format("{} of {} rounds so far", rounds, run.planned_rounds);
}

/// The rows of each round, round 0 first, and of none that the run has not written whole yet.
class Ledger {
 public:
  Ledger(Rows rows, const RunHistory& run) : rows_(std::move(rows)) {
    auto begin = rows_.begin();
    for (std::uint32_t t = 0; begin != rows_.end() && t <= run.rounds.size(); ++t) {
      const auto end = std::find_if(begin, rows_.end(),
                                    [t](const comm::LedgerRow& row) { return row.id.round != t; });
      rounds_.emplace_back(begin, end);
      begin = end;
    }
    // What a running program has written of a round whose line of metrics.jsonl is still to come.
    left_over_ = static_cast<std::size_t>(rows_.end() - begin);
  }

  [[nodiscard]] std::span<const comm::LedgerRow> round(std::size_t t) const {
    return t < rounds_.size() ? rounds_[t] : std::span<const comm::LedgerRow>();
  }
  [[nodiscard]] std::size_t left_over() const { return left_over_; }
  [[nodiscard]] std::size_t size() const { return rows_.size() - left_over_; }
  [[nodiscard]] const comm::LedgerRow& first_left_over() const {
    return rows_[rows_.size() - left_over_];
  }

 private:
  Rows rows_;
  std::vector<std::span<const comm::LedgerRow>> rounds_;
  std::size_t left_over_ = 0;
};

std::string hold_ledger(const RunHistory& run, const Ledger& ledger, const LawConstants& law) {
  const nn::ResNet18Options network{.width = run.settings.width};
  const auto d = static_cast<std::uint64_t>(nn::resnet18_parameters(network).size());
  const auto buffers = static_cast<std::uint64_t>(nn::resnet18_buffers(network).size());
  const Audit audit(law, run.settings, d, buffers);
  std::vector<Round> plan = schedule(run.settings, training_images(run.settings));
  plan.insert(plan.begin(), Round());
  if (!run.end && run.rounds.empty()) return so_far(run, 0);  // round 0 may be half written
  for (std::size_t t = 0; t <= run.rounds.size(); ++t) {
    if (t >= plan.size()) throw CheckFailed(fmt::format("round {} is none of the schedule's", t));
    const auto rows = ledger.round(t);
    audit.check(plan[t], rows, audit.sizes_in(plan[t], rows));
  }
  if (run.end && ledger.left_over() > 0) {
    throw CheckFailed(fmt::format("round {} is not one of the schedule's next",
                                  ledger.first_left_over().id.round));
  }
  return fmt::format("{} rows, {}", grouped(ledger.size()), so_far(run, run.rounds.size()));
}

std::string hold_metrics(const RunHistory& run, const Ledger& ledger) {
  for (const RoundHistory& round : run.rounds) {
    const auto sums = comm::sum_by_direction(ledger.round(round.round));
    for (const auto& [name, told, counted] :
         {std::tuple("bits_up", round.bits_up, sums[comm::Direction::up].total()),
          std::tuple("bits_down", round.bits_down, sums[comm::Direction::down].total())}) {
      if (told == counted) continue;
      throw CheckFailed(fmt::format("round {}: {} is {}, the ledger's rows have {}", round.round,
                                    name, told.count(), counted.count()));
    }
  }
  if (run.end && run.rounds.size() != run.planned_rounds) {
    throw CheckFailed(
        fmt::format("it ends after {} of {} rounds", run.rounds.size(), run.planned_rounds));
  }
  return so_far(run, run.rounds.size());
}

/// Where the run's settings train to the same parameters.
std::string whose(const std::string& bits) {
  if (bits == kPortable) return "bits: portable, every processor trains to them";
  return bits.empty() ? "an older program did not tell whose bits they are"
                      : fmt::format("bits of {}", bits);
}

std::string hold_model(const fs::path& path, const RunHistory& run) {
  std::string digest;
  try {
    const Model model = read_model(path);
    if (model.width != run.settings.width) {
      throw CheckFailed(fmt::format("width {}, the run's is {}", model.width, run.settings.width));
    }
    digest = sha256(model.theta);
  } catch (const InputError& e) {
    throw CheckFailed(e.what());
  }
  if (digest != run.end->digest) {
    throw CheckFailed(fmt::format("its parameters have SHA-256 {}, metrics.jsonl says {}", digest,
                                  run.end->digest));
  }
  return fmt::format("SHA-256 {}; {}", digest, whose(run.whose_bits));
}

}  // namespace

Verification verify_run(const fs::path& directory, const LawConstants& law) {
  auto [run, rows] = read_run_with_rows(directory);
  const auto is_sum = [](const RoundHistory& line) { return line.rounds.has_value(); };
  if (std::ranges::any_of(run.rounds, is_sum)) {
    throw InputError(
        fmt::format("{}: a condensed run, whose ledger is not one of rounds", directory.string()));
  }
  const Ledger ledger(std::move(rows), run);
  Verification verification;
  const auto add = [&](const char* file, const char* claim, const auto& hold) {
    verification.checks.push_back(checked(directory / file, claim, hold));
  };
  add("ledger.csv", "every row is the law's, and none is missing",
      [&] { return hold_ledger(run, ledger, law); });
  add("metrics.jsonl", "the bits of every round are its rows' of ledger.csv",
      [&] { return hold_metrics(run, ledger); });
  if (run.end) {
    add("model.safetensors", "its parameters have the digest of metrics.jsonl",
        [&] { return hold_model(directory / "model.safetensors", run); });
  }
  for (const auto& [t, wrong] : check_checkpoints(directory, run.settings)) {
    verification.checks.push_back(
        {.subject = (directory / "checkpoint").string(),
         .claim = fmt::format("that of round {} is as its manifest says", t),
         .holds = wrong.empty(),
         .detail = wrong.empty() ? "whole, and its rows are in the run's files" : wrong});
  }
  return verification;
}

}  // namespace mvsgd::sim
