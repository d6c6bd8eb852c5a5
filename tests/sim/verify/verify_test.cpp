// `mvsgd verify` passes, prints what sim/verify/README.md shows, and can fail. Each case runs
// rounds at the paper's size (about 10 s).
#include "sim/verify/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "sim/cli/command_line.hpp"
#include "sim/plan/presets.hpp"
#include "sim/round/protocol.hpp"
#include "sim/verify/parts.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kD = 11'173'962;

TEST(Verify, EveryEquationAndEveryRowHolds) {
  const TestDirectory directory;
  const std::string json_path = directory.path() / "verification.json";
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_command({"verify", "--json", json_path}, {.out = out, .err = err, .columns = 0}),
            Exit::good)
      << out.str() << err.str();
  EXPECT_THAT(out.str(), HasSubstr("wire 1,005,660 up, 1,005,660 down"));
  EXPECT_THAT(out.str(), HasSubstr("wire 3,575,680 up, 3,575,680 down"));
  EXPECT_THAT(out.str(), HasSubstr("wire 6,704,397 + 35,756,800"));
  EXPECT_THAT(out.str(), HasSubstr("268,176 + 446,960 up, x3999.99; 1,005,660 + 446,960 down, "
                                   "x1969.22, of the mask alone x2844.43; x2639.17 both ways"));

  const auto json = nlohmann::json::parse(std::ifstream(json_path));
  EXPECT_EQ(json["holds"], true);
  std::vector<std::string> subjects;
  for (const auto& check : json["checks"]) {
    EXPECT_EQ(check["holds"], true) << check;
    subjects.push_back(check["subject"]);
  }
  for (int equation = 2; equation <= 18; ++equation) {
    EXPECT_EQ(std::ranges::count(subjects, "eq " + std::to_string(equation)), 1) << equation;
  }
  // Drops by rank are priced at the B with which a run sends them.
  Settings ranked = preset("ssgd-mv-ad").settings;
  ranked.drop_codec = DropCoding::rank;
  const std::uint32_t block =
      make_protocol(ranked, kD).positions(comm::Kind::drop).codec({})->parameter();
  EXPECT_EQ(std::ranges::count(subjects, "rank, B = " + std::to_string(block)), 1);
  ASSERT_EQ(json["table"].size(), 2U * 14);  // fifteen rows, of which sm sends nothing
  for (const auto& row : json["table"]) {
    EXPECT_EQ(row["holds"], true) << row;
    EXPECT_EQ(row["wire"], row["law"]) << row;
    const bool misprint = row["row"] == "ssgd-mv-rs-l8" ||
                          (row["direction"] == "up" &&
                           (row["row"] == "ssgd-mv-l8-q" || row["row"] == "ssgd-mv-ad-l8"));
    EXPECT_THAT(row["verdict"], testing::StartsWith(misprint ? "printed value wrong: " : "equal"));
  }

  // The committed page is what the command prints.
  const std::string table = out.str().substr(out.str().find("| row |"));
  std::ifstream readme(MVSGD_TESTS_DIR "/../sim/verify/README.md");
  const std::string page{std::istreambuf_iterator<char>(readme), {}};
  EXPECT_THAT(page, HasSubstr(table));
}

TEST(Verify, FailsWhenAConstantOfTheLawIsAltered) {
  const auto measured = measure_rounds(kD);
  const auto judged = [&](const LawConstants& law) {
    Verification verification;
    judge_bits(law, measured, verification);
    return verification;
  };
  EXPECT_TRUE(judged({}).holds());
  for (const auto constant : {&LawConstants::float_bits, &LawConstants::flag_bits,
                              &LawConstants::block_end_bits, &LawConstants::header_bits}) {
    LawConstants law;
    law.*constant += 1;
    const Verification verification = judged(law);
    EXPECT_FALSE(verification.holds());
    const auto& ledger = verification.checks.front();
    EXPECT_EQ(ledger.subject, "ledger");
    EXPECT_FALSE(ledger.holds);
    EXPECT_THAT(ledger.detail, HasSubstr("by the law, the ledger says"));
    std::ostringstream text;
    print(text, verification);
    EXPECT_THAT(text.str(), HasSubstr("WRONG"));
  }
}

TEST(Verify, AnAlteredLawIsExitOne) {
  LawConstants law;
  law.block_end_bits = 2;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_command({"verify", "--json", "-"}, {.out = out, .err = err, .columns = 0}, law),
            Exit::check_failed);
  EXPECT_EQ(nlohmann::json::parse(out.str())["holds"], false);
  EXPECT_THAT(err.str(), HasSubstr("does not hold"));
}

TEST(Verify, AJsonFileThatCannotBeWrittenIsExit3BeforeAnythingRuns) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_command({"verify", "--json", "/no/such/folder/verify.json"},
                        {.out = out, .err = err, .columns = 0}),
            Exit::bad_input);
  EXPECT_THAT(err.str(), HasSubstr("/no/such/folder/verify.json"));
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace mvsgd::sim
