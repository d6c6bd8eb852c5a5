// mvsgd data: fetches CIFAR-10's files, checks them, or writes synthetic ones.
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/cifar10.hpp"
#include "data/fetch.hpp"
#include "data/synthetic.hpp"
#include "sim/cli/commands.hpp"
#include "sim/cli/options.hpp"
#include "sim/files/made_directory.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/keys.hpp"
#include "sim/text/numbers.hpp"
#include "sim/text/text_table.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/images.hpp"

namespace mvsgd::sim {
namespace {

struct DataOptions {
  std::string directory;
  std::string url;
  std::uint64_t seed = 0;
  GivenSettings given;  ///< of a split
};

/// Of what a split depends on.
bool is_of_splits(std::string_view key) {
  return key.starts_with("split") || key == "workers" || key == "seed" || key == "data" ||
         key == "synthetic_train";
}

/// Draws a bar on a terminal. Elsewhere prints a line for every tenth.
class FetchReport {
 public:
  explicit FetchReport(const Streams& streams) : streams_(&streams) {}
  /// Ends the bar's line, if there is a bar.
  ~FetchReport() {
    if (bar_is_there_) streams_->out << std::endl;
  }
  FetchReport(const FetchReport&) = delete;
  FetchReport& operator=(const FetchReport&) = delete;

  void operator()(std::uint64_t done, std::uint64_t total) {
    const std::uint64_t percent = 100 * done / total;
    const bool terminal = streams_->columns > 0;
    const std::uint64_t step = terminal ? percent : percent / 10;
    if (step == shown_) return;
    shown_ = step;
    const std::string text =
        fmt::format("{} {:3} %  {:.1f} of {:.1f} MB", bar(done, total), percent,
                    static_cast<double>(done) / 1e6, static_cast<double>(total) / 1e6);
    const char* const format = terminal ? "\r\x1b[K{}" : "{}\n";
    fmt::print(streams_->out, fmt::runtime(format), text);
    streams_->out.flush();
    bar_is_there_ = terminal;
  }

 private:
  const Streams* streams_;
  std::uint64_t shown_ = 0;
  bool bar_is_there_ = false;
};

Exit fetch(const DataOptions& options, const CommandContext& context) {
  std::ostream silent(nullptr);
  const Streams streams = progress_streams(context, silent);
  data::Archive archive = data::cifar10_archive();
  if (!options.url.empty()) archive.url = options.url;
  if (data::is_there(archive, options.directory)) {
    fmt::print(streams.out, "{}: has the six files already\n", options.directory);
    return Exit::good;
  }
  fmt::print(streams.out, "{}: {} bytes\n", archive.url, grouped(archive.bytes));
  const MadeDirectory made(options.directory);
  {
    FetchReport report(streams);
    data::fetch(archive, options.directory, std::ref(report));
  }
  fmt::print(streams.out, "{}: six files, each with the official MD5\n", options.directory);
  return Exit::good;
}

Exit check(const DataOptions& options, const CommandContext& context) {
  const Streams& streams = context.streams;
  const data::Cifar10Check found = data::check_cifar10(options.directory);
  const auto verdict = [&](bool holds) {
    return holds ? "good " : in_red("WRONG", streams.out_colors);
  };
  for (const data::Cifar10Check::File& file : found.files) {
    fmt::print(streams.out, "{} {}: MD5 {}\n", verdict(file.official), file.name, file.md5);
  }
  fmt::print(streams.out, "{} images of each class: {} to learn from, {} to test\n",
             verdict(found.balanced), fmt::join(found.train, " "), fmt::join(found.test, " "));
  fmt::print(streams.out, "{} channels: mean {:.8f}, standard deviation {:.8f}\n",
             verdict(found.known_moments), fmt::join(found.mean, " "),
             fmt::join(found.deviation, " "));
  if (found.holds()) return Exit::good;
  fmt::print(streams.err, "mvsgd: {}: not the official files of CIFAR-10\n", options.directory);
  return Exit::check_failed;
}

Exit synthesize(const DataOptions& options, const CommandContext& context) {
  const Streams& streams = context.streams;
  const MadeDirectory made(options.directory);
  data::write_cifar10(options.directory, data::synthesize({.train = data::kCifar10Train,
                                                           .test = data::kCifar10Test,
                                                           .seed = options.seed}));
  fmt::print(streams.out, "{}: {} training and {} test images\n", options.directory,
             grouped(data::kCifar10Train), grouped(data::kCifar10Test));
  return Exit::good;
}

/// Prints how many images of each class each worker has.
Exit split(const DataOptions& options, const CommandContext& context) {
  Settings settings;
  set(settings, options.given);
  const std::vector<GivenKey> named = given_by_name(Settings(), options.given);
  refuse_without_effect(settings, named);
  const data::Dataset training = load_images(settings).train;
  const auto parts = split_images(settings, training);
  std::size_t classes = 0;
  for (const std::uint8_t label : training.labels) {
    classes = std::max<std::size_t>(classes, label + std::size_t{1});
  }
  std::vector<std::vector<std::string>> lines{{"worker", "images"}};
  for (std::size_t c = 0; c < classes; ++c) lines.front().push_back(std::to_string(c));
  for (std::size_t n = 0; n < parts.size(); ++n) {
    std::vector<std::size_t> counts(classes);
    for (const std::uint32_t image : parts[n]) ++counts[training.labels[image]];
    std::vector<std::string> line{std::to_string(n), std::to_string(parts[n].size())};
    for (const std::size_t count : counts) line.push_back(std::to_string(count));
    lines.push_back(std::move(line));
  }
  write_text_table(context.streams.out, lines, std::string(classes + 2, '>'));
  return Exit::good;
}

}  // namespace

void add_data(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<DataOptions>();
  CLI::App* const group =
      app.add_subcommand("data", "Fetch, check, split or synthesize CIFAR-10's files");
  group->require_subcommand(1);
  group->footer("Examples:\n  mvsgd data fetch cifar-10\n  mvsgd data check cifar-10");
  CLI::App* const of_split = group->add_subcommand(
      "split", "Print how many images of each class each worker of a run would have");
  add_setting_options(*of_split, options->given, is_of_splits);
  of_split->footer(
      "Examples:\n  mvsgd data split --data cifar-10\n"
      "  mvsgd data split --data cifar-10 --split dirichlet --split-alpha 0.1 --seed 2\n"
      "  mvsgd data split --split classes --split-classes 2 --workers 20");
  of_split->callback([options, &context, &chosen] {
    chosen = [options, &context] { return split(*options, context); };
  });
  const auto add = [&](const char* name, const char* what, const char* examples, auto run) {
    CLI::App* const command = group->add_subcommand(name, what);
    command->add_option("directory", options->directory, "of the six files of the binary version")
        ->required()
        ->type_name("DIR");
    command->footer(fmt::format("Examples:\n{}", examples));
    command->callback([options, &context, &chosen, run] {
      chosen = [options, &context, run] { return run(*options, context); };
    });
    return command;
  };
  add("fetch", "Download and unpack them; a broken download is gone on with",
      "  mvsgd data fetch cifar-10\n"
      "  mvsgd data fetch cifar-10 --url file:///tmp/cifar-10-binary.tar.gz",
      fetch)
      ->add_option("--url", options->url, "a mirror of the archive: http, https or file")
      ->type_name("URL");
  add("check", "Sizes, labels, MD5 and channel means", "  mvsgd data check cifar-10", check);
  add("synthesize", "Write 60,000 synthetic images as such files",
      "  mvsgd data synthesize synthetic\n  mvsgd data synthesize other --seed 2", synthesize)
      ->add_option("--seed", options->seed, "of the images; default 0, that of --data synthetic")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace mvsgd::sim
