// Reports as files: plots by gnuplot, the page, and what hostile text does to them.
#include "sim/report/plots.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/cli/command_line.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/temporary_directory.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/report/drawn_plots.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/report/html.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

class ReportPlots : public testing::Test {
 protected:
  void SetUp() override {
    try {
      const TemporaryDirectory directory;
      run_gnuplot("", directory.path());
    } catch (const InputError& e) {
      GTEST_SKIP() << e.what();
    }
  }

  void train(const std::string& name, const Settings& settings) {
    train_into(path_ / name, settings);
  }
  std::vector<SeedGroup> groups() {
    std::vector<RunHistory> runs;
    for (const auto& entry : fs::directory_iterator(path_)) {
      runs.push_back(read_run_history(entry.path()));
    }
    return seed_groups(std::move(runs));
  }
  static std::string page(const std::vector<SeedGroup>& groups) {
    const std::vector<Plot> plots = report_plots(groups);
    std::ostringstream out;
    write_html(out, groups, plots, draw_svg(plots));
    return out.str();
  }
  static std::set<std::string> names(const std::vector<Plot>& plots) {
    std::set<std::string> all;
    for (const Plot& plot : plots) all.insert(plot.name);
    return all;
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path();
};

TEST_F(ReportPlots, ThePageHasEveryPlotAndNothingFromElsewhere) {
  Settings settings = small_settings("ssgd-mv");
  train("one", settings);
  settings.seed = 2;
  train("two", settings);
  train("sm", small_settings("sm"));
  const auto all = groups();
  const std::string html = page(all);
  for (const std::string& name : names(report_plots(all))) {
    EXPECT_THAT(html, HasSubstr("<figure id=\"" + name + "\"><svg")) << name;
  }
  EXPECT_EQ(report_plots(all).size(), 11U);
  for (const SeedGroup& group : all) {
    for (const RunHistory& run : group.runs) EXPECT_THAT(html, HasSubstr(run.end->digest));
  }
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(testing::ContainsRegex("(src|href)=.(https?|file):")));
  EXPECT_THAT(html, HasSubstr("<polygon"));  // the band of two seeds
  std::set<std::string> ids;
  constexpr std::string_view kId = " id=";
  for (std::size_t at = html.find(kId); at != std::string::npos; at = html.find(kId, at)) {
    at += kId.size() + 1;
    const std::string id = html.substr(at, html.find(html[at - 1], at) - at);
    EXPECT_TRUE(ids.insert(id).second) << id;
  }
  EXPECT_GE(ids.size(), 11U);
}

TEST_F(ReportPlots, WhatEachWorkerHasIsABandFromTheLeastToTheLargest) {
  Settings settings = small_settings("ssgd-mv");
  settings.worker_metrics = true;
  settings.workers = 3;
  train("one", settings);
  const auto all = groups();
  const std::vector<Plot> plots = report_plots(all);
  for (const char* const name : {"loss", "vote_overlap", "vote_agreement", "error_norm"}) {
    SCOPED_TRACE(name);
    const std::string plot_name = std::string("worker_") + name + "-epoch";
    const auto plot = std::ranges::find(plots, plot_name, &Plot::name);
    ASSERT_NE(plot, plots.end());
    EXPECT_THAT(plot->draw, HasSubstr("filledcurves"));
    // The last point of the data block: epoch, two that are not drawn, mean, least, largest.
    const WorkerMetric& metric =
        *std::ranges::find(worker_metrics(), std::string_view(name), &WorkerMetric::name);
    const WorkerMetrics& last = all.front().runs.front().by_worker.back();
    const double scale = metric.is_share ? 100 : 1;
    double sum = 0;
    double least = 1e300;
    double largest = 0;
    for (const auto& number : last.*metric.of) {
      sum += *number;
      least = std::min(least, *number);
      largest = std::max(largest, *number);
    }
    EXPECT_LT(least, largest);
    std::istringstream block(plot->data.substr(0, plot->data.rfind("EOD")));
    std::string line;
    for (std::string next; std::getline(block, next);) line = next;
    std::istringstream numbers(line);
    double point[6] = {};
    for (double& number : point) numbers >> number;
    EXPECT_EQ(point[0], 2);  // epochs
    EXPECT_DOUBLE_EQ(point[3], scale * sum / 3);
    EXPECT_DOUBLE_EQ(point[4], scale * least);
    EXPECT_DOUBLE_EQ(point[5], scale * largest);
  }
  EXPECT_THAT(page(all), HasSubstr("<figure id=\"worker_error_norm-epoch\"><svg"));
  std::ostringstream csv;
  write_csv(csv, all);
  EXPECT_THAT(csv.str(), HasSubstr(",vote_agreement/worker-2,"));
}

TEST_F(ReportPlots, WhatTiesHaveChosenIsACurveOfTheRuns) {
  Settings settings = small_settings("ssgd-mv");
  settings.worker_metrics = true;
  train("one", settings);
  settings.seed = 2;
  train("two", settings);
  train("none", small_settings("ssgd-mv-ad"));
  const auto all = groups();
  const std::vector<Plot> plots = report_plots(all);
  const auto plot = std::ranges::find(plots, std::string_view("tied-epoch"), &Plot::name);
  ASSERT_NE(plot, plots.end());
  EXPECT_EQ(plot->band, Band::deviation);
  EXPECT_EQ(plot->curves, 1U);
  const SeedGroup& group = *std::ranges::find(all, std::string_view("ssgd-mv"), &SeedGroup::label);
  const double a = *group.runs[0].by_worker.back().tied;
  const double b = *group.runs[1].by_worker.back().tied;
  EXPECT_GT(a, 0);
  EXPECT_THAT(plot->data,
              HasSubstr(fmt::format("\n2 {} {} {} ", group.runs[0].rounds.back().bits.count(),
                                    group.runs[0].rounds.back().seconds, 100 * ((a + b) / 2))));
  const std::string html = page(all);
  EXPECT_THAT(html, HasSubstr("<figure id=\"tied-epoch\"><svg"));
  EXPECT_THAT(html, HasSubstr("<tr><td>tied</td>"));
}

TEST_F(ReportPlots, WhatMasksHaveHadIsAPointOfEachLayer) {
  Settings settings = small_settings("ssgd-mv");
  train("none", settings);
  settings.mask_metrics = true;
  settings.seed = 2;
  settings.batch = 4;
  train("one", settings);
  const auto all = groups();
  const std::vector<Plot> plots = report_plots(all);
  const auto plot = std::ranges::find(plots, std::string_view("in_masks"), &Plot::name);
  ASSERT_NE(plot, plots.end());
  const SeedGroup& group = *std::ranges::find(all, std::uint64_t{4}, [](const SeedGroup& each) {
    return each.runs.front().settings.batch;
  });
  const LayerShare& layer = group.runs.front().rounds.back().in_masks.back();
  const double share = static_cast<double>(layer.kept) / static_cast<double>(layer.coordinates);
  EXPECT_THAT(plot->data, HasSubstr(fmt::format("\n{} 40\nEOD\n", 100 * share)));
  EXPECT_THAT(plot->draw, HasSubstr(fmt::format("'{}' 40)", layer.layer)));
  const std::string html = page(all);
  EXPECT_THAT(html, HasSubstr("<figure id=\"in_masks\"><svg"));
  EXPECT_THAT(html, HasSubstr("<th>in any mask since the last dense round, %</th>"));
  EXPECT_THAT(html, HasSubstr(fmt::format("<code>{}</code></td><td>{:.3f}</td></tr>", layer.layer,
                                          100 * share)));
}

TEST_F(ReportPlots, ThePageSaysOfEachBandThatItHasWhatItReachesOver) {
  const char* const deviation = "one sample standard deviation to each side";
  const char* const workers = "from the least worker of all runs to the largest";
  Settings settings = small_settings("ssgd-mv");
  train("one", settings);
  EXPECT_THAT(page(groups()), Not(testing::AnyOf(HasSubstr(deviation), HasSubstr(workers))));
  settings.worker_metrics = true;
  settings.batch = 4;
  train("workers", settings);
  EXPECT_THAT(page(groups()), testing::AllOf(Not(HasSubstr(deviation)), HasSubstr(workers)));
  settings.seed = 2;
  train("both", settings);
  EXPECT_THAT(page(groups()), testing::AllOf(HasSubstr(deviation), HasSubstr(workers)));
  fs::remove_all(path_ / "workers");
  fs::remove_all(path_ / "both");
  settings = small_settings("ssgd-mv");
  settings.seed = 2;
  train("two", settings);
  EXPECT_THAT(page(groups()), testing::AllOf(HasSubstr(deviation), Not(HasSubstr(workers))));
}

TEST_F(ReportPlots, WhatNoRunHasIsNotDrawn) {
  train("sm", small_settings("sm"));
  EXPECT_THAT(names(report_plots(groups())),
              testing::UnorderedElementsAre("test_accuracy-epoch", "test_accuracy-seconds",
                                            "loss-epoch", "loss-seconds"));
}

TEST_F(ReportPlots, ARunOfOneRoundIsDrawn) {
  Settings settings = small_settings("ssgd-mv");
  settings.rounds = 1;
  train("one", settings);
  const std::string html = page(groups());
  EXPECT_THAT(html, HasSubstr("<figure id=\"bits\">"));
  EXPECT_THAT(html, HasSubstr("href='#loss-bits-gpPt6'"));  // a marker, since a line has no length
  EXPECT_THAT(html, HasSubstr("1 of 1"));
  EXPECT_THAT(html, HasSubstr("<th>whose bits</th>"));
  EXPECT_THAT(html, HasSubstr("</code></td><td>portable</td>"));
}

TEST_F(ReportPlots, ARunThatHasNotBegunIsReported) {
  train("run", small_settings("ssgd-mv"));
  fs::resize_file(path_ / "run" / "metrics.jsonl", 0);
  EXPECT_THAT(page(groups()), HasSubstr("has not ended"));
}

TEST_F(ReportPlots, TextOfARunIsNeitherMarkupNorACommand) {
  Settings settings = small_settings("ssgd-mv");
  const fs::path trap = path_.string() + "_trap";
  train("plain", settings);
  settings.backend = "<b>'`touch " + trap.string() + "`'\"&";
  fs::copy(path_ / "plain", path_ / "hostile");
  std::ofstream config(path_ / "hostile" / "config.toml");
  write_toml(settings, config);
  config.close();
  const auto all = groups();
  const std::string html = page(all);
  EXPECT_THAT(draw_page(report_plots(all), all, "png"), StartsWith("\x89PNG\r\n"));
  EXPECT_FALSE(fs::exists(trap));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_THAT(html, HasSubstr("backend = &lt;b&gt;&#39;`touch"));
}

TEST_F(ReportPlots, EveryFormatIsWrittenWholeOrNotAtAll) {
  train("run", small_settings("ssgd-mv-ad-l4-q"));
  const auto report = [&](std::vector<std::string> more) {
    std::vector<std::string> args{"report", (path_ / "run").string()};
    args.insert(args.end(), more.begin(), more.end());
    std::ostringstream out;
    std::ostringstream err;
    const Exit code = run_command(args, {.out = out, .err = err, .columns = 0});
    EXPECT_EQ(err.str().empty(), code == Exit::good) << err.str();
    return code;
  };
  const std::pair<const char*, const char*> starts[] = {
      {"html", "<!DOCTYPE html>"}, {"pdf", "%PDF-"}, {"png", "\x89PNG\r\n"}, {"csv", "group,seed"}};
  for (const auto& [format, start] : starts) {
    EXPECT_EQ(report({"--format", format}), Exit::good);
    EXPECT_THAT(text_of(path_ / "run" / ("report." + std::string(format))), StartsWith(start));
  }
  const fs::path nowhere = path_ / "none" / "report.html";
  EXPECT_EQ(report({"--out", nowhere.string()}), Exit::bad_input);
  EXPECT_FALSE(fs::exists(nowhere.parent_path()));
  EXPECT_EQ(report({"--format", "svg"}), Exit::usage);
}

TEST_F(ReportPlots, WithoutGnuplotThePackageIsNamedAndCsvWorks) {
  train("run", small_settings("ssgd-mv"));
  const std::string before = std::getenv("PATH");
  setenv("PATH", path_.c_str(), 1);
  std::ostringstream out;
  std::ostringstream err;
  const std::string run = (path_ / "run").string();
  const Exit drawn = run_command({"report", run}, {.out = out, .err = err, .columns = 0});
  const Exit csv =
      run_command({"report", run, "--format", "csv"}, {.out = out, .err = err, .columns = 0});
  setenv("PATH", before.c_str(), 1);
  EXPECT_EQ(drawn, Exit::bad_input);
  EXPECT_THAT(err.str(), HasSubstr("apt-get install gnuplot-nox"));
  EXPECT_FALSE(fs::exists(path_ / "run" / "report.html"));
  EXPECT_EQ(csv, Exit::good);
}

TEST_F(ReportPlots, WhatGnuplotRefusesIsSaidInItsWords) {
  const TemporaryDirectory directory;
  EXPECT_THAT([&] { run_gnuplot("plot nonsense(x)\n", directory.path()); },
              ThrowsMessage<std::runtime_error>(HasSubstr("nonsense")));
}

/// Two seeds, whose loss and accuracy are those of their rounds.
class PlotsOfSeeds : public testing::Test {
 protected:
  PlotsOfSeeds() { group_.runs.resize(2); }

  void add(std::size_t run, double epoch, double loss, double accuracy) {
    RoundHistory round;
    round.round = static_cast<std::uint32_t>(group_.runs[run].rounds.size() + 1);
    round.epoch = epoch;
    round.loss = loss;
    round.test_accuracy = accuracy;
    group_.runs[run].rounds.push_back(round);
  }
  [[nodiscard]] Plot plot(std::string_view name) const {
    const std::vector<Plot> all = report_plots(std::span(&group_, 1));
    return *std::ranges::find(all, name, &Plot::name);
  }

  SeedGroup group_{.label = "g", .runs = {}};
};

TEST_F(PlotsOfSeeds, HaveABandOfOneDeviationToEachSide) {
  add(0, 0.5, 1, 0.5);
  add(1, 0.5, 3, 0.5);
  EXPECT_THAT(plot("loss-epoch").data,
              HasSubstr(fmt::format("\n0.5 0 0 2 {} {}\n", 2 - std::sqrt(2.), 2 + std::sqrt(2.))));
}

TEST_F(PlotsOfSeeds, BarsAreMeansOfRuns) {
  for (RunHistory& run : group_.runs) {
    run.bits[comm::Direction::up][comm::Field::positions] = comm::Bits(1000);
    run.bits[comm::Direction::down][comm::Field::values] = comm::Bits(3000);
  }
  EXPECT_THAT(plot("bits").draw, HasSubstr("'g, up: 1 kbit'"));
  EXPECT_THAT(plot("bits").draw, HasSubstr("'g, down: 3 kbit'"));
}

TEST_F(PlotsOfSeeds, AnAccuracyBeginsBelowAllThatComesAfterASixthOfItsEpochs) {
  const auto floor = [&] { return accuracy_figure(std::span(&group_, 1), "f", "F").draw; };
  for (const std::size_t run : {0U, 1U}) {
    add(run, 1.9, 2, 0.1);
    add(run, 2, 1, 0.73);
    add(run, 12, 1, 0.88);
  }
  EXPECT_THAT(floor(), HasSubstr("set yrange [70:*]"));
  group_.runs[1].rounds[1].test_accuracy = 0.65;  // 69 %, and a deviation of 5.7
  EXPECT_THAT(floor(), HasSubstr("set yrange [60:*]"));
  for (const char* const name : {"test_accuracy-epoch", "test_accuracy-seconds"}) {
    EXPECT_THAT(plot(name).draw, HasSubstr("set yrange [60:*]"));
  }
  EXPECT_THAT(plot("loss-epoch").draw, HasSubstr("set yrange [0:*]"));
}

TEST_F(PlotsOfSeeds, AnAccuracyOfOnePointIsAboveWhereItsAxisBegins) {
  add(0, 1, 2, 0.1);
  EXPECT_THAT(plot("test_accuracy-epoch").draw, HasSubstr("set yrange [5:*]"));
}

TEST(LineStyle, IsAnotherForEachOf24Groups) {
  std::set<std::pair<std::string, int>> lines;
  std::set<std::pair<std::string, int>> points;
  std::set<std::pair<std::string, std::string_view>> borders;
  for (std::size_t group = 0; group < 24; ++group) {
    const LineStyle style = line_style(group);
    lines.emplace(style.color, style.dash);
    points.emplace(style.color, style.point);
    borders.emplace(style.color, style.border_style);
  }
  EXPECT_EQ(lines.size(), 24U);
  EXPECT_EQ(points.size(), 24U);
  EXPECT_EQ(borders.size(), 24U);
}

TEST(GnuplotString, HasNoWayOut) {
  EXPECT_EQ(gnuplot_string("it's `a` \"b\"\n\\"), "'it''s `a` \"b\" \\'");
}

}  // namespace
}  // namespace mvsgd::sim
