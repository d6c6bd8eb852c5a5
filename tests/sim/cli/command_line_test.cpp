// The command line: what it refuses, with which exit code and words, and that nothing is left
// behind.
#include "sim/cli/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "comm/message.hpp"
#include "compress/positions/block_position_codec.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/plan/presets.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CommandLine : public testing::Test {
 protected:
  /// Trains a run of some seconds, with further arguments.
  Outcome train(std::vector<std::string> more) {
    std::vector<std::string> args{"train",   "--preset", "ssgd-mv",   "--backend", "reference",
                                  "--width", "2",        "--workers", "2",         "--batch",
                                  "8",       "--epochs", "1",         "--out",     path_.string()};
    if (std::ranges::find(more, "--data") == more.end()) {
      args.insert(args.end(), {"--synthetic-train", "64", "--synthetic-test", "16"});
    }
    args.insert(args.end(), more.begin(), more.end());
    return run(args);
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path() / "run";
};

TEST_F(CommandLine, TrainsAndVerifiesItsOwnLedger) {
  const Outcome trained = train({"--set", "rounds=3"});
  ASSERT_EQ(trained.code, Exit::good) << trained.err;
  EXPECT_THAT(trained.out, HasSubstr("test accuracy"));
  EXPECT_THAT(trained.out, HasSubstr("whole run, both ways"));
  EXPECT_THAT(trained.out, HasSubstr("equal to eqs 13-15 in every message of 3 rounds"));
  EXPECT_THAT(trained.out, testing::ContainsRegex("sha256.theta. +[0-9a-f]{64}\n"));
  std::ifstream file(path_ / "config.toml");
  const std::string config{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(config, HasSubstr("\nbits = \"portable\"\n"));
  const Outcome verified = run({"verify", path_.string()});
  EXPECT_EQ(verified.code, Exit::good);
  EXPECT_THAT(verified.out, HasSubstr("bits: portable"));
}

TEST_F(CommandLine, PracticeComesBeforeWhatItSetsWhateverTheOrder) {
  const Outcome trained =
      train({"--bn-eval", "recompute", "--practice", "authors", "--rounds", "1"});
  ASSERT_EQ(trained.code, Exit::good) << trained.err;
  std::ifstream file(path_ / "config.toml");
  const std::string config{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(config, HasSubstr("bn_eval = \"recompute\"\n"));
  EXPECT_THAT(config, HasSubstr("sampling = \"fresh\"\n"));
}

TEST_F(CommandLine, AnAlteredLedgerIsExit1) {
  ASSERT_EQ(train({"--scheme", "mv-ad", "--rounds", "4"}).code, Exit::good);
  std::ifstream file(path_ / "ledger.csv");
  std::string ledger{std::istreambuf_iterator<char>(file), {}};
  const std::string row = ",up,add,positions,";
  const std::size_t at = ledger.rfind(row);
  ASSERT_NE(at, std::string::npos);
  std::ofstream(path_ / "ledger.csv") << ledger.insert(at + row.size(), "1");
  const Outcome outcome = run({"verify", path_.string()});
  EXPECT_EQ(outcome.code, Exit::check_failed);
  EXPECT_THAT(outcome.out, HasSubstr("WRONG"));
}

TEST_F(CommandLine, ItsConfigGivesTheSameDigestAgain) {
  const Outcome first = train({"--rounds", "4"});
  ASSERT_EQ(first.code, Exit::good) << first.err;
  const fs::path again = path_.string() + "_again";
  const Outcome second = run({"train", "--config", (path_ / "config.toml").string(), "--slots", "1",
                              "--out", again.string()});
  ASSERT_EQ(second.code, Exit::good) << second.err;
  fs::remove_all(again);
  const auto digest = [](const Outcome& o) {
    return o.out.substr(o.out.find("sha256(theta)"), 80);
  };
  EXPECT_EQ(digest(first), digest(second));
}

TEST_F(CommandLine, EvaluatesARunsModelAsTheRunDid) {
  for (const char* bn_eval : {"average", "recompute"}) {
    fs::remove_all(path_);
    const Outcome trained = train({"--rounds", "3", "--bn-eval", bn_eval});
    ASSERT_EQ(trained.code, Exit::good) << trained.err;
    // With `average`, the evaluation takes the file's statistics, however they were made.
    const Outcome evaluated = run({"evaluate", "--init", (path_ / "model.safetensors").string(),
                                   "--backend", "reference", "--synthetic-test", "16"});
    ASSERT_EQ(evaluated.code, Exit::good) << evaluated.err;
    EXPECT_THAT(evaluated.out, HasSubstr("width 2, 11,420 parameters, 16 test images\n"));
    const auto accuracy = [](const std::string& out) {
      const std::size_t at = out.find("test accuracy   ");
      return out.substr(at, out.find('%', at) - at);
    };
    EXPECT_EQ(accuracy(evaluated.out), accuracy(trained.out)) << bn_eval;
    const std::size_t at = evaluated.out.find("test loss") + 16;
    std::ifstream file(path_ / "metrics.jsonl");
    const std::string metrics{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(metrics, HasSubstr("\"test_loss\":" + evaluated.out.substr(at, 6))) << bn_eval;
  }
}

TEST_F(CommandLine, BeginsWithTheWeightsOfAFile) {
  ASSERT_EQ(train({"--rounds", "3"}).code, Exit::good);
  const std::string model = path_.string() + ".safetensors";
  fs::rename(path_ / "model.safetensors", model);
  const auto first_loss = [&] {
    std::ifstream file(path_ / "metrics.jsonl");
    std::string line;
    std::getline(file, line);
    return line.substr(line.find("\"loss\""), 16);
  };
  const std::string random = first_loss();
  fs::remove_all(path_);
  const Outcome begun = train({"--rounds", "1", "--init", model});
  EXPECT_EQ(begun.code, Exit::good) << begun.err;
  EXPECT_NE(first_loss(), random);
  std::ifstream file(path_ / "config.toml");
  const std::string config{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(config, HasSubstr("init = \"" + model + "\"\n"));
  EXPECT_THAT(config, testing::ContainsRegex("init_sha256 = \"[0-9a-f]{64}\"\n"));

  fs::remove_all(path_);
  const Outcome other = run({"train", "--init", model, "--width", "4", "--out", path_.string()});
  EXPECT_EQ(other.code, Exit::bad_input);
  EXPECT_THAT(other.err, HasSubstr("a network of width 2, not 4"));
  EXPECT_FALSE(fs::exists(path_));
  fs::remove(model);
  EXPECT_EQ(train({"--init", model}).code, Exit::bad_input);
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_EQ(run({"evaluate", "--init", model}).code, Exit::bad_input);
  EXPECT_EQ(run({"evaluate"}).code, Exit::usage);
}

TEST_F(CommandLine, BaselineIsComparedWith) {
  ASSERT_EQ(train({"--rounds", "3"}).code, Exit::good);
  const std::string other = path_.string() + "_other";
  const Outcome outcome = run({"train", "--config", (path_ / "config.toml").string(), "--out",
                               other, "--baseline", path_.string()});
  fs::remove_all(other);
  ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("with 'ssgd-mv', +0.00 points here"));
  EXPECT_THAT(outcome.out, HasSubstr("a short sparse run lags"));
}

TEST_F(CommandLine, DumpedMessagesDecodeByTheirHeaders) {
  const std::string dump = path_.string() + "_wire";
  fs::remove_all(dump);
  const Outcome outcome = train({"--rounds", "2", "--dump-wire", dump, "--dump-rounds", "0,2"});
  ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_FALSE(fs::exists(dump + "/round-1-up-dense-worker-0.bin"));
  EXPECT_TRUE(fs::exists(dump + "/round-0-down-model-worker-1.bin"));
  std::ifstream file(dump + "/round-2-up-vote-worker-1.bin", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  fs::remove_all(dump);
  comm::MessageReader reader(std::as_bytes(std::span(text)));
  const comm::Header header = reader.header();
  EXPECT_EQ(header.kind, comm::Kind::vote);
  EXPECT_EQ(header.sender, 1U);
  const compress::BlockPositionCodec codec(header.dimension, header.block_size);
  EXPECT_EQ(codec.decode(reader.field(comm::Field::positions)).size(), header.count);
  reader.finish();
}

TEST_F(CommandLine, ARoundToDumpThatTheRunDoesNotDoIsWarnedOf) {
  const std::string dump = path_.string() + "_wire";
  EXPECT_EQ(train({"--rounds", "2", "--dump-wire", dump, "--dump-rounds", "2,3"}).err,
            "mvsgd: warning: --dump-rounds 3: nothing to dump, this run does rounds 0 to 2\n");
  EXPECT_THAT(run({"train", "--resume", path_.string(), "--dump-wire", dump}).err,
              HasSubstr("_wire: exists and is not an empty directory"));
  fs::remove_all(dump);
  EXPECT_EQ(run({"train", "--resume", path_.string(), "--dump-wire", dump}).err,
            "mvsgd: warning: --dump-rounds 1: nothing to dump, this run does rounds 2 to 2\n");
  fs::remove_all(dump);
}

// The images are known only when the directory exists already. Here they are too few for the
// workers.
TEST_F(CommandLine, ARefusalAfterTheDirectoryIsMadeLeavesNothing) {
  const Outcome outcome = train({"--workers", "121", "--synthetic-train", "120"});
  EXPECT_EQ(outcome.code, Exit::usage) << outcome.err;
  EXPECT_FALSE(fs::exists(path_));
  fs::create_directory(path_);
  EXPECT_EQ(train({"--workers", "121", "--synthetic-train", "120", "--tensorboard"}).code,
            Exit::usage);
  EXPECT_TRUE(fs::is_empty(path_)) << "it was there before";
}

TEST_F(CommandLine, OfTwoValuesTheLaterCounts) {
  const auto config_of = [&](const std::vector<std::string>& given) {
    fs::remove_all(path_);
    std::vector<std::string> args{"--rounds", "1"};
    args.insert(args.end(), given.begin(), given.end());
    const Outcome outcome = train(args);
    EXPECT_EQ(outcome.code, Exit::good) << outcome.err;
    std::ifstream file(path_ / "config.toml");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_THAT(config_of({"--seed", "4", "--seed", "2"}), HasSubstr("\nseed = 2\n"));
  EXPECT_THAT(config_of({"--seed", "4", "--set", "seed=3"}), HasSubstr("\nseed = 3\n"));
  EXPECT_THAT(config_of({"--set", "seed=3", "--seed", "4"}), HasSubstr("\nseed = 4\n"));
  const std::string both = config_of({"--set", "seed=5", "phi=0.02"});
  EXPECT_THAT(both, AllOf(HasSubstr("\nseed = 5\n"), HasSubstr("\nphi = 0.02\n")));
  const std::string preset = config_of({"--preset", "rand-k-l4", "--preset", "ssgd-mv-l2"});
  EXPECT_THAT(preset, StartsWith("preset = \"ssgd-mv-l2\"\n"));
}

TEST_F(CommandLine, OfTwoListsTheLaterCounts) {
  const fs::path dumps = path_.string() + "_wire";
  const Outcome outcome = train({"--rounds", "2", "--dump-wire", dumps.string(), "--dump-rounds",
                                 "0,1", "--dump-rounds", "2"});
  ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  for (const auto& file : fs::directory_iterator(dumps)) {
    EXPECT_THAT(file.path().filename().string(), StartsWith("round-2-"));
  }
  EXPECT_GT(fs::remove_all(dumps), 1U);
}

TEST_F(CommandLine, APresetMayBeSpeltAsInThePaper) {
  EXPECT_EQ(run({"presets", "SSGD-MV-AD-L8-Q"}).out, run({"presets", "ssgd-mv-ad-l8-q"}).out);
}

TEST_F(CommandLine, OutputThatCannotBeWrittenIsExit4) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"presets"},
        {"info"},
        {"man"},
        {"--help"},
        {"train", "--help"},
        {"data", "split", "--synthetic-train", "64"},
        {"reproduce", "table1", "--scale", "smoke", "--estimate", "--out", path_.string()}}) {
    std::ofstream full("/dev/full");
    std::ostringstream err;
    const Exit code = run_command(args, {.out = full, .err = err, .columns = 0}, {}, {});
    EXPECT_EQ(code, Exit::run_failed) << args.front();
    EXPECT_EQ(err.str(), "mvsgd: standard output: cannot be written\n") << args.front();
  }
}

TEST_F(CommandLine, BadUsageIsExit2AndLeavesNothing) {
  const std::pair<std::vector<std::string>, const char*> bad[] = {
      {{"train", "--preset", "ssgd-mw"}, "did you mean 'ssgd-mv'?"},
      {{"train", "--set", "phi=0"}, "phi = 0"},
      {{"train", "--set", "phi=1.5"}, "phi = 1.5"},
      {{"train", "--set", "workers=0"}, "workers = 0"},
      {{"train", "--set", "local_steps=0"}, "local_steps = 0"},
      {{"train", "--phi", "1e-10"},
       "phi = 1e-10: a share from 0.000000001 to 1 is wanted, as 0.01"},
      {{"train", "--phi", "1.0000000000000001"}, "phi = 1.0000000000000001: a share from"},
      {{"train", "--phi=-0.1"}, "phi = -0.1: a share from 0.000000001 to 1 is wanted"},
      {{"train", "--phi", "+0.01"}, "phi = +0.01: a share from 0.000000001 to 1 is wanted"},
      {{"train", "--deadline", "31536001"}, "a whole number from 1 to 31536000 is wanted"},
      {{"train", "--checkpoint-every", "200000000m"},
       "or of minutes from 1m to 1000000m, is wanted"},
      {{"train", "--checkpoint-every", "10s"}, "a whole number of rounds from 0 to 1000000000, or"},
      {{"train", "--warmup-epochs", "abc"}, "proportional, or a whole number from 0 to"},
      {{"train", "--dump-rounds=-1"}, "--dump-rounds -1: whole numbers from 0 to 4294967295"},
      {{"train", "--dump-rounds", ","}, "--dump-rounds ',': a list without empty items is wanted"},
      {{"train", "--dump-rounds", "1,"}, "--dump-rounds '1,': a list without empty items"},
      {{"train", "--dump-rounds", ""}, "--dump-rounds '': it may not be empty"},
      {{"reproduce", "table1", "--rows", ",", "--scale", "smoke"}, "--rows ',': a list without"},
      {{"train", "--batch-size", "64"}, "unknown option '--batch-size': did you mean '--batch'?"},
      {{"train", "--lr", "0.1"}, "did you mean '--learning-rate'?"},
      {{"train", "--nesterov", "true"}, "nesterov = true: momentum = 0 has no velocity"},
      {{"train", "--set", "epoch=3"}, "did you mean 'epochs'?"},
      {{"train", "--set", "epochs"}, "key=value"},
      {{"train", "--backend", "tpu"}, "backend = tpu"},
      {{"train", "--instruction-set", "sse"}, "instruction_set = sse"},
      {{"train", "--backend", "reference", "--instruction-set", "avx2"}, "instruction_set: "},
      {{"train", "--set", "value_bits=9"}, "value_bits = 9"},
      {{"train", "--value-bits", "1"}, "quantizer = scaled-sign is wanted"},
      {{"train", "--preset", "dense", "--value-bits", "4"},
       "only a sparse scheme (top-k, mv, mv-rs, mv-ad, rand-k) quantises"},
      {{"train", "--preset", "ssgd-mv", "--check-votes", "true"}, "only scheme mv-ad"},
      {{"train", "--preset", "sm", "--workers", "3"}, "sm has one worker"},
      {{"presets", "none-such"}, "unknown preset"},
      {{"trian"}, "unknown command 'trian': did you mean 'train'?"},
      {{"data", "fetsh"}, "unknown command 'fetsh': did you mean 'fetch'?"},
      {{"train", "--epcohs", "3"}, "unknown option '--epcohs': did you mean '--epochs'?"},
      {{"train", "--no-such-option"}, "unknown option '--no-such-option'\n"},
      {{"train", "--log-level", "loud"}, "loud"},
      {{"-q"}, "A subcommand is required"},
      {{"-x", "info"}, "unknown option '-x'"},
      {{"--log-level", "warn", "trian"}, "unknown command 'trian'"},
      {{"train", "--baseline", ""}, "--baseline '': it may not be empty"},
      {{"train", "--set", ""}, "--set '': it may not be empty"},
      {{"presets", ""}, "PRESET '': it may not be empty"},
      {{"data", "check", ""}, "DIR '': it may not be empty"},
      {{"data", "synthesize", path_.string(), "--seed", "-1"}, "--seed"},
      {{"data", "check"}, "check: DIR is wanted; --help tells more\n"},
      {{"report", "--table"}, "report: RUN_DIR|FILE is wanted; --help tells more\n"},
      {{"evaluate", "--init", "none", "--synthetic-train", "20"},
       "synthetic_train = 20: only bn_eval = recompute looks at training images, and bn_eval = "
       "average, so it has no effect\n"},
      {{"data"}, "A subcommand is required; --help tells more\n"},
      {{}, "A subcommand is required"}};
  for (const auto& [args, words] : bad) {
    std::vector<std::string> with_out = args;
    if (!args.empty() && args[0] == "train") {
      with_out.insert(with_out.end(), {"--out", path_.string()});
    }
    const Outcome outcome = run(with_out);
    EXPECT_EQ(outcome.code, Exit::usage) << words;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("mvsgd: "), HasSubstr(words)));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_FALSE(fs::exists(path_)) << words;
  }
}

TEST_F(CommandLine, BadInputIsExit3AndLeavesNothing) {
  Outcome outcome = train({"--data", "/no/such/directory"});
  EXPECT_EQ(outcome.code, Exit::bad_input);
  EXPECT_THAT(outcome.err, HasSubstr("/no/such/directory"));
  EXPECT_FALSE(fs::exists(path_));

  outcome = run({"train", "--config", "/no/such/config.toml"});
  EXPECT_EQ(outcome.code, Exit::bad_input);
  EXPECT_THAT(outcome.err, HasSubstr("/no/such/config.toml"));

  outcome = run({"train", "--preset", "demo", "--out", "/proc/mvsgd"});
  EXPECT_EQ(outcome.code, Exit::bad_input);
  EXPECT_THAT(outcome.err, HasSubstr("/proc/mvsgd"));

  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"verify", "/no/such/run"},
           {"report", "/no/such/run"},
           {"train", "--resume", "/no/such/run"},
           {"train", "--config", testing::TempDir(), "--out", path_.string()},
           {"data", "synthesize", "/proc/mvsgd"},
           {"data", "fetch", "/proc/mvsgd", "--url", "file:///none"}}) {
    outcome = run(args);
    EXPECT_EQ(outcome.code, Exit::bad_input) << args[0] << ' ' << args[1];
    EXPECT_THAT(outcome.err, HasSubstr(args[0] == "train" ? args[2] : "/"));
    EXPECT_FALSE(fs::exists(path_));
  }
}

TEST_F(CommandLine, AReportReplacesNoDeviceAndNoDirectory) {
  ASSERT_EQ(train({"--rounds", "1"}).code, Exit::good);
  const fs::path pipe = path_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink(pipe, path_ / "link");
  for (const fs::path& taken : {pipe, path_ / "checkpoint", path_ / "link"}) {
    const Outcome outcome =
        run({"report", path_.string(), "--format", "csv", "--out", taken.string()});
    EXPECT_EQ(outcome.code, Exit::bad_input);
    EXPECT_THAT(outcome.err, HasSubstr(taken.string() + ": is there and is no ordinary file"));
    EXPECT_FALSE(fs::exists(taken.string() + ".tmp"));
  }
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST_F(CommandLine, AReportIsWrittenThroughLinks) {
  ASSERT_EQ(train({"--rounds", "1"}).code, Exit::good);
  const auto report_to = [&](const fs::path& path) {
    return run({"report", path_.string(), "--format", "csv", "--out", path.string()});
  };
  const fs::path file = path_ / "other" / "report.csv";
  fs::create_directory(file.parent_path());
  fs::create_symlink("other/report.csv", path_ / "link");
  fs::create_symlink(path_ / "link", path_ / "link_to_link");
  for (const char* const name : {"link", "link_to_link"}) {  // first to a file that is not there
    ASSERT_EQ(report_to(path_ / name).code, Exit::good);
    EXPECT_TRUE(fs::is_symlink(path_ / name));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(file)));
    EXPECT_GT(fs::file_size(file), 0U);
    std::ofstream(file, std::ios::trunc).flush();
  }
  fs::create_symlink("circle", path_ / "circle");
  const Outcome outcome = report_to(path_ / "circle");
  EXPECT_EQ(outcome.code, Exit::bad_input);
  EXPECT_THAT(outcome.err, HasSubstr("circle: a link that leads to no file"));
}

TEST_F(CommandLine, DataThatCannotBeLeaveNoParents) {
  const fs::path deep = path_ / "a" / "b" / std::string(300, 'n');
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"data", "fetch", (path_ / "a" / "b").string(), "--url",
                                 "file:///none"},
        {"data", "fetch", deep.string(), "--url", "file:///none"},
        {"data", "synthesize", deep.string()}}) {
    EXPECT_EQ(run(args).code, Exit::bad_input);
    EXPECT_FALSE(fs::exists(path_)) << args[1];
  }
}

TEST_F(CommandLine, AWireDumpThatCannotBeLeavesNoRunAndARunThatCannotBeNoDump) {
  const std::string dump = path_.string() + "_wire";
  std::ofstream(dump) << "mine";
  EXPECT_EQ(train({"--rounds", "1", "--dump-wire", dump}).code, Exit::bad_input);
  EXPECT_FALSE(fs::exists(path_));
  fs::remove(dump);
  std::ofstream(path_.string()) << "mine";
  EXPECT_EQ(train({"--rounds", "1", "--dump-wire", dump}).code, Exit::bad_input);
  EXPECT_FALSE(fs::exists(dump));
}

TEST_F(CommandLine, AWireDumpInTheRunsOwnDirectoryIsRefusedHoweverItIsSpelt) {
  for (const fs::path& dump : {path_, path_ / "", path_ / "." / ".." / path_.filename()}) {
    const Outcome outcome = train({"--rounds", "1", "--dump-wire", dump.string()});
    EXPECT_EQ(outcome.code, Exit::usage) << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr("--dump-wire"));
    EXPECT_FALSE(fs::exists(path_)) << dump;
  }
}

TEST_F(CommandLine, ARunThatAnotherProcessIsAtIsExit3) {
  ASSERT_EQ(train({"--rounds", "1"}).code, Exit::good);
  const DirectoryLock lock(path_ / "checkpoint");
  const Outcome outcome = run({"train", "--resume", path_.string(), "--rounds", "2"});
  EXPECT_EQ(outcome.code, Exit::bad_input);
  EXPECT_THAT(outcome.err, HasSubstr("another process is at work there"));
}

TEST_F(CommandLine, ATruncatedBatchIsExit3NamingFileAndRecord) {
  const fs::path data = path_.string() + "_data";
  fs::create_directories(data);
  std::ofstream(data / "data_batch_1.bin") << std::string(3073 * 2 + 5, '\0');
  const Outcome outcome = train({"--data", data.string()});
  fs::remove_all(data);
  EXPECT_EQ(outcome.code, Exit::bad_input);
  EXPECT_THAT(outcome.err, HasSubstr("data_batch_1.bin: record 2"));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(CommandLine, DivergenceIsExit4) {
  const Outcome outcome = train({"--learning-rate", "1000000", "--weight-decay", "1000000",
                                 "--local-steps", "4", "--warmup-epochs", "0"});
  EXPECT_EQ(outcome.code, Exit::run_failed);
  EXPECT_THAT(outcome.err, HasSubstr("worker"));
}

TEST_F(CommandLine, LogLevelsTellNothingAllOrMore) {
  const Outcome usual = train({"--rounds", "3"});
  fs::remove_all(path_);
  EXPECT_THAT(usual.out, Not(HasSubstr("round 2/3")));
  EXPECT_THAT(train({"--rounds", "3", "--log-level", "debug"}).out, HasSubstr("round 2/3"));
  fs::remove_all(path_);
  const Outcome quiet = train({"--rounds", "3", "--quiet"});
  EXPECT_EQ(quiet.code, Exit::good);
  EXPECT_EQ(quiet.out + quiet.err, "");
  EXPECT_TRUE(fs::exists(path_ / "metrics.jsonl"));
  const Outcome wrong = train({"--quiet"});  // the directory is not empty
  EXPECT_EQ(wrong.code, Exit::bad_input);
  EXPECT_THAT(wrong.err, HasSubstr("is not an empty directory"));
}

TEST_F(CommandLine, WhatFollowsABarBeginsALineAndNoBarIsWiderThanTheTerminal) {
  std::ostringstream out;
  std::ostringstream err;
  int asked = 0;
  const Exit code =
      run_command({"train", "--preset", "sm", "--backend", "reference", "--width", "2", "--batch",
                   "8", "--synthetic-train", "64", "--synthetic-test", "16", "--epochs", "4",
                   "--out", path_.string()},
                  {.out = out, .err = err, .columns = 40}, {}, [&] { return ++asked > 300; });
  EXPECT_EQ(code, Exit::interrupted);
  EXPECT_THAT(err.str(), testing::StartsWith("mvsgd: interrupted after round "));
  EXPECT_THAT(out.str(), testing::EndsWith("\n"));
  const std::string redraw = "\r\x1b[K";
  const std::size_t last = out.str().rfind(redraw);
  ASSERT_NE(last, std::string::npos);
  EXPECT_EQ(out.str().size() - (last + redraw.size()), 40U);  // with the line's end

  const Outcome wrong = run({"verify", "/no/such/run"});
  err.str("");
  (void)run_command({"verify", "/no/such/run"}, {.out = out, .err = err, .columns = 40});
  EXPECT_EQ(err.str(), wrong.err);
}

TEST_F(CommandLine, ColoursAreForTerminalsAlone) {
  std::ostringstream out;
  std::ostringstream err;
  const auto code = run_command({"verify", "/no/such/run"},
                                {.out = out, .err = err, .columns = 0, .err_colors = true});
  EXPECT_EQ(code, Exit::bad_input);
  EXPECT_THAT(err.str(), testing::StartsWith("\x1b[1;31mmvsgd:\x1b[0m "));
  EXPECT_THAT(run({"verify", "/no/such/run"}).err, testing::StartsWith("mvsgd: "));
}

TEST_F(CommandLine, FilesThatAreNotThereAreExit3) {
  EXPECT_EQ(run({"data", "check", "/no/such/directory"}).code, Exit::bad_input);
  const Outcome fetched =
      run({"data", "fetch", path_.string(), "--url", "file:///no/such/archive.tar.gz"});
  EXPECT_EQ(fetched.code, Exit::bad_input);
  EXPECT_THAT(fetched.err, HasSubstr("file:///no/such/archive.tar.gz: "));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(CommandLine, EveryPresetIsListedAndPrintsAsToml) {
  const Outcome list = run({"presets"});
  std::set<std::size_t> columns;  // where the summaries begin
  for (const Preset& p : presets()) {
    EXPECT_THAT(list.out, HasSubstr(p.name + " "));
    const std::size_t summary = list.out.find(" " + p.summary + "\n");
    ASSERT_NE(summary, std::string::npos) << p.name;
    columns.insert(summary - (list.out.rfind('\n', summary) + 1));
    EXPECT_THAT(run({"presets", p.name}).out, HasSubstr("preset = \"" + p.name + "\"\n"));
  }
  EXPECT_EQ(columns.size(), 1U);
}

TEST_F(CommandLine, HelpAndInfoAreGood) {
  EXPECT_EQ(run({"--help"}).code, Exit::good);
  EXPECT_THAT(run({"train", "--help"}).out, HasSubstr("--local-steps"));
  const Outcome info = run({"info"});
  EXPECT_THAT(info.out, HasSubstr("reference"));
  EXPECT_THAT(info.out, HasSubstr("\nbits             portable (reference, lanes)"));
  EXPECT_THAT(info.out, testing::ContainsRegex(
                            "\nconvolutions .*lanes: .*bf16 is fastest by conv_algorithm = "));
  if (info.out.find("onednn") != std::string::npos) {
    EXPECT_THAT(info.out, HasSubstr("\nconvolutions     onednn: direct "));
    EXPECT_THAT(info.out, testing::ContainsRegex("\nbits .*oneDNN .* = 1 .onednn."));
  }
}

}  // namespace
}  // namespace mvsgd::sim
