// worker_metrics.jsonl: what each worker has of its own, by its definition, as lines, and as verify
// holds them.
#include "sim/run/worker_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/group.hpp"
#include "sim/run/run_history.hpp"
#include "sim/verify/drawn_update.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Numbers = WorkerMetrics::Numbers;

constexpr std::size_t kD = 1'003;
constexpr std::uint32_t kWorkers = 4;

/// |a and b| / |b| by sets.
double share_of(const std::vector<compress::Index>& b, const std::vector<compress::Index>& a) {
  const std::set<compress::Index> in(a.begin(), a.end());
  const auto both = std::ranges::count_if(b, [&](compress::Index i) { return in.contains(i); });
  return static_cast<double>(both) / static_cast<double>(b.size());
}

class WorkerMetricsOf : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Each, WorkerMetricsOf,
                         testing::Values("dense", "top-k", "mv", "mv-rs", "mv-ad", "rand-k"),
                         [](const auto& scheme) {
                           std::string name = scheme.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(WorkerMetricsOf, AreThoseOfTheDefinitionInEvaluatedRounds) {
  // Of all d coordinates every one finds room, so that none is chosen in a tie.
  for (const auto& [participation, phi] :
       {std::pair{0U, "0.05"}, std::pair{2U, "0.05"}, std::pair{0U, "1"}}) {
    SCOPED_TRACE(participation);
    Settings settings;
    set(settings, {{"scheme", GetParam()},
                   {"workers", "4"},
                   {"participation", std::to_string(participation)},
                   {"phi", phi},
                   {"phi_ad", "0.01"},
                   {"bn_eval", "recompute"},
                   {"worker_metrics", "true"}});
    const bool dense = settings.scheme->sparse() == nullptr;
    const std::uint32_t absent = participation > 0 ? kWorkers - participation : 0;
    std::vector<Round> plan = plain_rounds(dense ? 6 : 1, dense ? 0 : 5, absent);
    for (Round& round : plan) round.evaluate = round.t != 4;
    DrawnUpdate update(kD, kWorkers, 3, settings);
    Slots slots(2);
    comm::InprocGroup group(kWorkers, {});
    std::vector<WorkerMetrics> told;
    const auto on_closed = [&](const RoundRecord& record) {
      EXPECT_EQ(record.by_worker.empty(), record.round.t == 0 || record.round.t == 4);
      if (!record.by_worker.empty()) told.push_back(worker_metrics_of(record));
    };
    (void)run_group({.group = group,
                     .settings = settings,
                     .rounds = plan,
                     .update = update,
                     .slots = slots,
                     .on_closed = on_closed},
                    initial_state(kWorkers, std::vector<float>(kD, 1.0F), {}));

    Definition definition(settings, std::vector<float>(kD, 1.0F));
    std::vector<std::vector<compress::Index>> last(kWorkers);
    auto line = told.begin();
    for (const Round& round : plan) {
      const DefinedRound defined = definition.run(round, update);
      Numbers loss(kWorkers);
      Numbers overlap(kWorkers);
      Numbers agreement(kWorkers);
      for (const std::uint32_t n : defined.participants) {
        loss[n] = 0;  // DrawnUpdate has none
        if (defined.votes.empty()) continue;
        if (!last[n].empty()) overlap[n] = share_of(defined.votes[n], last[n]);
        agreement[n] = share_of(defined.votes[n], defined.mask);
        last[n] = defined.votes[n];
      }
      if (!round.evaluate) continue;
      ASSERT_NE(line, told.end());
      EXPECT_EQ(line->round, round.t);
      EXPECT_EQ(line->loss, loss) << round.t;
      EXPECT_EQ(line->vote_overlap, overlap) << round.t;
      EXPECT_EQ(line->vote_agreement, agreement) << round.t;
      for (std::uint32_t n = 0; n < kWorkers; ++n) {
        double square = 0;
        for (const float x : definition.error(n)) square += double{x} * double{x};
        EXPECT_EQ(line->error_norm[n], std::sqrt(square)) << round.t << ", worker " << n;
      }
      EXPECT_EQ(line->tied.has_value(), !round.dense && settings.scheme->breaks_ties());
      if (line->tied) {
        std::uint32_t fewest = 1000;
        for (const compress::Index i : defined.mask) fewest = std::min(fewest, defined.counts[i]);
        const auto wanted = std::ranges::count(defined.counts, fewest);
        const auto found = std::ranges::count_if(
            defined.mask, [&](compress::Index i) { return defined.counts[i] == fewest; });
        const double share = static_cast<double>(found) / static_cast<double>(defined.mask.size());
        EXPECT_EQ(*line->tied, wanted > found ? share : 0) << round.t;
      }
      ++line;
    }
    EXPECT_EQ(line, told.end());
  }
}

WorkerMetrics some() {
  return {.round = 7,
          .epoch = 0.5,
          .loss = {1.5, std::nullopt, 0.1},
          .vote_overlap = {std::nullopt, std::nullopt, 0.75},
          .vote_agreement = {std::nullopt, std::nullopt, std::nullopt},
          .error_norm = {0.0, 1e-300, 2.5},
          .tied = 0.25};
}

TEST(WorkerMetrics, AreWrittenAsTheyAreRead) {
  const std::string line = line_of(some());
  EXPECT_EQ(line, R"({"round":7,"epoch":0.5,"loss":[1.5,null,0.1],"vote_overlap":[null,null,0.75],)"
                  R"("error_norm":[0.0,1e-300,2.5],"tied":0.25})");
  const WorkerMetrics read = parse_worker_line(line, 3);
  EXPECT_EQ(line_of(read), line);
  EXPECT_EQ(read.vote_agreement, Numbers(3));
}

TEST(WorkerMetrics, OfAnotherNumberOfWorkersOrNoneAreRefused) {
  const std::string line = line_of(some());
  EXPECT_ANY_THROW((void)parse_worker_line(line, 2));
  EXPECT_ANY_THROW((void)parse_worker_line(line, 4));
  EXPECT_ANY_THROW((void)parse_worker_line(line.substr(0, line.size() - 1), 3));
  for (const char* const text : {"", "{}", "[]", "7", R"({"round":7})", R"({"round":-1,"epoch":1})",
                                 R"({"round":1,"epoch":1,"loss":{"0":1,"1":1,"2":1}})",
                                 R"({"round":1,"epoch":1,"loss":["a","b","c"]})"}) {
    EXPECT_ANY_THROW((void)parse_worker_line(text, 3)) << text;
  }
}

class WorkerMetricsFile : public testing::Test {
 protected:
  WorkerMetricsFile() {
    Settings settings = small_settings("ssgd-mv-ad");
    settings.workers = 3;
    settings.phi = Decimal(1, 1);
    settings.worker_metrics = true;
    train_into(path_, settings);
  }
  [[nodiscard]] Outcome verify() const { return run({"verify", path_.string()}); }
  /// The file with a line altered. verify must say `words` of it.
  void expect_named(const std::function<void(std::vector<std::string>&)>& alter,
                    const std::string& words) {
    const std::string was = text_of(file_);
    std::istringstream in(was);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    alter(lines);
    std::ofstream out(file_);
    for (const std::string& line : lines) out << line << '\n';
    out.close();
    const Outcome outcome = verify();
    EXPECT_EQ(outcome.code, Exit::check_failed) << outcome.out << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("worker_metrics.jsonl"));
    EXPECT_THAT(outcome.out, HasSubstr(words));
    std::ofstream(file_) << was;
  }
  /// Replaces a member of a line.
  static void put(std::string& line, const std::function<void(WorkerMetrics&)>& change) {
    WorkerMetrics metrics = parse_worker_line(line, 3);
    change(metrics);
    line = line_of(metrics);
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path() / "run";
  fs::path file_ = path_ / "worker_metrics.jsonl";
};

TEST_F(WorkerMetricsFile, HasALineForEachEvaluationAndHolds) {
  const RunHistory run = read_run_history(path_);
  ASSERT_EQ(run.by_worker.size(), 2U);  // epochs
  for (const WorkerMetrics& line : run.by_worker) {
    const RoundHistory& round = run.rounds[line.round - 1];
    EXPECT_TRUE(round.test_accuracy.has_value());
    double sum = 0;
    for (const auto& loss : line.loss) sum += *loss;
    EXPECT_NEAR(sum / 3, round.loss, 1e-12);
  }
  EXPECT_EQ(verify().code, Exit::good) << verify().out;
}

TEST_F(WorkerMetricsFile, IsHeldAgainstScheduleMetricsAndItsDigest) {
  expect_named([](auto& lines) { lines.pop_back(); }, "has no line");
  expect_named([](auto& lines) { lines.push_back(lines.back()); }, "a line of round");
  expect_named([](auto& lines) { std::swap(lines[0], lines[1]); }, "has no line");
  expect_named([](auto& lines) { put(lines[1], [](WorkerMetrics& m) { m.epoch += 1; }); },
               "epoch is 3");
  expect_named([](auto& lines) { put(lines[1], [](WorkerMetrics& m) { m.loss[1] = {}; }); },
               "whether worker 1 took part");
  expect_named([](auto& lines) { put(lines[1], [](WorkerMetrics& m) { *m.loss[1] += 1e-9; }); },
               "the mean loss is");
  expect_named(
      [](auto& lines) { put(lines[1], [](WorkerMetrics& m) { *m.vote_overlap[2] += 1e-9; }); },
      "the mean vote_overlap is");
  expect_named(
      [](auto& lines) { put(lines[1], [](WorkerMetrics& m) { *m.vote_agreement[2] += 0.01; }); },
      "the votes for the mask is");
  expect_named([](auto& lines) { put(lines[1], [](WorkerMetrics& m) { *m.error_norm[0] += 1; }); },
               "SHA-256");
}

TEST_F(WorkerMetricsFile, ThatIsMissingOrNoneIsNamed) {
  std::ofstream(file_, std::ios::app) << "{}\n";
  const Outcome broken = verify();
  EXPECT_EQ(broken.code, Exit::bad_input);
  EXPECT_THAT(broken.err, HasSubstr("worker_metrics.jsonl:3: "));
  fs::remove(file_);
  const Outcome missing = verify();
  EXPECT_EQ(missing.code, Exit::check_failed);
  EXPECT_THAT(missing.out, HasSubstr("has no line"));
}

TEST(WorkerMetricsOfARun, AreThereOnlyIfAskedForAndChangeNothingElse) {
  const TestDirectory directory;
  Settings settings = small_settings("ssgd-mv");
  train_into(directory.path() / "without", settings);
  settings.worker_metrics = true;
  train_into(directory.path() / "with", settings);
  EXPECT_FALSE(fs::exists(directory.path() / "without" / "worker_metrics.jsonl"));
  for (const char* const name : {"ledger.csv", "model.safetensors"}) {
    EXPECT_EQ(text_of(directory.path() / "with" / name),
              text_of(directory.path() / "without" / name));
  }
  EXPECT_THAT(text_of(directory.path() / "with" / "metrics.jsonl"),
              HasSubstr(R"("worker_metrics.jsonl":{"bytes")"));
  EXPECT_THAT(text_of(directory.path() / "without" / "metrics.jsonl"),
              Not(HasSubstr("worker_metrics")));
}

}  // namespace
}  // namespace mvsgd::sim
