// mvsgd evaluate.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/commands.hpp"
#include "sim/cli/options.hpp"
#include "sim/files/model_file.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/keys.hpp"
#include "sim/round/evaluation.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/compute.hpp"
#include "sim/train/evaluator.hpp"
#include "sim/train/images.hpp"
#include "sim/train/memory.hpp"
#include "sim/train/trial.hpp"

namespace mvsgd::sim {
namespace {

/// The keys on which an evaluation depends, and those that say where it runs.
constexpr std::array<std::string_view, 12> kKeys{"init",
                                                 "data",
                                                 "synthetic_train",
                                                 "synthetic_test",
                                                 "synthetic_noise",
                                                 "backend",
                                                 "bn_eval",
                                                 "conv_algorithm",
                                                 "precision",
                                                 "slots",
                                                 "threads_per_worker",
                                                 "instruction_set"};

/// Throws UsageError if training images are asked for that no evaluation looks at.
void refuse_unused_images(const Settings& settings, const GivenSettings& given) {
  constexpr std::string_view kTraining = "synthetic_train";
  const bool named =
      std::ranges::find(given, kTraining, &GivenSettings::value_type::first) != given.end();
  constexpr std::string_view kStatistics = "bn_eval";
  const std::string statistics = find_key(kStatistics)->get(settings);
  if (!named || statistics == "recompute") return;
  throw UsageError(fmt::format(
      "{} = {}: only {} = recompute looks at training images, and {} = {}, so it has no effect",
      kTraining, settings.synthetic_train, kStatistics, kStatistics, statistics));
}

Exit evaluate(const GivenSettings& given, const CommandContext& context) {
  Settings settings;
  set(settings, given);
  if (settings.init == kRandomInit) throw UsageError("--init FILE is wanted");
  refuse_unused_images(settings, given);
  const Model model = read_model(settings.init);
  settings.width = static_cast<std::uint32_t>(model.width);
  validate(settings);
  check_backend(settings);
  refuse_without_effect(settings, given_by_name(Settings(), given));
  if (settings.threads_per_worker > 1) {
    need_threads(slot_count(settings) * settings.threads_per_worker);
  }
  const data::TrainTest images = load_images(settings);
  Slots slots(slot_count(settings));
  std::vector<Compute> compute = make_compute(settings, slots.count());
  const SlotImages training(images.train, compute);
  const SlotImages test(images.test, compute);
  const Evaluator evaluator(settings, training, test, compute, slots);
  const Evaluation evaluation =
      evaluator(model.theta, evaluator.statistics(model.theta, model.statistics));

  for (const std::string& remark : remarks_on_model(settings.init)) {
    warn(context, fmt::format("{}: {}", settings.init, remark));
  }
  std::ostream& out = context.streams.out;
  fmt::print(out, "{}: width {}, {} parameters, {} test images\n", settings.init, model.width,
             grouped(model.theta.size()), grouped(images.test.size()));
  fmt::print(out, "{:<16}{:.2f} %\n", "test accuracy", 100 * evaluation.accuracy);
  fmt::print(out, "{:<16}{:.6f}\n", "test loss", evaluation.loss);
  return Exit::good;
}

}  // namespace

void add_evaluate(CLI::App& app, const CommandContext& context, Action& chosen) {
  const auto given = std::make_shared<GivenSettings>();
  CLI::App* const command = app.add_subcommand(
      "evaluate", "Loss and accuracy of the weights in a safetensors file (--init)");
  add_setting_options(*command, *given,
                      [](std::string_view key) { return std::ranges::count(kKeys, key) > 0; });
  command->footer(R"(Examples:
  mvsgd evaluate --init runs/demo-seed1/model.safetensors
  mvsgd evaluate --init model.safetensors --data cifar-10 --bn-eval recompute)");
  command->callback([given, &context, &chosen] {
    chosen = [given, &context] { return evaluate(*given, context); };
  });
}

}  // namespace mvsgd::sim
