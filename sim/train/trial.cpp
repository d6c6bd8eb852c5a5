#include "sim/train/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "comm/inproc/one_process.hpp"
#include "sim/files/digest.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/model_file.hpp"
#include "sim/law/audit.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/evaluation.hpp"
#include "sim/round/group.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/compute.hpp"
#include "sim/train/evaluator.hpp"
#include "sim/train/give_up_together.hpp"
#include "sim/train/local_training.hpp"

namespace mvsgd::sim {
namespace {

/// The model in the file that `init` names, or a drawn one.
Model initial_model(const Settings& s) {
  if (s.init == kRandomInit) {
    return {.width = s.width,
            .theta = nn::initial_parameters(nn::resnet18_parameters({.width = s.width}), s.seed),
            .statistics = nn::initial_buffers(nn::resnet18_buffers({.width = s.width}))};
  }
  Model model = read_model(s.init);
  if (model.width != s.width) {
    throw InputError(
        fmt::format("{}: a network of width {}, not {}", s.init, model.width, s.width));
  }
  return model;
}

/// Everything that a run keeps between pauses.
struct RunningTrial {
  RunningTrial(const Settings& s, const data::TrainTest& images, const TrialSinks& trial_sinks,
               const LawConstants& law, std::optional<TrialState> from, comm::Processes& all)
      : processes(all),
        settings(s),
        rounds(schedule(s, images.train.size())),
        state(from ? std::move(*from) : first_state(s)),
        slots(slot_count(s), device_count(s)),
        compute(make_compute(s, slots.count())),
        training(images.train, compute),
        test(images.test, compute),
        give_up(trial_sinks.gives_up, ranks_given_up_here(s, all)),
        update(s, training, compute, &give_up),
        evaluator(s, training, test, compute, slots, &give_up),
        layers(network_layers(s)),
        audit(law, s, layers, state.group.workers.front().buffers.size()),
        sinks(trial_sinks) {}

  void closed(const RoundRecord& record) {
    audit.check(record.round, record.ledger, record.sizes);
    state.account.add(record.round, record.ledger);
    if (record.evaluation) state.evaluation = *record.evaluation;
    state.evaluation_due = record.evaluation_due;
    state.phases += record.report.phases;
    if (sinks.on_round) sinks.on_round(record);
  }

  Evaluation evaluate(std::span<const float> theta, std::span<const float> buffers) {
    std::vector<float> statistics = evaluator.statistics(theta, buffers);
    Evaluation evaluation = evaluator(theta, statistics);
    evaluation.digest = sha256(theta);
    state.statistics = std::move(statistics);
    return evaluation;
  }

  comm::Processes& processes;
  Settings settings;
  std::vector<Round> rounds;
  TrialState state;
  Slots slots;
  std::vector<Compute> compute;
  SlotImages training;
  SlotImages test;
  GiveUp give_up;
  LocalTraining update;
  Evaluator evaluator;
  Layers layers;
  Audit audit;
  TrialSinks sinks;
};

/// The mean of the buffers of these workers, [b], summed in their order.
std::vector<float> mean_buffers(std::span<const WorkerState> workers,
                                std::span<const std::uint32_t> of) {
  std::vector<float> mean = workers[of.front()].buffers;
  for (const std::uint32_t n : of.subspan(1)) {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += workers[n].buffers[i];
  }
  for (float& x : mean) x /= static_cast<float>(of.size());
  return mean;
}

/// The same of all workers.
std::vector<float> mean_buffers(const Settings& settings, std::span<const WorkerState> workers) {
  return mean_buffers(workers, participants(settings, Round()));
}

/// Runs the evaluation that a stop has left. Its bits are those of one go, since the workers'
/// statistics are those that they sent for it.
void evaluate_what_is_due(RunningTrial& trial) {
  TrialState& state = trial.state;
  if (!state.evaluation_due) return;
  const std::vector<WorkerState>& workers = state.group.workers;
  const Round& round = trial.rounds.at(state.group.t - 1);
  state.evaluation = trial.evaluate(state.group.server.theta,
                                    trial.settings.scheme->sends()
                                        ? mean_buffers(workers, participants(trial.settings, round))
                                        : workers.front().buffers);
  state.evaluation_due = false;
  if (trial.sinks.on_evaluation) trial.sinks.on_evaluation(state.evaluation);
}

/// Runs the trial to its next pause.
void advance(RunningTrial& trial) {
  const std::chrono::seconds deadline(trial.settings.deadline);
  trial.give_up.restart();  // before another process can begin a round
  const std::unique_ptr<comm::Group> group = trial.processes.make_group(
      trial.settings.workers, std::min<std::chrono::milliseconds>(deadline, comm::kLongestDeadline),
      trial.sinks.on_message);
  const GiveUpTogether together(trial.processes, *group, trial.give_up);
  trial.state.group = run_group(
      {.group = *group,
       .settings = trial.settings,
       .layers = trial.layers,
       .rounds = trial.rounds,
       .update = trial.update,
       .make_arrays = worker_arrays(trial.settings),
       .slots = trial.slots,
       .evaluate = [&](auto theta, auto buffers) { return trial.evaluate(theta, buffers); },
       .on_closed = [&](const RoundRecord& record) { trial.closed(record); },
       .pause_after = trial.sinks.pause_after,
       .give_up = trial.give_up.is_possible() ? &trial.give_up : nullptr,
       .on_given_up =
           [&](GroupState& state) {
             if (trial.processes.count() > 1) bring_parts(trial.processes, deadline, state);
           }},
      std::move(trial.state.group));
}

}  // namespace

TrialState first_state(const Settings& s) {
  Model model = initial_model(s);
  TrialState first{.group = {},
                   .evaluation = {},
                   .statistics = model.statistics,
                   .evaluation_due = false,
                   .account = {model.theta.size(), s.workers},
                   .phases = {},
                   .seconds = 0};
  first.group = initial_state(s.workers, std::move(model.theta), model.statistics);
  return first;
}

TrialResult run_trial(const Settings& settings, const data::TrainTest& images,
                      const TrialSinks& sinks, const LawConstants& law,
                      std::optional<TrialState> from, comm::Processes* processes) {
  comm::OneProcess alone;
  validate(settings);
  check_backend(settings);
  if (settings.workers > images.train.size()) {
    throw UsageError(fmt::format("workers = {}: there are {} training images", settings.workers,
                                 images.train.size()));
  }
  RunningTrial trial(settings, images, sinks, law, std::move(from),
                     processes != nullptr ? *processes : alone);
  TrialState& state = trial.state;
  const double earlier = state.seconds;
  const auto start = std::chrono::steady_clock::now();
  bool goes_on = true;
  std::uint32_t t = state.group.t;
  while (goes_on && t < trial.rounds.size()) {
    try {
      evaluate_what_is_due(trial);
      advance(trial);
      t = state.group.t;
    } catch (const EvaluationGivenUp&) {
      if (!state.evaluation_due) break;  // that of the last round, with which the state has gone
    }
    if (settings.bn_eval() == BatchNormEvaluation::batch && trial.processes.leads()) {
      state.statistics = mean_buffers(settings, state.group.workers);
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    state.seconds = earlier + elapsed.count();
    if (t < trial.rounds.size() && sinks.on_pause) goes_on = sinks.on_pause(state);
  }
  std::vector<float>& theta = state.group.server.theta;
  std::string digest = sha256(theta);
  return {.evaluation = state.evaluation,
          .account = state.account,
          .theta = std::move(theta),
          .statistics = std::move(state.statistics),
          .steps = t == 0 ? 0 : trial.rounds[t - 1].first_step + trial.rounds[t - 1].steps,
          .digest = std::move(digest),
          .phases = state.phases,
          .finished = t == trial.rounds.size()};
}

}  // namespace mvsgd::sim
