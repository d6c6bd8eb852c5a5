#include "sim/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "sim/audit.hpp"
#include "sim/digest.hpp"
#include "sim/group.hpp"

namespace mvsgd::sim {
namespace {

/// Everything of a run that both ways of running it (one machine, workers and server) share.
struct Run {
  Run(const Settings& s, const data::TrainTest& images, const TrialSinks& trial_sinks,
      const LawConstants& law)
      : settings(s),
        rounds(schedule(s, images.train.size())),
        theta(nn::initial_parameters(nn::resnet18_parameters({.width = s.width}), s.seed)),
        buffers(nn::initial_buffers(nn::resnet18_buffers({.width = s.width}))),
        slots(slot_count(s)),
        compute(make_compute(s, slots.count())),
        update(s, images.train, compute),
        evaluate(s, images, compute, slots),
        audit(law, s, theta.size(), buffers.size()),
        sinks(trial_sinks),
        result{.evaluation = {},
               .account = {theta.size(), s.workers},
               .theta = {},
               .digest = {},
               .phases = {}} {}

  void closed(const RoundRecord& record) {
    audit.check(record.round, record.ledger, record.sizes);
    result.account.add(record.round, record.ledger);
    if (record.evaluation) result.evaluation = *record.evaluation;
    WorkerReport report = telemetry.take(record.round.t);
    report.phases.server = record.server_seconds;
    result.phases += report.phases;
    if (sinks.on_round) sinks.on_round({.record = record, .report = report});
  }

  Settings settings;
  std::vector<Round> rounds;
  std::vector<float> theta;  ///< the initial parameters
  std::vector<float> buffers;
  Slots slots;
  std::vector<Compute> compute;
  LocalTraining update;
  Evaluator evaluate;
  Audit audit;
  Telemetry telemetry;
  TrialSinks sinks;
  TrialResult result;
};

/// Scheme sm: plain SGD, and nobody to talk to.
void run_single_machine(Run& run) {
  run.closed(RoundRecord());
  std::vector<float>& theta = run.theta;
  for (const Round& round : run.rounds) {
    RoundRecord record;
    record.round = round;
    {
      const Slots::Lease slot(run.slots);
      WorkerReport report;
      report.steps = round.steps;
      {
        const PhaseTimer timer(report.phases.local_steps);
        const LocalResult local = run.update.run(slot.index(), round, 0, theta, run.buffers);
        std::copy(local.theta.begin(), local.theta.end(), theta.begin());
        report.loss = local.loss;
        report.images = local.images;
      }
      run.telemetry.add(round.t, 0, report);
    }
    if (round.evaluate) record.evaluation = run.evaluate(theta, run.buffers);
    run.closed(record);
  }
  run.result.theta = std::move(theta);
}

void run_with_server(Run& run) {
  run.result.theta =
      run_group({.settings = run.settings,
                 .rounds = run.rounds,
                 .update = run.update,
                 .slots = run.slots,
                 .telemetry = run.telemetry,
                 .evaluate = [&](auto theta, auto buffers) { return run.evaluate(theta, buffers); },
                 .on_closed = [&](const RoundRecord& record) { run.closed(record); },
                 .on_message = run.sinks.on_message,
                 .on_counts = {}},
                std::move(run.theta), run.buffers)
          .theta;
}

}  // namespace

std::size_t slot_count(const Settings& settings) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return settings.slots > 0 ? settings.slots : cores;
}

TrialResult run_trial(const Settings& settings, const data::TrainTest& images,
                      const TrialSinks& sinks, const LawConstants& law) {
  validate(settings);
  if (settings.workers > images.train.size()) {
    throw UsageError(fmt::format("workers = {}: there are {} training images", settings.workers,
                                 images.train.size()));
  }
  Run run(settings, images, sinks, law);
  if (settings.scheme == Scheme::sm) {
    run_single_machine(run);
  } else {
    run_with_server(run);
  }
  run.result.digest = sha256(run.result.theta);
  return std::move(run.result);
}

}  // namespace mvsgd::sim
