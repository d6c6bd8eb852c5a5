// What a text or a file says of a network.
#include "sim/report/network.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using testing::HasSubstr;

constexpr double kMega = 1e6;

/// The error's text; "" if there is none.
template <typename Error>
std::string refusal(const std::string& text) {
  try {
    (void)read_network(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(NetworkOf, ThreeNumbersHasTheirUnits) {
  const Network network = read_network("500k/1.5G/40ms");
  EXPECT_EQ(network.worker.rate[Direction::up], 500e3);
  EXPECT_EQ(network.worker.rate[Direction::down], 1.5e9);
  EXPECT_DOUBLE_EQ(network.worker.latency, 0.04);
  EXPECT_EQ(read_network("1000/2000/200us").worker.rate[Direction::up], 1000);
  EXPECT_DOUBLE_EQ(read_network("1/1/200us").worker.latency, 2e-4);
  EXPECT_EQ(read_network("1/1/2s").worker.latency, 2);
}

TEST(NetworkOf, NamesHasTheRatesOfTheHelp) {
  EXPECT_EQ(read_network("lan").worker.rate[Direction::up], 1000 * kMega);
  EXPECT_EQ(read_network("wan").worker.rate[Direction::down], 100 * kMega);
  const Link lte = read_network("lte").worker;
  EXPECT_EQ(lte.rate[Direction::up], 10 * kMega);
  EXPECT_EQ(lte.rate[Direction::down], 50 * kMega);
  EXPECT_EQ(lte.latency, 0.04);
}

TEST(NetworkOf, AnythingElseIsRefusedWithTheFormsThatAreTaken) {
  for (const char* text : {"", "fast", "10M", "10M/10M", "LAN"}) {
    EXPECT_THAT(refusal<UsageError>(text), HasSubstr("UP/DOWN/LATENCY as 10M/50M/40ms")) << text;
  }
  for (const char* text : {"0/1/1s", "-1/1/1s", "1m/1/1s", "x/1/1s", "nan/1/1s", "1e16/1/1s"}) {
    EXPECT_THAT(refusal<UsageError>(text), HasSubstr("from 1 to 1e15 bits a second")) << text;
    EXPECT_THAT(refusal<UsageError>(text), HasSubstr("--network " + std::string(text) + ": up = "));
  }
  for (const char* text : {"1/1/5", "1/1/-1s", "1/1/", "1/1/2h", "1/1/3601s", "1/1/1s/1"}) {
    EXPECT_THAT(refusal<UsageError>(text), HasSubstr("from 0s to 3600s")) << text;
  }
}

class NetworkFile : public testing::Test {
 protected:
  std::string file(const std::string& text) {
    const auto path = directory_.path() / "network.toml";
    std::ofstream(path) << text;
    return path.string();
  }
  TestDirectory directory_;
};

TEST_F(NetworkFile, HasAServerAndUnlikeWorkersThatBeginAsTheOthers) {
  const Network network =
      read_network(file("up = \"10M\"\ndown = \"50M\"\nlatency = \"40ms\"\nserver_down = \"1G\"\n"
                        "[worker.3]\nup = \"1M\"\n[worker.0]\nlatency = \"1s\"\n"));
  EXPECT_EQ(network.link(1).rate[Direction::up], 10 * kMega);
  EXPECT_EQ(network.link(3).rate[Direction::up], kMega);
  EXPECT_EQ(network.link(3).rate[Direction::down], 50 * kMega);
  EXPECT_EQ(network.link(3).latency, 0.04);
  EXPECT_EQ(network.link(0).latency, 1);
  EXPECT_EQ(network.server[Direction::down], 1e9);
  EXPECT_FALSE(network.server[Direction::up].has_value());
  EXPECT_EQ(network.overhead, 0);
  EXPECT_DOUBLE_EQ(read_network(file("overhead = \"4.6%\"\n")).overhead, 0.046);
}

TEST_F(NetworkFile, MistakesAreNamedWithFileAndLine) {
  const auto why = [&](const std::string& text) { return refusal<InputError>(file(text)); };
  EXPECT_THAT(why("up = \"10M\"\nupp = \"1M\"\n"),
              HasSubstr("network.toml:2: no key of a network"));
  EXPECT_THAT(why("up = 10\n"), HasSubstr("network.toml:1: up: text in quotes"));
  EXPECT_THAT(why("\nserver_up = 10\n"), HasSubstr("network.toml:2: server_up: text in quotes"));
  EXPECT_THAT(why("overhead = 0.05\n"), HasSubstr("network.toml:1: overhead: text in quotes"));
  for (const char* share : {"5", "-1%", "1001%", "nan%", "%", ""}) {
    EXPECT_THAT(why(std::string("overhead = \"") + share + "\"\n"),
                HasSubstr("from 0% to 1000% of the bits"))
        << share;
  }
  EXPECT_THAT(why("[worker.1]\noverhead = \"1%\"\n"),
              HasSubstr("network.toml:2: no key of a worker: overhead"));
  EXPECT_THAT(why("latency = \"1\"\n"), HasSubstr("network.toml:1: latency = 1: a latency from"));
  EXPECT_THAT(why("[worker.x]\nup = \"1M\"\n"), HasSubstr("worker.x: the number of a worker"));
  EXPECT_THAT(why("[worker.0]\nup = \"1M\"\n[worker.00]\nup = \"9M\"\n"),
              HasSubstr("network.toml:3: worker.00: worker 0 has a link"));
  EXPECT_THAT(why("[worker]\nup = \"1M\"\n"),
              HasSubstr("network.toml:2: worker.up: the number of a worker"));
  EXPECT_THAT(why("worker = 3\n"), HasSubstr("network.toml:1: worker: tables"));
  EXPECT_THAT(why("[worker.1]\nserver_up = \"1M\"\n"), HasSubstr("network.toml:2: no key"));
  EXPECT_THAT(why("up = \n"), HasSubstr("network.toml:"));
  EXPECT_THAT(refusal<InputError>((directory_.path() / "none.toml").string()),
              HasSubstr("none.toml: cannot be read"));
  const auto folder = directory_.path() / "folder.toml";
  std::filesystem::create_directory(folder);
  EXPECT_THAT(refusal<InputError>(folder.string()),
              HasSubstr("folder.toml: a directory, where a file is wanted"));
}

TEST_F(NetworkFile, HasNoLinkOfAWorkerThatNoRunHas) {
  const auto check = [&](const std::string& text, std::uint32_t workers) {
    check_workers(read_network(file(text)), workers);
  };
  EXPECT_NO_THROW(check("up = \"1M\"\n", 1));
  EXPECT_NO_THROW(check("[worker.9]\nup = \"1M\"\n", 10));
  EXPECT_THROW(check("[worker.9]\nup = \"1M\"\n[worker.10]\nup = \"1M\"\n", 10), InputError);
  EXPECT_THROW(check("[worker.3]\nup = \"1M\"\n", 3), InputError);
}

}  // namespace
}  // namespace mvsgd::sim
