// mvsgd data split, and the splits of a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "sim/run/run_history.hpp"
#include "sim/train/images.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

/// The numbers of each line but the first.
std::vector<std::vector<std::size_t>> table_of(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::vector<std::vector<std::size_t>> table;
  while (std::getline(lines, line)) {
    std::istringstream in(line);
    table.emplace_back(std::istream_iterator<std::size_t>(in),
                       std::istream_iterator<std::size_t>());
  }
  return table;
}

TEST(DataSplit, PrintsWhatEachWorkerHasOfEachClass) {
  const std::vector<std::string> args{
      "data",   "split", "--split",         "classes", "--workers",         "6",
      "--seed", "5",     "--split-classes", "3",       "--synthetic-train", "200"};
  const Outcome outcome = run(args);
  ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  Settings settings;
  settings.split = Split::classes;
  settings.split_classes = 3;
  settings.workers = 6;
  settings.seed = 5;
  settings.synthetic_train = 200;
  const data::Dataset training = load_images(settings).train;
  const auto parts = split_images(settings, training);
  const auto table = table_of(outcome.out);
  ASSERT_EQ(table.size(), 6U);
  for (std::size_t n = 0; n < 6; ++n) {
    std::vector<std::size_t> want(12);
    want[0] = n;
    want[1] = parts[n].size();
    for (const std::uint32_t image : parts[n]) ++want[2U + training.labels[image]];
    EXPECT_EQ(table[n], want);
  }
}

TEST(DataSplit, RefusesWhatCannotBeSplitAndWhatHasNoEffect) {
  const Outcome few = run({"data", "split", "--split", "classes", "--workers", "4"});
  EXPECT_EQ(few.code, Exit::usage);
  EXPECT_THAT(
      few.err,
      HasSubstr("split = classes: partition: 2 classes of 10 for each of 4 workers: some would"));
  const Outcome idle = run({"data", "split", "--split-alpha", "0.1"});
  EXPECT_EQ(idle.code, Exit::usage);
  EXPECT_THAT(idle.err, HasSubstr("it is of split = dirichlet alone"));
}

TEST(SplitOfARun, ThatCannotBeIsRefusedBeforeItsDirectoryIsMade) {
  const TestDirectory directory;
  const auto path = directory.path() / "run";
  const Outcome outcome = run({"train", "--split", "classes", "--split-classes", "11", "--width",
                               "2", "--synthetic-train", "120", "--out", path.string()});
  EXPECT_EQ(outcome.code, Exit::usage);
  EXPECT_THAT(outcome.err, HasSubstr("11 classes of 10 for each of 10 workers"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SplitOfARun, ChangesWhatIsTrained) {
  const TestDirectory directory;
  std::set<std::string> digests;
  const auto train = [&](const Settings& settings) {
    const auto path = directory.path() / std::to_string(digests.size());
    train_into(path, settings);
    digests.insert(read_run_history(path).end.value().digest);
  };
  Settings settings = small_settings("ssgd-mv");
  train(settings);
  settings.split = Split::dirichlet;
  train(settings);
  settings.split_alpha = Decimal(1, 1);
  train(settings);
  settings.split_sizes = SplitSizes::free;
  train(settings);
  settings.split = Split::classes;
  settings.split_classes = 5;
  train(settings);
  EXPECT_EQ(digests.size(), 5U);
}

}  // namespace
}  // namespace mvsgd::sim
