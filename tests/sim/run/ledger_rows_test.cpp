// ledger.csv with sums over the workers: as small for a thousand workers as for one, and audited as
// exactly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/ledger.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/keys.hpp"
#include "sim/run/ledger_file.hpp"
#include "sim/run/run_history.hpp"
#include "sim/verify/verify.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::size_t kMostBytesOfARound = 2000;

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::istringstream text(text_of(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

/// The checks that fail in a run's directory; "" if there are none.
std::string wrong_in(const fs::path& run) {
  std::string wrong;
  for (const Check& check : verify_run(run, {}).checks) {
    if (!check.holds) wrong += check.subject + ": " + check.detail + '\n';
  }
  return wrong;
}

class LedgerRowsTest : public testing::Test {
 protected:
  TestDirectory directory_;
  fs::path path_ = fs::path(directory_.path()) / "run";
};

struct RunCase {
  std::string preset;
  GivenSettings codes;

  [[nodiscard]] Settings settings() const {
    Settings settings = small_settings(preset);
    settings.workers = 3;
    settings.width = 1;
    settings.phi = Decimal(3, 2);
    settings.phi_ad = Decimal(1, 2);
    set(settings, codes);
    return settings;
  }
};

std::ostream& operator<<(std::ostream& out, const RunCase& of) { return out << of.preset; }

/// Every preset, in all codes that it has.
std::vector<RunCase> cases() {
  const std::vector<GivenSettings> codes{
      {},
      {{"position_codec", "rice"}},
      {{"position_codec", "radix"}, {"mask_codec", "delta"}},
      {{"position_codec", "entropy"}, {"mask_codec", "delta"}, {"drop_codec", "rank"}},
      {{"value_bits", "4"}, {"value_codec", "entropy"}, {"position_codec", "entropy"}}};
  std::vector<RunCase> all;
  for (const char* const name : {"dense", "top-k", "ssgd-mv-l2", "ssgd-mv-ad-l4-q", "rand-k-l4"}) {
    for (const GivenSettings& given : codes) {
      const RunCase one{.preset = name, .codes = given};
      try {
        validate(one.settings());
        all.push_back(one);
      } catch (const UsageError&) {  // the preset has no such lists
      }
    }
  }
  return all;
}

class RunOfLedgerRows : public LedgerRowsTest, public testing::WithParamInterface<RunCase> {};

INSTANTIATE_TEST_SUITE_P(, RunOfLedgerRows, testing::ValuesIn(cases()), [](const auto& of) {
  std::string name = of.param.preset;
  for (const auto& [key, value] : of.param.codes) name += "_" + value;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST_P(RunOfLedgerRows, AreTheSumsOfItsWorkersRowsAndEveryAlteredNumberIsNamed) {
  Settings settings = GetParam().settings();
  train_into(path_ / "worker", settings);
  settings.ledger_rows = LedgerRows::round;
  train_into(path_ / "round", settings);
  EXPECT_EQ(wrong_in(path_ / "round"), "");

  const RunWithRows by_worker = read_run_with_rows(path_ / "worker");
  const RunWithRows by_round = read_run_with_rows(path_ / "round");
  EXPECT_EQ(by_worker.history.bits, by_round.history.bits);
  EXPECT_EQ(by_worker.history.sparse_bits, by_round.history.sparse_bits);
  std::map<std::pair<comm::MessageId, comm::Field>, comm::Bits> sums;
  for (comm::LedgerRow row : by_worker.rows) {
    row.id.worker = 0;
    sums[{row.id, row.field}] += row.bits;
  }
  EXPECT_EQ(by_round.rows.size(), sums.size());
  for (const comm::LedgerRow& row : by_round.rows) {
    EXPECT_EQ((sums[{row.id, row.field}]), row.bits);
  }

  const fs::path ledger = path_ / "round" / "ledger.csv";
  const std::vector<std::string> lines = lines_of(ledger);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t comma = lines[i].rfind(',');
    const std::uint64_t bits = std::stoull(lines[i].substr(comma + 1));
    for (const std::uint64_t altered : {bits + 1, bits - 1}) {
      std::vector<std::string> other = lines;
      other[i] = lines[i].substr(0, comma + 1) + std::to_string(altered);
      write(ledger, joined(other));
      EXPECT_THAT(wrong_in(path_ / "round"), HasSubstr("ledger.csv: round ")) << other[i];
    }
  }
}

TEST_F(LedgerRowsTest, OfAThousandWorkersTakeLessThanTwoKilobytesARoundAndVerify) {
  Settings settings = small_settings("ssgd-mv-ad-l2");
  settings.backend = "lanes";
  settings.workers = 1000;
  settings.width = 1;
  settings.batch = 2;
  settings.slots = 2;
  settings.synthetic_train = 2000;
  settings.synthetic_test = 2;
  settings.epochs = 5;
  settings.warmup_epochs = std::uint32_t{1};
  settings.ledger_rows = LedgerRows::round;
  train_into(path_, settings);
  std::map<std::string, std::size_t> bytes;
  const std::vector<std::string> lines = lines_of(path_ / "ledger.csv");
  for (const std::string& line : lines) bytes[line.substr(0, line.find(','))] += line.size() + 1;
  EXPECT_EQ(bytes.size(), 1U + 1 + 3) << "the header, the initial model and three rounds";
  for (const auto& [round, size] : bytes) EXPECT_LT(size, kMostBytesOfARound) << round;
  std::vector<std::string> metrics = lines_of(path_ / "metrics.jsonl");
  for (const std::string& line : metrics) EXPECT_LT(line.size(), kMostBytesOfARound) << line;
  EXPECT_EQ(wrong_in(path_), "");

  // A thousand lists of changes. The metrics tell how many lists have each length.
  const auto found = std::ranges::find_if(metrics, [](const std::string& line) {
    return line.find("\"change_counts\":{\"") != std::string::npos;
  });
  ASSERT_NE(found, metrics.end());
  const std::size_t digit = found->find("\":", found->find("\"change_counts\":{") + 17) + 2;
  (*found)[digit] = (*found)[digit] == '1' ? '2' : '1';
  write(path_ / "metrics.jsonl", joined(metrics));
  EXPECT_THAT(wrong_in(path_), HasSubstr("round "));
}

TEST_F(LedgerRowsTest, OfARunThatGoesOnAreThoseOfOneGoAndKeepTheirForm) {
  const std::vector<std::string> args{"train", "--preset",         "ssgd-mv", "--width",
                                      "1",     "--workers",        "2",       "--batch",
                                      "2",     "--slots",          "1",       "--synthetic-train",
                                      "24",    "--synthetic-test", "2",       "--epochs",
                                      "1",     "--ledger-rows",    "round"};
  const auto trained = [&](const std::string& name, const std::string& rounds) {
    std::vector<std::string> own = args;
    own.insert(own.end(), {"--rounds", rounds, "--out", (path_ / name).string()});
    return run(own);
  };
  ASSERT_EQ(trained("whole", "5").code, Exit::good);
  ASSERT_EQ(trained("parts", "3").code, Exit::good);
  const std::string parts = (path_ / "parts").string();
  const Outcome refused = run({"train", "--resume", parts, "--ledger-rows", "worker"});
  EXPECT_EQ(refused.code, Exit::bad_input);
  EXPECT_THAT(refused.err, HasSubstr("ledger_rows = \"round\" there, worker here"));
  const Outcome resumed = run({"train", "--resume", parts, "--rounds", "5"});
  ASSERT_EQ(resumed.code, Exit::good) << resumed.err;
  EXPECT_EQ(text_of(path_ / "parts" / "ledger.csv"), text_of(path_ / "whole" / "ledger.csv"));
  EXPECT_EQ(run({"verify", parts}).code, Exit::good);
  const Outcome reported = run({"report", parts, "--format", "csv", "--out", parts + ".csv"});
  EXPECT_EQ(reported.code, Exit::good) << reported.err;
}

TEST_F(LedgerRowsTest, AreReadInTheFormThatTheSettingsSayAlone) {
  const comm::LedgerRow row{
      .id = {.round = 3, .worker = 1, .direction = comm::Direction::up, .kind = comm::Kind::vote},
      .field = comm::Field::header,
      .bits = comm::Bits(192)};
  for (const LedgerRows which : {LedgerRows::worker, LedgerRows::round}) {
    std::stringstream file;
    write_ledger_header(file, which);
    write_ledger_rows(file, std::vector{row}, which);
    const std::string text = file.str();
    ASSERT_EQ(read_ledger(file, "f", which).size(), 1U);
    std::istringstream again(text);
    const auto other = which == LedgerRows::worker ? LedgerRows::round : LedgerRows::worker;
    EXPECT_THROW((void)read_ledger(again, "f", other), InputError);
    std::stringstream empty;
    write_ledger_header(empty, other);
    EXPECT_THROW((void)read_ledger(empty, "f", which), InputError);
    std::istringstream longer(text + "1,2\n");
    EXPECT_THROW((void)read_ledger(longer, "f", which), InputError);
  }
}

}  // namespace
}  // namespace mvsgd::sim
