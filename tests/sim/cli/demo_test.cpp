// The commands of ./dev demo, at a small size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::EndsWith;

void replace(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

/// The arguments with which the demo of `dev` calls the program, if it writes below `out`.
std::vector<std::vector<std::string>> demo_commands(const std::string& out) {
  std::istringstream script(text_of(MVSGD_TESTS_DIR "/../dev"));
  std::vector<std::vector<std::string>> commands;
  std::string line;
  while (std::getline(script, line) && line != "demo() {") {
  }
  while (std::getline(script, line) && line != "}") {
    if (!line.starts_with("  $run ")) continue;
    replace(line, "$out", out);
    std::istringstream words(line.substr(line.find("$run ") + 5));
    commands.emplace_back(std::istream_iterator<std::string>(words),
                          std::istream_iterator<std::string>());
  }
  return commands;
}

TEST(Demo, TrainsThreeSchemesAndEndsWithOneTableOfThem) {
  const TestDirectory directory;
  const std::string out = directory.path().string();
  auto commands = demo_commands(out);
  ASSERT_EQ(commands.size(), 4U);
  Outcome outcome;
  for (std::vector<std::string>& command : commands) {
    std::string small =
        "--backend reference --width 2 --synthetic-train 64 --synthetic-test 16 "
        "--rounds 6";
    if (&command == &commands.back()) {
      ASSERT_EQ(command.back(), out + "/report.html");
      command.back() = out + "/report.csv";  // needs no gnuplot
      small = "";
    }
    std::istringstream words(small);
    command.insert(command.end(), std::istream_iterator<std::string>(words), {});
    outcome = run(command);
    ASSERT_EQ(outcome.code, Exit::good) << command.at(0) << ": " << outcome.err;
  }
  std::istringstream printed(outcome.out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(printed, line);) lines.push_back(line);
  const std::string ending = " +[0-9.]+ % +";
  const std::string held = "equal to eqs 13-15 in 6 rounds  [0-9a-f]{16}$";
  EXPECT_THAT(
      lines, ElementsAre(ContainsRegex("^run .*sha256"),
                         ContainsRegex("/sm" + ending + "- +- +none sent "),
                         ContainsRegex("/ssgd-mv-l4" + ending + "x[0-9.]+ +x[0-9.]+ +" + held),
                         ContainsRegex("/ssgd-mv-ad-l4-q" + ending + "x[0-9.]+ +x[0-9.]+ +" + held),
                         EndsWith("/report.csv")));
  EXPECT_TRUE(fs::exists(out + "/report.csv"));
}

}  // namespace
}  // namespace mvsgd::sim
