// A run's directory: each file against the law, or against another file.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/resnet18.hpp"
#include "sim/files/digest.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/model_file.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/run/checkpoint.hpp"
#include "sim/run/condensed_run.hpp"
#include "sim/run/run_archive.hpp"
#include "sim/run/run_history.hpp"
#include "sim/run/tensorboard.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/verify/condensed.hpp"
#include "sim/verify/run_metrics.hpp"
#include "sim/verify/verify.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<comm::LedgerRow>;

/// `check` with the text that `hold()` returns. If hold() throws CheckFailed, the check fails with
/// its text.
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
  return run.end ? counted(rounds, "round")
                 : fmt::format("{} of {} so far", rounds, counted(run.planned_rounds, "round"));
}

/// The rows of each round, round 0 first, without rounds that the run has not written whole yet.
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
    // A running program may have written a part of a round whose line of metrics.jsonl is still to
    // come.
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

/// The sizes of the workers' changes of their votes in increasing order, which sums over the
/// workers do not tell.
std::vector<std::uint32_t> changes_of(const RunHistory& run, std::size_t t) {
  std::vector<std::uint32_t> changes;
  if (t == 0) return changes;
  for (const auto& [size, count] : run.rounds[t - 1].change_counts) {
    // An altered number must not fill the memory.
    const std::uint64_t all = changes.size() + std::uint64_t{count};
    if (all > run.settings.workers) {
      throw CheckFailed(fmt::format("round {}: change_counts of {} workers, N = {}", t, all,
                                    run.settings.workers));
    }
    changes.insert(changes.end(), count, size);
  }
  return changes;
}

/// Throws CheckFailed unless the file is as the run's last line describes it.
void hold_file(const RunHistory& run, const char* name) {
  if (!run.end || !run.end->files.contains(name)) return;
  const FileDigest& want = run.end->files.at(name);
  const bool goes_on = std::string_view(name) == "metrics.jsonl";  // past those bytes
  const auto got = digest_of(run.path / name, goes_on ? std::optional(want.bytes) : std::nullopt);
  if (got == want) return;
  throw CheckFailed(
      fmt::format("it has {} bytes with SHA-256 {}, the last line of metrics.jsonl says {} with {}",
                  got ? got->bytes : 0, got ? got->sha256 : "none", want.bytes, want.sha256));
}

/// Throws CheckFailed unless the run's last line describes the files that a run has, and no others.
void hold_names(const RunHistory& run) {
  if (!run.end || run.end->files.empty()) return;  // of an older program
  std::vector<std::string> wanted{"model.safetensors"};
  for (const char* const name : row_files(run.settings)) wanted.emplace_back(name);
  for (const std::string& name : wanted) {
    if (run.end->files.contains(name)) continue;
    throw CheckFailed(fmt::format("its last line has no SHA-256 of {}", name));
  }
  wanted.emplace_back("config.toml");  // which an older program has left out
  for (const auto& [name, digest] : run.end->files) {
    if (std::ranges::count(wanted, name) > 0) continue;
    throw CheckFailed(
        fmt::format("its last line has a SHA-256 of {}, which no such run has", name));
  }
}

std::string hold_ledger(const RunHistory& run, const Ledger& ledger, const Audit& audit,
                        const RunRecord& record) {
  if (!run.end && run.rounds.empty()) return so_far(run, 0);  // round 0 may be half written
  for (std::size_t t = 0; t <= run.rounds.size(); ++t) {
    if (t >= record.plan.size()) {
      throw CheckFailed(fmt::format("round {} is none of the schedule's", t));
    }
    if (run.settings.ledger_rows == LedgerRows::worker) {
      audit.check(record.plan[t], ledger.round(t), record.sizes(t));
    } else {
      audit.check_sums(record.plan[t], ledger.round(t), record.sizes(t));
    }
  }
  if (run.end && ledger.left_over() > 0) {
    throw CheckFailed(fmt::format("round {} is not one of the schedule's next",
                                  ledger.first_left_over().id.round));
  }
  hold_file(run, "ledger.csv");
  return fmt::format("{}, {}", counted(ledger.size(), "row"), so_far(run, run.rounds.size()));
}

/// Which machines give the run's parameters, in words.
std::string whose(const std::string& bits) {
  if (bits == kPortable) return "bits: portable, every processor trains to them";
  if (bits.find("; then ") != std::string::npos) {
    return fmt::format("of more than one place, and to be had at none of them: bits of {}", bits);
  }
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
  hold_file(run, "model.safetensors");
  return fmt::format("SHA-256 {}; {}", digest, whose(run.whose_bits));
}

/// A run's directory, and what its settings demand of it.
class RunChecks {
 public:
  RunChecks(fs::path directory, const LawConstants& law);
  [[nodiscard]] Verification all();

 private:
  [[nodiscard]] const RunHistory& run() const { return read_.history; }
  /// Adds a check of `file`, as checked() makes it.
  template <typename Hold>
  void add(const char* file, const char* claim, const Hold& hold) {
    done_.checks.push_back(checked(directory_ / file, claim, hold));
  }
  void check_config();
  void check_condensed();
  void check_rounds();
  void check_events();
  void check_checkpoints();
  /// The K of round t.
  [[nodiscard]] std::uint64_t k(std::size_t t) const {
    return dimensions(settings_in(run().settings, plan_[t]), layers_, buffers_).k;
  }
  /// The sizes that round t of `ledger` has.
  [[nodiscard]] RoundSizes sizes(const Ledger& ledger, std::size_t t) const;

  fs::path directory_;
  RunWithRows read_;
  Layers layers_;
  std::uint64_t buffers_;
  Audit audit_;
  std::vector<Round> plan_;  // round 0 first
  Verification done_;
};

RunChecks::RunChecks(fs::path directory, const LawConstants& law)
    : directory_(std::move(directory)),
      read_(read_run_with_rows(directory_)),
      layers_(network_layers(run().settings)),
      buffers_(
          static_cast<std::uint64_t>(nn::resnet18_buffers({.width = run().settings.width}).size())),
      audit_(law, run().settings, layers_, buffers_),
      plan_(schedule(run().settings, training_images(run().settings))) {
  plan_.insert(plan_.begin(), Round());
}

/// An older program has told its digest of a condensed run alone.
void RunChecks::check_config() {
  if (!run().end || !run().end->files.contains("config.toml")) return;
  add("config.toml", "it is the one of the end of metrics.jsonl", [&] {
    hold_file(run(), "config.toml");
    return run().end->files.at("config.toml").sha256;
  });
}

void RunChecks::check_condensed() {
  const SizesFromRound sizes = read_sizes(directory_ / kSizes);
  const CondensedRecord record{.plan = plan_,
                               .rows = read_.rows,
                               .sizes = sizes,
                               .k = [this](std::size_t t) { return k(t); },
                               .d = layers_.d()};
  check_config();
  add("ledger.csv", "its sums over the rounds are the law's", [&] {
    hold_totals(record, audit_);
    hold_file(run(), "ledger.csv");
    return fmt::format("{} over {}", counted(read_.rows.size(), "sum"),
                       counted(run().last_round(), "round"));
  });
  add(kSizes, "its sizes are those of the end of metrics.jsonl", [&] {
    hold_file(run(), kSizes);
    return fmt::format("{} that decided sizes", counted(sizes.size(), "round"));
  });
  add("metrics.jsonl", "every line is the schedule's, its bits those of ledger.csv", [&] {
    hold_condensed_metrics(run(), record);
    hold_file(run(), "metrics.jsonl");
    return fmt::format("{}, SHA-256 {}; {}", counted(run().rounds.size(), "line"),
                       run().end->digest, whose(run().whose_bits));
  });
}

RoundSizes RunChecks::sizes(const Ledger& ledger, std::size_t t) const {
  return run().settings.ledger_rows == LedgerRows::worker
             ? audit_.sizes_in(plan_[t], ledger.round(t))
             : audit_.sizes_in_sums(plan_[t], ledger.round(t), changes_of(run(), t));
}

void RunChecks::check_rounds() {
  const Ledger ledger(std::move(read_.rows), run());
  const RunRecord record{.plan = plan_,
                         .k = [this](std::size_t t) { return k(t); },
                         .d = layers_.d(),
                         .rows = [&](std::size_t t) { return ledger.round(t); },
                         .sizes = [&](std::size_t t) { return sizes(ledger, t); }};
  add("ledger.csv", "every row is the law's, and none is missing",
      [&] { return hold_ledger(run(), ledger, audit_, record); });
  add("metrics.jsonl", "every round is the schedule's, its bits and sizes its rows' of ledger.csv",
      [&] {
        hold_metrics(run(), record);
        hold_names(run());
        hold_file(run(), "metrics.jsonl");
        return so_far(run(), run().rounds.size());
      });
  if (run().settings.worker_metrics) {
    add(kWorkerMetrics, "each evaluated round's line, its means those of metrics.jsonl", [&] {
      hold_worker_metrics(run(), record);
      hold_file(run(), kWorkerMetrics);
      return counted(run().by_worker.size(), "line");
    });
  }
  if (run().end) {
    add("model.safetensors", "its parameters have the digest of metrics.jsonl",
        [&] { return hold_model(directory_ / "model.safetensors", run()); });
  }
  check_config();
}

/// A program that runs may have written a part of an event.
void RunChecks::check_events() {
  if (!run().end) return;
  for (const EventCut& cut :
       event_cuts_after(directory_, std::numeric_limits<std::uint64_t>::max())) {
    done_.checks.push_back(checked(cut.file, "each event has its checksums", [&] {
      const std::uintmax_t bytes = fs::file_size(cut.file);
      if (cut.bytes == bytes) return counted(bytes, "byte");
      throw CheckFailed(
          fmt::format("only its first {} of {} bytes are whole events", cut.bytes, bytes));
    }));
  }
}

void RunChecks::check_checkpoints() {
  for (const auto& [t, wrong] : sim::check_checkpoints(directory_, run().settings)) {
    done_.checks.push_back(
        {.subject = (directory_ / "checkpoint").string(),
         .claim = fmt::format("that of round {} is as its manifest says", t),
         .holds = wrong.empty(),
         .detail = wrong.empty() ? "whole, and its rows are in the run's files" : wrong});
  }
}

Verification RunChecks::all() {
  // Only a condensed run has this file, even if no line of metrics.jsonl is left.
  if (is_condensed(run()) || fs::exists(directory_ / kSizes)) {
    check_condensed();
  } else {
    check_rounds();
    check_checkpoints();
    check_events();
  }
  return std::move(done_);
}

}  // namespace

Verification verify_run(const fs::path& run, const LawConstants& law) {
  return of_run(run, [&](const fs::path& directory) {
    Verification verification = RunChecks(directory, law).all();
    if (directory == run) return verification;
    for (Check& check : verification.checks) {
      check.subject = said_of_archive(check.subject, run, directory);
    }
    return verification;
  });
}

}  // namespace mvsgd::sim
