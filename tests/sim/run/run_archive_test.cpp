// The archive of a run: what it keeps, and what is refused.
#include "sim/run/run_archive.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "data/bundle.hpp"
#include "sim/files/input_error.hpp"
#include "sim/run/condensed_run.hpp"
#include "sim/run/training_run.hpp"
#include "sim/verify/verify.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class RunArchive : public testing::Test {
 protected:
  fs::path train(const std::string& preset) {
    fs::path path = directory_.path() / preset;
    EXPECT_TRUE(train_in(path, small_settings(preset), {}, {}).result.finished);
    return path;
  }

  [[nodiscard]] fs::path at(const std::string& name) const { return directory_.path() / name; }

  /// Whether unpacking says all of `words` and leaves nothing.
  void refused(const fs::path& archive, const testing::Matcher<std::string>& words) const {
    EXPECT_THAT([&] { unpack_run_archive(archive, at("into")); },
                ThrowsMessage<InputError>(AllOf(HasSubstr(archive.string()), words)));
    EXPECT_FALSE(fs::exists(at("into"))) << archive;
  }

  TestDirectory directory_;
};

TEST_F(RunArchive, KeepsTheRatesTheDigestsAndEveryEvaluation) {
  for (const char* const preset : {"ssgd-mv-ad-l4-q", "top-k", "sm"}) {
    const fs::path run = train(preset);
    write_run_archive(run, at("a.tar.xz"));
    unpack_run_archive(at("a.tar.xz"), at(std::string("small-") + preset));
    const RunHistory whole = read_run_history(run);
    const RunHistory small = read_run_history(at(std::string("small-") + preset));
    EXPECT_TRUE(is_condensed(small));
    EXPECT_EQ(small.end->digest, whole.end->digest);
    EXPECT_EQ(small.end->rates.uplink, whole.end->rates.uplink);
    EXPECT_EQ(small.sparse_steps, whole.sparse_steps);
    EXPECT_EQ(small.sparse_bits[comm::Direction::up].total(),
              whole.sparse_bits[comm::Direction::up].total());
    std::size_t evaluated = 0;
    for (const RoundHistory& round : whole.rounds) {
      if (!round.test_accuracy) continue;
      ++evaluated;
      const auto same = std::ranges::find(small.rounds, round.round, &RoundHistory::round);
      ASSERT_NE(same, small.rounds.end());
      EXPECT_EQ(same->test_accuracy, round.test_accuracy);
      EXPECT_EQ(same->theta_sha256, round.theta_sha256);
      EXPECT_EQ(same->theta_sha256.size(), 64U);
    }
    EXPECT_GT(evaluated, 1U);
    EXPECT_EQ(whole.rounds.back().theta_sha256, whole.end->digest);
  }
}

TEST_F(RunArchive, OfTheSameRunHasTheSameBytes) {
  const fs::path run = train("ssgd-mv");
  for (const char* const place : {"here", "there"}) {
    fs::create_directory(at(place));
    write_run_archive(run, at(place) / "a.tar.xz");
  }
  EXPECT_EQ(text_of(at("here") / "a.tar.xz"), text_of(at("there") / "a.tar.xz"));
}

TEST_F(RunArchive, NamesNoPlaceOfTheMachineWhoseImagesItHas) {
  const fs::path run = train("ssgd-mv");
  std::string config = text_of(run / "config.toml");
  const std::string from = "data = \"synthetic\"";
  config.replace(config.find(from), from.size(), "data = \"/home/somebody/cifar-10\"");
  std::ofstream(run / "config.toml") << config;
  const data::TextFiles files = condensed(run);
  EXPECT_THAT(files.front().second, HasSubstr("\ndata = \"cifar-10\"\n"));
  EXPECT_THAT(files.front().second, testing::Not(HasSubstr("somebody")));
}

TEST_F(RunArchive, IsRefusedWithAReasonIfItIsNone) {
  const fs::path run = train("ssgd-mv");
  write_run_archive(run, at("a.tar.xz"));
  const data::TextFiles files = data::read_bundle(at("a.tar.xz"));
  ASSERT_EQ(files.size(), 5U);

  std::ofstream(at("text.tar.xz")) << "no archive at all";
  refused(at("text.tar.xz"), HasSubstr("nrecognized"));

  const std::string bytes = text_of(at("a.tar.xz"));
  for (const std::size_t kept : {std::size_t{0}, bytes.size() / 2, bytes.size() - 30}) {
    std::ofstream(at("cut.tar.xz"), std::ios::binary) << bytes.substr(0, kept);
    EXPECT_THROW(unpack_run_archive(at("cut.tar.xz"), at("into")), InputError) << kept;
    EXPECT_FALSE(fs::exists(at("into"))) << kept;
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    data::TextFiles fewer = files;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    std::ofstream(at("fewer.tar.xz"), std::ios::binary) << data::bundle("run", fewer);
    refused(at("fewer.tar.xz"), HasSubstr(files[i].first + " is not in it"));
  }
  data::TextFiles later = files;
  later.front().second = R"({"format":"mvsgd run","version":2})";
  std::ofstream(at("later.tar.xz"), std::ios::binary) << data::bundle("run", later);
  refused(at("later.tar.xz"), HasSubstr("version 2; this program reads version 1"));
  data::TextFiles other = files;
  other.front().second = R"({"format":"holiday pictures","version":1})";
  std::ofstream(at("other.tar.xz"), std::ios::binary) << data::bundle("run", other);
  refused(at("other.tar.xz"), HasSubstr("no archive of a run"));
  const std::pair<const char*, const char*> heads[] = {
      {"[]", "no archive of a run"},
      {"{}", "no archive of a run"},
      {R"({"format":"mvsgd run"})", "archive.json: key 'version' not found"},
      {R"({"format":"mvsgd run","version":"1"})", "a whole number is wanted, not string"},
      {R"({"format":"mvsgd run","version":1.5})", "a whole number is wanted, not 1.5"}};
  for (const auto& [head, why] : heads) {
    data::TextFiles headed = files;
    headed.front().second = head;
    std::ofstream(at("headed.tar.xz"), std::ios::binary) << data::bundle("run", headed);
    refused(at("headed.tar.xz"), AllOf(HasSubstr(why), testing::Not(HasSubstr("exception"))));
  }
  data::TextFiles more = files;
  more.emplace_back("notes.txt", "what else there is");
  std::ofstream(at("more.tar.xz"), std::ios::binary) << data::bundle("run", more);
  refused(at("more.tar.xz"), HasSubstr("notes.txt is no file of a run's archive"));
  data::TextFiles twice = files;
  twice.push_back(twice.front());
  std::ofstream(at("twice.tar.xz"), std::ios::binary) << data::bundle("run", twice);
  refused(at("twice.tar.xz"), HasSubstr("archive.json is there twice"));
  std::ofstream(at("outside.tar.xz"), std::ios::binary) << data::bundle("..", files);
  refused(at("outside.tar.xz"), HasSubstr("is not in a folder"));
}

TEST_F(RunArchive, IsNotUnpackedOverSomething) {
  const fs::path run = train("ssgd-mv");
  write_run_archive(run, at("a.tar.xz"));
  fs::create_directory(at("full"));
  std::ofstream(at("full") / "mine") << "kept";
  EXPECT_THAT([&] { unpack_run_archive(at("a.tar.xz"), at("full")); },
              ThrowsMessage<InputError>(HasSubstr("exists and is not empty")));
  EXPECT_EQ(text_of(at("full") / "mine"), "kept");
}

TEST_F(RunArchive, OfARunThatHasNotEndedIsRefused) {
  const fs::path path = at("cut");
  TrainingSinks sinks;
  std::uint32_t t = 0;
  sinks.on_round = [&](const RoundRecord& record, double) { t = record.round.t; };
  sinks.interrupted = [&] { return t >= 2; };
  EXPECT_FALSE(train_in(path, small_settings("ssgd-mv"), {}, sinks).result.finished);
  EXPECT_THAT([&] { write_run_archive(path, at("a.tar.xz")); },
              ThrowsMessage<InputError>(HasSubstr("the run has not ended")));
  EXPECT_FALSE(fs::exists(at("a.tar.xz")));
}

TEST_F(RunArchive, OfMoreWorkersChangesThanThereAreWorkersIsRefused) {
  Settings settings = small_settings("ssgd-mv-ad");
  settings.ledger_rows = LedgerRows::round;
  const fs::path path = at("altered");
  EXPECT_TRUE(train_in(path, settings, {}, {}).result.finished);
  const std::string whole = text_of(path / "metrics.jsonl");
  const std::string key = "\"change_counts\":{";
  const std::size_t from = whole.find(key) + key.size();
  ASSERT_GT(from, key.size());
  for (const char* const counts : {"\"1\":3", "\"1\":4294967295,\"2\":4294967295"}) {
    std::string metrics = whole;
    metrics.replace(from, metrics.find('}', from) - from, counts);
    std::ofstream(path / "metrics.jsonl") << metrics;
    EXPECT_THAT([&] { write_run_archive(path, at("a.tar.xz")); },
                ThrowsMessage<InputError>(HasSubstr("has change_counts of more than 2 workers")));
  }
}

TEST_F(RunArchive, KeepsTheMeansOfOverlapsAndAgesOverAllRounds) {
  Settings settings = small_settings("ssgd-mv-ad-l4-q");
  settings.mask_metrics = true;
  settings.epochs = 6;
  settings.eval_every = settings.epochs;  // a line of many rounds
  const fs::path run = at("ages");
  ASSERT_TRUE(train_in(run, settings, {}, {}).result.finished);
  write_run_archive(run, at("a.tar.xz"));
  unpack_run_archive(at("a.tar.xz"), at("small"));
  const RunHistory whole = read_run_history(run);
  const RunHistory small = read_run_history(at("small"));
  std::size_t means = 0;
  std::uint32_t before = 0;
  for (const RoundHistory& line : small.rounds) {
    for (const Metric& metric : metrics()) {
      if (!metric.is_averaged) continue;
      double sum = 0;
      double count = 0;
      for (const RoundHistory& round : whole.rounds) {
        const auto value = metric.of(round);
        if (round.round <= before || round.round > line.round || !value) continue;
        sum += *value;
        ++count;
      }
      EXPECT_EQ(line.means.contains(std::string(metric.name)), count > 0) << metric.name;
      if (count == 0) continue;
      EXPECT_NEAR(mean_of(line, metric).value(), sum / count, 1e-12) << metric.name;
      means += mean_of(line, metric) != metric.of(line) ? 1 : 0;
    }
    before = line.round;
  }
  // Votes change alike in every round.
  EXPECT_EQ(means, 3U);
}

TEST_F(RunArchive, KeepsTheSumsOverTheRoundsOfALine) {
  Settings settings = small_settings("ssgd-mv-l4");
  settings.aggregate = AggregatedBy::reduce;
  settings.epochs = 6;
  settings.eval_every = settings.epochs;
  const fs::path run = at("sums");
  ASSERT_TRUE(train_in(run, settings, {}, {}).result.finished);
  write_run_archive(run, at("a.tar.xz"));
  unpack_run_archive(at("a.tar.xz"), at("small"));
  const RunHistory whole = read_run_history(run);
  const RunHistory small = read_run_history(at("small"));
  ASSERT_LT(small.rounds.size(), whole.rounds.size());
  auto round = whole.rounds.begin();
  for (const RoundHistory& line : small.rounds) {
    RoundMetrics sum;
    double losses = 0;
    comm::Bits across;
    std::uint32_t rounds = 0;
    for (; round != whole.rounds.end() && round->round <= line.round; ++round, ++rounds) {
      sum.local_steps += round->local_steps;
      losses += round->loss * static_cast<double>(round->local_steps);
      sum.images += round->images;
      sum.bits_up += round->bits_up;
      sum.bits_down += round->bits_down;
      across += comm::Bits(round->bits_across.value_or(0));
      sum.phases += round->phases;
    }
    EXPECT_EQ(line.rounds, rounds);
    EXPECT_EQ(line.local_steps, sum.local_steps);
    EXPECT_NEAR(line.loss, losses / static_cast<double>(sum.local_steps), 1e-12);
    EXPECT_EQ(line.images, sum.images);
    EXPECT_EQ(line.bits_up, sum.bits_up);
    EXPECT_EQ(line.bits_down, sum.bits_down);
    EXPECT_EQ(comm::Bits(line.bits_across.value_or(0)), across);
    for (const Phase& phase : kPhases) {
      EXPECT_NEAR(line.phases.*phase.seconds, sum.phases.*phase.seconds, 1e-9) << phase.name;
    }
  }
  EXPECT_EQ(round, whole.rounds.end());
}

TEST_F(RunArchive, OfAMeanThatNoRoundCouldHaveDoesNotHold) {
  write_run_archive(train("ssgd-mv"), at("a.tar.xz"));
  data::TextFiles files = data::read_bundle(at("a.tar.xz"));
  for (auto& [name, text] : files) {
    if (name != "metrics.jsonl") continue;
    const std::size_t from =
        text.find(':', text.find("\"mask_overlap\"", text.find("\"means\""))) + 1;
    ASSERT_GT(from, std::size_t{1});
    text.replace(from, text.find_first_of(",}", from) - from, "1.5");
  }
  std::ofstream(at("altered.tar.xz"), std::ios::binary) << data::bundle("run", files);
  const Verification verification = verify_run(at("altered.tar.xz"), {});
  EXPECT_FALSE(verification.holds());
  EXPECT_THAT(verification.checks.back().detail, HasSubstr("the mean of mask_overlap is 1.5"));
}

TEST_F(RunArchive, OfOtherSettingsDoesNotHold) {
  write_run_archive(train("ssgd-mv"), at("a.tar.xz"));
  const data::TextFiles files = data::read_bundle(at("a.tar.xz"));
  for (const char* const other : {"seed = 77", "weight_decay = 0.5", "augment = false"}) {
    const std::string line = other;
    const std::string key = '\n' + line.substr(0, line.find('=') + 1);
    data::TextFiles altered = files;
    for (auto& [name, text] : altered) {
      if (name != "config.toml") continue;
      const std::size_t from = text.find(key);
      ASSERT_NE(from, std::string::npos) << key;
      text.replace(from + 1, text.find('\n', from + 1) - from - 1, line);
    }
    ASSERT_NE(altered, files) << other;
    std::ofstream(at("altered.tar.xz"), std::ios::binary) << data::bundle("run", altered);
    const Check first = verify_run(at("altered.tar.xz"), {}).checks.front();
    EXPECT_THAT(first.subject, HasSubstr("config.toml")) << other;
    EXPECT_FALSE(first.holds) << other;
  }
}

TEST_F(RunArchive, WithoutTheLastLineDoesNotHold) {
  write_run_archive(train("ssgd-mv"), at("a.tar.xz"));
  data::TextFiles files = data::read_bundle(at("a.tar.xz"));
  for (auto& [name, text] : files) {
    if (name == "metrics.jsonl") text.resize(text.find("{\"end\""));
  }
  std::ofstream(at("cut.tar.xz"), std::ios::binary) << data::bundle("run", files);
  const Verification verification = verify_run(at("cut.tar.xz"), {});
  EXPECT_FALSE(verification.holds());
  EXPECT_EQ(verification.checks.back().detail, "the last line, of the end, is missing");
}

/// Moves bits of `what`, in the run's last sum, from worker 0 to worker 1.
void move_bits(std::string& ledger, const std::string& what, std::uint64_t bits) {
  for (const std::string_view worker : {"0", "1"}) {
    const std::string row = fmt::format(",{},{},", worker, what);
    const std::size_t at = ledger.rfind(row);
    ASSERT_NE(at, std::string::npos) << row;
    const std::size_t from = at + row.size();
    const std::size_t size = ledger.find('\n', from) - from;
    const std::uint64_t had = std::stoull(ledger.substr(from, size));
    ASSERT_TRUE(worker == "1" || had > bits);
    ledger.replace(from, size, std::to_string(worker == "0" ? had - bits : had + bits));
  }
}

/// A condensed run whose files a test alters.
class CondensedRun : public RunArchive {
 protected:
  /// The text of such a file.
  std::string& operator[](const std::string& name) {
    return std::ranges::find(files_, name, &data::TextFiles::value_type::first)->second;
  }

  void train_and_condense(const Settings& settings) {
    EXPECT_TRUE(train_in(at("run"), settings, {}, {}).result.finished);
    files_ = condensed(at("run"));
    fs::create_directory(at("condensed"));
    EXPECT_TRUE(verified().holds());
  }

  /// Takes the files' digests from the last line, which an older program did not write.
  void forget_digests() { forget_digests((*this)["metrics.jsonl"]); }
  static void forget_digests(std::string& metrics) {
    const std::size_t from = metrics.find(",\"files\":{");
    ASSERT_NE(from, std::string::npos);
    metrics.erase(from, metrics.find("}}", from) + 2 - from);
  }

  Verification verified() {
    for (const auto& [name, text] : files_) std::ofstream(at("condensed") / name) << text;
    return verify_run(at("condensed"), {});
  }

 private:
  data::TextFiles files_;
};

TEST_F(CondensedRun, InWhichAnotherWorkerHasBitsThatDependOnContentDoesNotHold) {
  Settings settings = small_settings("ssgd-mv");
  settings.position_codec = "rice";
  train_and_condense(settings);
  move_bits((*this)["ledger.csv"], "up,vote,positions", 8);
  const Verification verification = verified();
  const Check& of_ledger = verification.checks.at(1);  // after config.toml
  EXPECT_THAT(of_ledger.subject, HasSubstr("ledger.csv"));
  EXPECT_FALSE(of_ledger.holds);
  EXPECT_THAT(of_ledger.detail, HasSubstr("the last line of metrics.jsonl says"));
  EXPECT_TRUE(verification.checks.back().holds);
}

TEST_F(CondensedRun, OfAnOlderProgramHoldsWithoutDigests) {
  train_and_condense(small_settings("ssgd-mv-ad"));
  forget_digests();
  EXPECT_TRUE(verified().holds());
}

TEST_F(CondensedRun, WithAMeanOfWhatHasNoneIsRefusedByItsName) {
  train_and_condense(small_settings("ssgd-mv"));
  forget_digests();
  std::string& metrics = (*this)["metrics.jsonl"];
  const std::string whole = metrics;
  const std::size_t at_name = metrics.find("\"mask_overlap\":", metrics.find("\"means\":{"));
  ASSERT_NE(at_name, std::string::npos);
  for (const std::string name : {"overlap", "loss"}) {  // none at all; one whose line has it
    metrics = whole;
    metrics.replace(at_name + 1, std::string_view("mask_overlap").size(), name);
    const Verification verification = verified();
    EXPECT_FALSE(verification.holds());
    EXPECT_THAT(verification.checks.back().detail, HasSubstr("a mean of '" + name + "'"));
  }
  metrics = whole;
  EXPECT_TRUE(verified().holds());
}

TEST_F(CondensedRun, OfANumberThatNoRoundCouldHaveDoesNotHoldNorDoesAWholeOne) {
  Settings settings = small_settings("ssgd-mv");
  settings.mask_metrics = true;
  train_and_condense(settings);
  forget_digests();
  std::string& metrics = (*this)["metrics.jsonl"];
  const std::string of_condensed = metrics;
  const std::string of_whole = text_of(at("run") / "metrics.jsonl");
  const auto with = [](std::string text, const std::string& name, const std::string& number) {
    const std::size_t from = text.find("\"" + name + "\":") + name.size() + 3;
    return text.replace(from, text.find_first_of(",}", from) - from, number);
  };
  const auto details = [](const Verification& verification) {
    std::string all;
    for (const Check& check : verification.checks) all += check.detail + '\n';
    return all;
  };
  for (const auto& [name, number] :
       std::vector<std::pair<std::string, std::string>>{{"loss", "-1"},
                                                        {"test_loss", "-0.5"},
                                                        {"test_accuracy", "1.25"},
                                                        {"mask_overlap", "2"},
                                                        {"vote_overlap", "-0.5"},
                                                        {"vote_agreement", "1.5"},
                                                        {"mask_age", "123456"}}) {
    const std::string words = name + " is " + number + ", not from ";
    metrics = with(of_condensed, name, number);
    EXPECT_THAT(details(verified()), HasSubstr(words));
    std::ofstream(at("run") / "metrics.jsonl") << with(of_whole, name, number);
    EXPECT_THAT(details(verify_run(at("run"), {})), HasSubstr(words));
  }
}

TEST_F(CondensedRun, WhoseMasksSoFarLackCoordinatesOfTheMaskDoesNotHold) {
  Settings settings = small_settings("ssgd-mv");
  settings.mask_metrics = true;
  settings.warmup_epochs = 0;
  train_and_condense(settings);
  forget_digests();
  std::string& metrics = (*this)["metrics.jsonl"];
  const std::size_t layers = metrics.rfind("\"in_masks_by_layer\":{");
  ASSERT_NE(layers, std::string::npos);
  const std::size_t from = metrics.find(':', metrics.find("\"linear\"", layers)) + 1;
  metrics.replace(from, metrics.find_first_of(",}", from) - from, "0");
  const Verification verification = verified();
  EXPECT_FALSE(verification.holds());
  EXPECT_THAT(verification.checks.back().detail, HasSubstr("in_masks_by_layer has 0 of linear"));
}

TEST_F(CondensedRun, WithARateOf0WhereNothingWasSentDoesNotHold) {
  train_and_condense(small_settings("sm"));
  forget_digests();
  std::string& metrics = (*this)["metrics.jsonl"];
  metrics.insert(metrics.rfind(",\"seconds\""), ",\"rate_uplink\":0.0");
  const Verification verification = verified();
  EXPECT_FALSE(verification.holds());
  EXPECT_THAT(verification.checks.back().detail,
              HasSubstr("rate_uplink is 0, the ledger's rows give none"));
}

TEST_F(CondensedRun, WhoseSizesAreNotInOrderOfRoundsIsRefused) {
  train_and_condense(small_settings("top-k"));
  std::string& sizes = (*this)[kSizes];
  const std::string whole = sizes;
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  sizes += whole.substr(last);
  const std::string round = whole.substr(last, whole.find(',', last) - last);
  EXPECT_THAT([&] { (void)verified(); },
              ThrowsMessage<InputError>(HasSubstr("round " + round + " after round " + round)));
}

TEST_F(CondensedRun, HasMeansAndAWholeOneHasNone) {
  train_and_condense(small_settings("ssgd-mv"));
  std::string metrics = text_of(at("run") / "metrics.jsonl");
  forget_digests(metrics);
  fs::remove(at("run") / "manifest.json");
  std::ofstream(at("run") / "metrics.jsonl") << metrics;
  EXPECT_TRUE(verify_run(at("run"), {}).holds());
  metrics.insert(metrics.find("}\n{\"round\":2,"), R"(,"means":{"mask_overlap":0.5})");
  std::ofstream(at("run") / "metrics.jsonl") << metrics;
  std::string found;
  for (const Check& check : verify_run(at("run"), {}).checks) {
    if (!check.holds) found += check.detail;
  }
  EXPECT_THAT(found, HasSubstr("round 1: the mean of mask_overlap, of one round"));
}

TEST_F(CondensedRun, InWhichMessagesHaveMoreBitsThanTheirCodeHasAtMostDoesNotHold) {
  Settings settings = small_settings("ssgd-mv");
  settings.vote_codec = VoteCoding::delta;
  settings.warmup_epochs = 0;
  train_and_condense(settings);
  forget_digests();
  move_bits((*this)["ledger.csv"], "up,vote,positions", 8);
  EXPECT_TRUE(verified().holds()) << "nothing tells";
  // The changes are not that much shorter than the plain form, which is the longest.
  move_bits((*this)["ledger.csv"], "up,vote,positions", 3'200);
  const Verification verification = verified();
  EXPECT_FALSE(verification.holds());
  EXPECT_THAT(verification.checks.front().detail, HasSubstr(" bits, at most "));
}

// The first vote of a worker is whole, and as long as its changes at most.
TEST_F(CondensedRun, WhoseVotesAreChangesButForTheFirstHolds) {
  for (const char* const preset : {"ssgd-mv", "top-k"}) {
    fs::remove_all(at("run"));
    fs::remove_all(at("condensed"));
    Settings settings = small_settings(preset);
    settings.vote_codec = VoteCoding::delta;
    settings.phi = Decimal(5, 1);
    settings.warmup_epochs = 0;
    settings.rounds = 2;
    train_and_condense(settings);
  }
}

}  // namespace
}  // namespace mvsgd::sim
