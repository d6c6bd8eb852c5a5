// Checkpoints and resumed runs: the same run as in one go, and what is refused.
#include "sim/run/checkpoint.hpp"
#include "sim/plan/scheme.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "sim/files/safetensors.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/settings_file.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace(const fs::path& path, const std::string& from, const std::string& to) {
  std::string content = text(path);
  const std::size_t at = content.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  std::ofstream(path, std::ios::binary) << content.replace(at, from.size(), to);
}

/// The rows without what differs from run to run: `seconds`, `cpu_seconds`, and the digests of the
/// file that has them and of config.toml.
std::string timeless(const fs::path& path) {
  std::string rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    auto row = nlohmann::ordered_json::parse(line);
    row.merge_patch({{"seconds", nullptr},
                     {"cpu_seconds", nullptr},
                     {"files", {{"metrics.jsonl", nullptr}, {"config.toml", nullptr}}}});
    rows += row.dump() + '\n';
  }
  return rows;
}

class CheckpointTest : public testing::Test {
 protected:
  /// Trains a preset for seven rounds at small sizes, from dense to sparse ones.
  Outcome train(const std::string& preset_name, const fs::path& to,
                std::vector<std::string> more = {}, const Interrupted& interrupted = {}) {
    std::vector<std::string> args{"train",     "--preset",
                                  preset_name, "--width",
                                  "2",         "--batch",
                                  "4",         "--synthetic-train",
                                  "48",        "--synthetic-test",
                                  "8",         "--epochs",
                                  "4",         "--set",
                                  "rounds=7",  "--eval-every",
                                  "2",         "--slots",
                                  "2",         "--out",
                                  to.string()};
    if (std::ranges::find(more, "--backend") == more.end()) {
      args.insert(args.end(), {"--backend", "reference"});
    }
    if (preset(preset_name).settings.scheme->name() != "sm") {
      args.insert(args.end(), {"--workers", "2"});
    }
    args.insert(args.end(), more.begin(), more.end());
    return run(args, interrupted);
  }

  /// Trains a run that is interrupted after `rounds` rounds, with a checkpoint after each. The run
  /// asks once before round 1 and twice in each round.
  void interrupt(const std::string& preset_name, int rounds, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--checkpoint-every", "1"});
    int closed = 0;
    const Outcome outcome = train(preset_name, path_, more, [&] {
      std::ifstream file(path_ / "metrics.jsonl");
      closed = static_cast<int>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
      return closed >= rounds;
    });
    ASSERT_EQ(outcome.code, Exit::interrupted) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("mvsgd train --resume " + path_.string() + "\n"));
  }

  Outcome resume(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"train", "--resume", path_.string()});
    return run(more);
  }

  /// The checkpoints that exist, the newest last.
  [[nodiscard]] std::vector<fs::path> checkpoints() const {
    std::vector<fs::path> all(fs::directory_iterator(path_ / "checkpoint"), {});
    std::ranges::sort(all);
    return all;
  }

  void expect_refused(const std::string& words) {
    const Outcome outcome = resume();
    EXPECT_EQ(outcome.code, Exit::bad_input) << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr(words));
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path() / "run";
};

std::string digest(const Outcome& outcome) {
  const std::size_t at = outcome.out.find("sha256(theta)");
  return at == std::string::npos ? outcome.err : outcome.out.substr(at, 80);
}

class ResumedPreset : public CheckpointTest, public testing::WithParamInterface<std::string> {};

TEST_P(ResumedPreset, EndsAsInOneGoWhateverTheSlots) {
  const fs::path whole_path = path_.string() + "_whole";
  fs::remove_all(whole_path);
  const Outcome whole = train(GetParam(), whole_path);
  ASSERT_EQ(whole.code, Exit::good) << whole.err;

  interrupt(GetParam(), 3);
  EXPECT_FALSE(fs::exists(path_ / "model.safetensors"));
  // A killed run leaves such rows past the checkpoint.
  std::ofstream(path_ / "metrics.jsonl", std::ios::app) << R"({"round":99,"half)";
  std::ofstream(path_ / "ledger.csv", std::ios::app) << "99,0,up,vote,positions,1\n99,0,u";
  const Outcome resumed = resume({"--slots", "1", "--checkpoint-every", "2"});
  ASSERT_EQ(resumed.code, Exit::good) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("resumed after round "));
  EXPECT_EQ(digest(resumed), digest(whole));
  EXPECT_EQ(text(path_ / "ledger.csv"), text(whole_path / "ledger.csv"));
  EXPECT_EQ(timeless(path_ / "metrics.jsonl"), timeless(whole_path / "metrics.jsonl"));
  EXPECT_EQ(text(path_ / "model.safetensors"), text(whole_path / "model.safetensors"));
  fs::remove_all(whole_path);
}

std::vector<std::string> all_presets() {
  std::vector<std::string> names;
  for (const Preset& p : presets()) names.push_back(p.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Each, ResumedPreset, testing::ValuesIn(all_presets()),
                         [](const testing::TestParamInfo<std::string>& preset_name) {
                           std::string name = preset_name.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_F(CheckpointTest, WhatDependsOnTheRoundBeforeIsInIt) {
  // Masks and drops coded relative to the last ones, kept votes, the authors' batch statistics.
  const std::vector<std::string> more{"--mask-codec", "delta",   "--drop-codec",     "rank",
                                      "--practice",   "authors", "--position-codec", "entropy"};
  const fs::path whole_path = path_.string() + "_whole";
  fs::remove_all(whole_path);
  const Outcome whole = train("ssgd-mv-ad-l2", whole_path, more);
  ASSERT_EQ(whole.code, Exit::good) << whole.err;
  interrupt("ssgd-mv-ad-l2", 4, more);
  const Outcome resumed = resume();
  EXPECT_EQ(digest(resumed), digest(whole));
  EXPECT_EQ(text(path_ / "ledger.csv"), text(whole_path / "ledger.csv"));
  EXPECT_EQ(text(path_ / "model.safetensors"), text(whole_path / "model.safetensors"));
  fs::remove_all(whole_path);
}

TEST_F(CheckpointTest, OfAnyStairOfTheWarmUpGoesOn) {
  // Rounds on the stairs 1, 1, 2, 3 and three more with phi.
  const std::vector<std::string> more{"--phi-warmup", "stairs", "--warmup-epochs", "1"};
  const fs::path whole_path = path_.string() + "_whole";
  const Outcome whole = train("ssgd-mv-ad-l2", whole_path, more);
  ASSERT_EQ(whole.code, Exit::good) << whole.err;
  for (const int rounds : {2, 3, 4, 5}) {
    interrupt("ssgd-mv-ad-l2", rounds, more);
    const Outcome resumed = resume({"--slots", "1"});
    EXPECT_EQ(digest(resumed), digest(whole)) << rounds << resumed.err;
    EXPECT_EQ(text(path_ / "ledger.csv"), text(whole_path / "ledger.csv"));
    EXPECT_EQ(run({"verify", path_.string()}).code, Exit::good);
    fs::remove_all(path_);
  }
  fs::remove_all(whole_path);
}

TEST_F(CheckpointTest, OfARunFromWhichWorkersAreAbsentGoesOn) {
  // Everything that is sent against a worker's last vote, which may be some rounds old.
  const std::vector<std::string> more{"--participation", "1",    "--add-codec",     "rank",
                                      "--drop-codec",    "rank", "--mask-codec",    "delta",
                                      "--momentum",      "0.9",  "--learning-rate", "0.05"};
  const fs::path whole_path = path_.string() + "_whole";
  const Outcome whole = train("ssgd-mv-ad-l2", whole_path, more);
  ASSERT_EQ(whole.code, Exit::good) << whole.err;
  EXPECT_EQ(run({"verify", whole_path.string()}).code, Exit::good);
  for (const int rounds : {2, 3, 4}) {
    interrupt("ssgd-mv-ad-l2", rounds, more);
    const Outcome resumed = resume({"--slots", "1"});
    EXPECT_EQ(digest(resumed), digest(whole)) << rounds << resumed.err;
    EXPECT_EQ(text(path_ / "ledger.csv"), text(whole_path / "ledger.csv"));
    EXPECT_EQ(timeless(path_ / "metrics.jsonl"), timeless(whole_path / "metrics.jsonl"));
    EXPECT_EQ(text(path_ / "model.safetensors"), text(whole_path / "model.safetensors"));
    EXPECT_EQ(run({"verify", path_.string()}).code, Exit::good);
    fs::remove_all(path_);
  }
  fs::remove_all(whole_path);
}

TEST_F(CheckpointTest, OfARunWhoseWorkersSumGoesOn) {
  for (const std::vector<std::string>& also :
       {std::vector<std::string>{}, {"--participation", "1"}}) {
    std::vector<std::string> more{"--aggregate", "reduce",       "--value-bits",
                                  "4",           "--mask-codec", "delta"};
    more.insert(more.end(), also.begin(), also.end());
    const fs::path whole_path = path_.string() + "_whole";
    const Outcome whole = train("ssgd-mv-ad-l2", whole_path, more);
    ASSERT_EQ(whole.code, Exit::good) << whole.err;
    EXPECT_THAT(text(whole_path / "ledger.csv"), HasSubstr(",across,reduce,values,"));
    EXPECT_EQ(run({"verify", whole_path.string()}).code, Exit::good);
    for (const int rounds : {1, 3, 4}) {
      interrupt("ssgd-mv-ad-l2", rounds, more);
      const Outcome resumed = resume({"--slots", "1"});
      EXPECT_EQ(digest(resumed), digest(whole)) << rounds << resumed.err;
      EXPECT_EQ(text(path_ / "ledger.csv"), text(whole_path / "ledger.csv"));
      EXPECT_EQ(timeless(path_ / "metrics.jsonl"), timeless(whole_path / "metrics.jsonl"));
      EXPECT_EQ(text(path_ / "model.safetensors"), text(whole_path / "model.safetensors"));
      EXPECT_EQ(run({"verify", path_.string()}).code, Exit::good);
      fs::remove_all(path_);
    }
    fs::remove_all(whole_path);
  }
}

TEST_F(CheckpointTest, HasTheLinesOfEachWorkersNumbers) {
  const std::vector<std::string> more{"--worker-metrics", "true", "--eval-every", "1"};
  const fs::path whole_path = path_.string() + "_whole";
  const fs::path lines = "worker_metrics.jsonl";
  const Outcome whole = train("ssgd-mv-ad-l2", whole_path, more);
  ASSERT_EQ(whole.code, Exit::good) << whole.err;
  EXPECT_THAT(text(whole_path / lines), HasSubstr("vote_agreement"));
  for (const int rounds : {2, 4}) {
    interrupt("ssgd-mv-ad-l2", rounds, more);
    std::ofstream(path_ / lines, std::ios::app) << R"({"round":6,"ep)";  // of a run that is killed
    const Outcome resumed = resume({"--slots", "1"});
    EXPECT_EQ(digest(resumed), digest(whole)) << resumed.err;
    EXPECT_EQ(text(path_ / lines), text(whole_path / lines)) << rounds;
    EXPECT_EQ(run({"verify", path_.string()}).code, Exit::good);
    fs::remove_all(path_);
  }
  // A checkpoint whose lines are gone is damaged.
  interrupt("ssgd-mv-ad-l2", 5, more);
  std::ofstream(path_ / lines) << "";
  expect_refused("worker_metrics.jsonl has not");
  fs::remove_all(whole_path);
}

TEST_F(CheckpointTest, HasTheVelocitiesOfARunWithMomentumAndOfNoOther) {
  for (const std::string name : {"sm", "ssgd-mv-ad-l2"}) {
    std::vector<std::string> more{"--momentum", "0.9", "--learning-rate", "0.05"};
    if (name != "sm") more.insert(more.end(), {"--momentum-correction", "true"});
    const fs::path whole_path = path_.string() + "_whole";
    const Outcome whole = train(name, whole_path, more);
    ASSERT_EQ(whole.code, Exit::good) << whole.err;
    interrupt(name, 4, more);
    SafetensorsFile arrays(checkpoints().back() / "arrays.safetensors");
    const std::vector<float> velocity = arrays.floats("velocity.0", {11'420});
    EXPECT_GT(std::ranges::count_if(velocity, [](float v) { return v != 0; }), 11'000);
    const Outcome resumed = resume({"--slots", "1"});
    EXPECT_EQ(digest(resumed), digest(whole)) << name;
    fs::remove_all(path_);
    fs::remove_all(whole_path);
  }
  interrupt("ssgd-mv", 3);
  SafetensorsFile arrays(checkpoints().back() / "arrays.safetensors");
  for (const TensorEntry& tensor : arrays.header().tensors) {
    EXPECT_THAT(tensor.name, testing::Not(StartsWith("velocity")));
  }
}

TEST_F(CheckpointTest, HasTheServersErrorWhereItQuantizesAndFeedsItBack) {
  const std::vector<std::string> more{"--aggregate-bits", "3", "--value-codec", "entropy"};
  for (const std::string name : {"ssgd-mv-l2", "ssgd-mv-ad-l2"}) {
    const fs::path whole_path = path_.string() + "_whole";
    const Outcome whole = train(name, whole_path, more);
    ASSERT_EQ(whole.code, Exit::good) << whole.err;
    interrupt(name, 4, more);
    SafetensorsFile arrays(checkpoints().back() / "arrays.safetensors");
    const std::vector<float> error = arrays.floats("server_error", {11'420});
    EXPECT_GT(std::ranges::count_if(error, [](float e) { return e != 0; }), 10) << name;
    const Outcome resumed = resume({"--slots", "1"});
    EXPECT_EQ(digest(resumed), digest(whole)) << name;
    fs::remove_all(path_);
    fs::remove_all(whole_path);
  }
  interrupt("ssgd-mv", 3, {"--aggregate-bits", "3", "--quantization-error", "false"});
  SafetensorsFile arrays(checkpoints().back() / "arrays.safetensors");
  for (const TensorEntry& tensor : arrays.header().tensors) EXPECT_NE(tensor.name, "server_error");
}

TEST_F(CheckpointTest, HasWhenEachCoordinateWasSentForTheAgesOfLaterMasks) {
  const std::vector<std::string> more{"--mask-metrics", "true", "--eval-every", "1"};
  for (const std::string name : {"ssgd-mv-ad-l2", "top-k"}) {
    const fs::path whole_path = path_.string() + "_whole";
    const Outcome whole = train(name, whole_path, more);
    ASSERT_EQ(whole.code, Exit::good) << whole.err;
    EXPECT_THAT(text(whole_path / "metrics.jsonl"), HasSubstr("in_masks_by_layer"));
    for (const int rounds : {2, 4}) {
      interrupt(name, rounds, more);
      (void)resume({"--slots", "1"});
      EXPECT_EQ(timeless(path_ / "metrics.jsonl"), timeless(whole_path / "metrics.jsonl")) << name;
      EXPECT_EQ(run({"verify", path_.string()}).code, Exit::good);
      fs::remove_all(path_);
    }
    fs::remove_all(whole_path);
  }
}

TEST_F(CheckpointTest, TheLastTwoAreKeptAndHoldWhatTheReadmeSays) {
  interrupt("ssgd-mv-ad", 4);
  const std::vector<fs::path> kept = checkpoints();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[1].filename(), "round-00000004");
  SafetensorsFile arrays(kept[1] / "arrays.safetensors");
  const std::uint64_t d = 11'420;
  EXPECT_EQ(arrays.floats("theta", {d}).size(), d);
  EXPECT_EQ(arrays.floats("error.1", {d}).size(), d);
  EXPECT_EQ(arrays.floats("buffers.1", {300}).size(), 300U);
  EXPECT_EQ(arrays.indices("vote.1", {115}).size(), 115U);
  const std::vector<std::uint32_t> votes = arrays.indices("vote_sum", {d});
  EXPECT_EQ(std::accumulate(votes.begin(), votes.end(), 0U), 230U);
  const auto manifest = nlohmann::json::parse(text(kept[1] / "manifest.json"));
  EXPECT_EQ(manifest["format"], "mvsgd checkpoint");
  EXPECT_EQ(manifest["version"], 1);
  EXPECT_EQ(manifest["settings"]["scheme"], "mv-ad");
  EXPECT_EQ(manifest["files"]["arrays.safetensors"]["sha256"],
            digest_of(kept[1] / "arrays.safetensors")->sha256);
}

TEST_F(CheckpointTest, ANewerDamagedOneIsSaidAndTheOneBeforeIsTaken) {
  const Outcome whole = train("ssgd-mv", path_);
  fs::remove_all(path_);
  interrupt("ssgd-mv", 4);
  const fs::path newest = checkpoints().back();
  fs::resize_file(newest / "arrays.safetensors", 1000);
  const Outcome resumed = resume();
  EXPECT_EQ(resumed.code, Exit::good) << resumed.err;
  EXPECT_THAT(resumed.err, StartsWith("mvsgd: warning: " + newest.string() + " is damaged: "));
  EXPECT_THAT(resumed.err, HasSubstr("arrays.safetensors has 1000 bytes"));
  EXPECT_THAT(resumed.out, HasSubstr("resumed after round 3\n"));
  EXPECT_EQ(digest(resumed), digest(whole));
}

TEST_F(CheckpointTest, AnotherProgramIsWarnedOfAndNothingIfQuiet) {
  interrupt("ssgd-mv", 3);
  for (const fs::path& path : checkpoints()) {
    replace(path / "manifest.json", "\"version\": \"", "\"version\": \"not ");
  }
  const fs::path copy = path_.string() + "_copy";
  const auto resumed = [&](const std::vector<std::string>& more) {
    fs::remove_all(copy);
    fs::copy(path_, copy, fs::copy_options::recursive);
    std::vector<std::string> args{"train", "--resume", copy.string()};
    args.insert(args.end(), more.begin(), more.end());
    Outcome outcome = run(args);
    fs::remove_all(copy);
    EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
    return outcome;
  };
  const auto warning = AllOf(StartsWith("mvsgd: warning: version is "), HasSubstr(" was not "),
                             EndsWith("the digest may be another than in one go\n"));
  EXPECT_THAT(resumed({}).err, warning);
  const Outcome warned = resumed({"--log-level", "warn"});
  EXPECT_THAT(warned.err, warning);
  EXPECT_EQ(warned.out, "");
  const Outcome quiet = resumed({"--quiet"});
  EXPECT_EQ(quiet.out + quiet.err, "");
}

TEST_F(CheckpointTest, OfPortableBitsGoesOnWithAnyProcessorAndThreads) {
  for (const char* const backend : {"reference", "lanes"}) {
    const fs::path whole_path = path_.string() + "_whole";
    const Outcome whole = train("ssgd-mv", whole_path, {"--backend", backend});
    interrupt("ssgd-mv", 3, {"--backend", backend});
    for (const fs::path& path : checkpoints()) {
      for (const std::string name : {"processor", "caches", "compiler"}) {
        replace(path / "manifest.json", "\"" + name + "\": \"", "\"" + name + "\": \"not ");
      }
    }
    std::vector<std::string> threads{"--threads-per-worker", MVSGD_MOST_THREADS};
    if (backend == std::string("reference")) {
      const Outcome refused = resume(threads);
      EXPECT_EQ(refused.code, Exit::usage);
      EXPECT_THAT(refused.err, HasSubstr("on one thread, so it has no effect"));
      threads.clear();
    }
    const Outcome resumed = resume(threads);
    EXPECT_EQ(resumed.code, Exit::good);
    EXPECT_EQ(resumed.err, "");
    EXPECT_EQ(digest(resumed), digest(whole));
    fs::remove_all(path_);
    fs::remove_all(whole_path);
  }
}

#if defined(MVSGD_WITH_ONEDNN)
TEST_F(CheckpointTest, OfAProcessorsOwnBitsIsWarnedOfAnotherAndRefusesOtherThreads) {
  interrupt("ssgd-mv", 3, {"--backend", "onednn"});
  const Outcome threads = resume({"--threads-per-worker", "2"});
  EXPECT_EQ(threads.code, Exit::bad_input);
  EXPECT_THAT(threads.err, HasSubstr("threads_per_worker = \"1\" there, 2 here, and the bits of "
                                     "backend = onednn depend on it"));
  for (const fs::path& path : checkpoints()) {
    replace(path / "manifest.json", "\"processor\": \"", "\"processor\": \"not ");
    replace(path / "manifest.json", "\"bits\": \"", "\"bits\": \"not ");
  }
  const std::string bits = value_of(read_run_settings(path_ / "config.toml").environment, "bits");
  EXPECT_THAT(bits, EndsWith(", threads_per_worker = 1"));
  const Outcome resumed = resume();
  EXPECT_EQ(resumed.code, Exit::good);
  EXPECT_EQ(value_of(read_run_settings(path_ / "config.toml").environment, "bits"),
            "not " + bits + "; then " + bits);
  EXPECT_THAT(resumed.err,
              AllOf(StartsWith("mvsgd: warning: processor is "), HasSubstr(" was not "),
                    EndsWith("the digest may be another than in one go\n")));
}
#endif

TEST_F(CheckpointTest, NothingIsTakenThatIsDamagedAltogether) {
  interrupt("ssgd-mv", 3);
  const std::string before = text(path_ / "metrics.jsonl");
  fs::remove(checkpoints()[0] / "progress.json");
  replace(checkpoints()[1] / "progress.json", "\"seconds\"", "\"sekonds\"");
  expect_refused("no checkpoint to go on from: ");
  expect_refused(checkpoints()[0].string() + " is damaged");
  EXPECT_EQ(text(path_ / "metrics.jsonl"), before);
}

TEST_F(CheckpointTest, AnAlteredByteIsFound) {
  interrupt("ssgd-mv", 2);
  fs::remove_all(checkpoints()[0]);
  const fs::path only = checkpoints()[0];
  for (const char* name : {"arrays.safetensors", "progress.json", "manifest.json"}) {
    const std::string whole = text(only / name);
    for (const std::size_t at : {std::size_t{0}, whole.size() / 2, whole.size() - 2}) {
      std::string altered = whole;
      altered[at] = static_cast<char>(altered[at] ^ 1);
      std::ofstream(only / name, std::ios::binary) << altered;
      EXPECT_EQ(resume().code, Exit::bad_input) << name << ' ' << at;
    }
    std::ofstream(only / name, std::ios::binary) << whole.substr(0, whole.size() / 2);
    EXPECT_EQ(resume().code, Exit::bad_input) << name;
    std::ofstream(only / name, std::ios::binary) << whole;
  }
  EXPECT_EQ(resume().code, Exit::good);
}

TEST_F(CheckpointTest, RowsThatWereTakenAwayOrAlteredAreFound) {
  interrupt("ssgd-mv", 2);
  const std::string rows = text(path_ / "ledger.csv");
  std::ofstream(path_ / "ledger.csv") << rows.substr(0, 100);
  expect_refused("ledger.csv has not " + std::to_string(rows.size()) + " bytes");
  std::ofstream(path_ / "ledger.csv") << rows;
  replace(path_ / "ledger.csv", ",up,dense,values,", ",up,dense,values,1");
  expect_refused("ledger.csv has ");
}

TEST_F(CheckpointTest, AForeignOrFutureOneIsRefused) {
  interrupt("ssgd-mv", 2);
  const fs::path manifest = checkpoints().back() / "manifest.json";
  replace(manifest, "\"version\": 1", "\"version\": 2");
  expect_refused("version is 2, this program reads 1");
  replace(manifest, "\"version\": 2", "\"version\": 1");
  replace(manifest, "\"format\": \"mvsgd checkpoint\"", "\"format\": \"another\"");
  expect_refused("format is \"another\", not \"mvsgd checkpoint\"");
}

TEST_F(CheckpointTest, OtherSettingsAreRefusedNamingTheKey) {
  interrupt("ssgd-mv", 2);
  const Outcome seeded = resume({"--seed", "7"});
  EXPECT_EQ(seeded.code, Exit::bad_input);
  EXPECT_THAT(seeded.err, HasSubstr("seed = \"1\" there, 7 here"));
  replace(path_ / "config.toml", "batch = 4", "batch = 5");
  expect_refused("batch = \"4\" there, 5 here");
  replace(path_ / "config.toml", "batch = 5", "batch = 4");
  EXPECT_THAT(resume({"--rounds", "1"}).err, HasSubstr("the settings have 1 round"));
  EXPECT_EQ(resume({"--preset", "ssgd-mv"}).code, Exit::usage);
  const Outcome on_threads = resume({"--deadline", "60"});
  EXPECT_EQ(on_threads.code, Exit::usage);
  EXPECT_THAT(on_threads.err, HasSubstr("deadline = 60: only a transport between processes"));
  const Outcome longer = resume({"--rounds", "9", "--slots", "1", "--checkpoint-every", "0"});
  EXPECT_EQ(longer.code, Exit::good) << longer.err;
  EXPECT_THAT(text(path_ / "config.toml"), HasSubstr("rounds = 9\n"));
}

// As version 0.1.0 wrote it: without the keys warmup and split, and with TOML's quotes in two
// values.
TEST_F(CheckpointTest, OneOfBeforeSomeKeysWereThereGoesOn) {
  const fs::path whole_path = path_.string() + "_whole";
  fs::remove_all(whole_path);
  const Outcome whole = train("ssgd-mv", whole_path);
  interrupt("ssgd-mv", 3);
  for (const fs::path& checkpoint : checkpoints()) {
    const fs::path manifest = checkpoint / "manifest.json";
    replace(manifest, "    \"warmup\": \"stairs\",\n", "");
    replace(manifest, "    \"split\": \"random\",\n", "");
    replace(manifest, "\"warmup_epochs\": \"proportional\"",
            R"("warmup_epochs": "\"proportional\"")");
  }
  replace(path_ / "config.toml", "warmup = \"stairs\"\n", "");
  replace(path_ / "config.toml", "split = \"random\"\n", "");
  const Outcome other = resume({"--split", "stratified"});
  EXPECT_EQ(other.code, Exit::bad_input);
  EXPECT_THAT(other.err, HasSubstr("split = \"random\" there, stratified here"));
  const Outcome resumed = resume();
  ASSERT_EQ(resumed.code, Exit::good) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("resumed after round "));
  EXPECT_EQ(digest(resumed), digest(whole));
  fs::remove_all(whole_path);
}

TEST_F(CheckpointTest, AFinishedRunGoesOnToMoreRoundsAsIfItHadNotEnded) {
  const fs::path whole_path = path_.string() + "_whole";
  fs::remove_all(whole_path);
  const Outcome whole = train("ssgd-mv", whole_path, {"--rounds", "9"});
  const Outcome first = train("ssgd-mv", path_, {"--checkpoint-every", "0"});
  const Outcome again = resume();  // runs the last round again
  EXPECT_EQ(again.code, Exit::good) << again.err;
  EXPECT_EQ(digest(again), digest(first));
  EXPECT_EQ(digest(resume({"--rounds", "9"})), digest(whole));
  EXPECT_EQ(text(path_ / "ledger.csv"), text(whole_path / "ledger.csv"));
  EXPECT_EQ(timeless(path_ / "metrics.jsonl"), timeless(whole_path / "metrics.jsonl"));
  EXPECT_EQ(run({"verify", path_.string()}).code, Exit::good);
  fs::remove_all(whole_path);
}

TEST_F(CheckpointTest, ARunKilledBeforeItsFirstBeginsAgain) {
  const Outcome whole = train("ssgd-mv", path_);
  for (const auto& checkpoint : checkpoints()) fs::remove_all(checkpoint);
  fs::create_directory(path_ / "checkpoint" / "round-00000001.tmp");
  const std::string rows = text(path_ / "metrics.jsonl");
  EXPECT_THAT(resume().err, HasSubstr("the run has ended")) << "its results are not trained over";
  EXPECT_EQ(text(path_ / "metrics.jsonl"), rows);
  std::ofstream(path_ / "metrics.jsonl") << rows.substr(0, rows.find("{\"end\""));
  const Outcome resumed = resume();
  EXPECT_EQ(resumed.code, Exit::good) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("no checkpoint yet: the run begins again\n"));
  EXPECT_EQ(digest(resumed), digest(whole));
  EXPECT_FALSE(fs::exists(path_ / "checkpoint" / "round-00000001.tmp"));
}

TEST_F(CheckpointTest, WhatIsNoRunIsRefused) {
  expect_refused("run: no such directory");
  ASSERT_EQ(train("ssgd-mv", path_).code, Exit::good);
  const std::string rows = text(path_ / "metrics.jsonl");
  fs::remove_all(path_ / "checkpoint");
  expect_refused("there is no run to resume");
  EXPECT_EQ(text(path_ / "metrics.jsonl"), rows);
}

TEST_F(CheckpointTest, ADivergedRunLeavesItsLastOneWhole) {
  // The first rounds have the warm-up's rate. Then the rate is far too large.
  const Outcome outcome =
      train("ssgd-mv", path_,
            {"--warmup-epochs", "1", "--learning-rate", "1e6", "--checkpoint-every", "1"});
  EXPECT_EQ(outcome.code, Exit::run_failed);
  EXPECT_THAT(outcome.err, testing::ContainsRegex("round [0-9]+, worker [0-9]+"));
  const Settings settings = read_toml((path_ / "config.toml").string(), {});
  const FoundCheckpoint found = find_checkpoint(path_, settings, 7);
  ASSERT_TRUE(found.newest);
  EXPECT_TRUE(found.damaged.empty());
  EXPECT_EQ(resume().code, Exit::run_failed);  // which worker diverges first is a race
}

TEST_F(CheckpointTest, AVoteSumThatIsNotTheVotesIsRefused) {
  interrupt("ssgd-mv-ad", 4);
  fs::remove_all(checkpoints()[0]);
  const fs::path only = checkpoints()[0];
  // Adds a vote for the last coordinate and corrects the digest.
  const std::string before = digest_of(only / "arrays.safetensors")->sha256;
  SafetensorsFile arrays(only / "arrays.safetensors");
  std::string bytes = text(only / "arrays.safetensors");
  const TensorEntry& sum = arrays.header().at("vote_sum", "");
  std::uint64_t data = 0;
  for (const TensorEntry& tensor : arrays.header().tensors) data += tensor.bytes;
  bytes[bytes.size() - data + sum.offset + sum.bytes - 4] += 1;
  std::ofstream(only / "arrays.safetensors", std::ios::binary) << bytes;
  replace(only / "manifest.json", before, digest_of(only / "arrays.safetensors")->sha256);
  expect_refused("vote_sum is not the sum of the votes");
}

}  // namespace
}  // namespace mvsgd::sim
