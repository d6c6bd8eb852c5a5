// mvsgd data: fetches CIFAR-10's files, checks them, or writes synthetic ones.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "data/cifar10.hpp"
#include "data/fetch.hpp"
#include "data/synthetic.hpp"
#include "sim/cli/commands.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

struct DataOptions {
  std::string directory;
  std::string url;
  std::uint64_t seed = 0;
};

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
  data::write_cifar10(options.directory, data::synthesize({.train = data::kCifar10Train,
                                                           .test = data::kCifar10Test,
                                                           .seed = options.seed}));
  fmt::print(streams.out, "{}: {} training and {} test images\n", options.directory,
             grouped(data::kCifar10Train), grouped(data::kCifar10Test));
  return Exit::good;
}

}  // namespace

void add_data(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto options = std::make_shared<DataOptions>();
  CLI::App* const group = app.add_subcommand("data", "Fetch, check or synthesize CIFAR-10's files");
  group->require_subcommand(1);
  group->footer("Examples:\n  mvsgd data fetch cifar-10\n  mvsgd data check cifar-10");
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
      ->add_option("--url", options->url, "a mirror of the archive: http, https or file");
  add("check", "Sizes, labels, MD5 and channel means", "  mvsgd data check cifar-10", check);
  add("synthesize", "Write 60,000 synthetic images as such files",
      "  mvsgd data synthesize synthetic\n  mvsgd data synthesize other --seed 2", synthesize)
      ->add_option("--seed", options->seed, "of the images; default 0, that of --data synthetic")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace mvsgd::sim
