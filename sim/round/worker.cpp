#include "sim/round/worker.hpp"

#include <utility>

#include "compress/values/aggregate.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/overlap.hpp"
#include "sim/round/ring.hpp"

namespace mvsgd::sim {

void let_go_of_vectors(WorkerState& worker) {
  // "= {}" would keep the memory.
  worker.theta = std::vector<float>();
  worker.e = std::vector<float>();
  worker.velocity = std::vector<float>();
}

std::vector<std::span<const compress::Index>> votes_of(std::span<const WorkerState> workers) {
  std::vector<std::span<const compress::Index>> votes;
  for (const WorkerState& worker : workers) votes.emplace_back(worker.vote);
  return votes;
}

void WorkerRound::send_positions(comm::Kind kind, std::span<const compress::Index> positions) {
  transport_->send(
      transport_->server(),
      encode_positions(protocol(), transport_->rank(), {kind, round_->t}, positions, state_->vote));
}

void WorkerRound::send_update(std::span<const compress::Index> support,
                              std::span<const compress::Index> vote) {
  const Taken taken = take_values(support);
  const std::uint32_t rank = transport_->rank();
  const Envelope envelope{comm::Kind::update, round_->t};
  transport_->send(transport_->server(),
                   taken.quantized ? encode_quantized(protocol(), rank, envelope, *taken.quantized,
                                                      own_marks(protocol(), support, vote))
                                   : encode_values(protocol(), rank, envelope, taken.values));
}

WorkerRound::Taken WorkerRound::take_values(std::span<const compress::Index> support) {
  const Settings& settings = context_->settings;
  Taken taken{.values = std::vector<float>(support.size()), .quantized = {}};
  if (const compress::Quantizer* const quantizer = protocol().update.quantizer.get()) {
    taken.quantized = arrays_->quantize(support, *quantizer);
    quantizer->recover(*taken.quantized, taken.values);
  } else {
    arrays_->gather(support, taken.values);
  }
  if (taken.quantized && !settings.quantization_error) {
    std::vector<float> exact(support.size());
    arrays_->gather(support, exact);
    arrays_->subtract_sent(support, exact);
  } else {
    arrays_->subtract_sent(support, taken.values);
  }
  if (settings.momentum_correction) {
    for (const compress::Index i : support) state_->velocity[i] = 0;
  }
  return taken;
}

void WorkerRound::exchange_values(std::span<const compress::Index> vote) {
  if (!context_->settings.reduces()) {
    send_update(state_->mask, vote);
    return receive_aggregate();
  }
  std::vector<float> values = take_values(state_->mask).values;
  reduce(values);
  arrays_->scatter_add(state_->mask, values);
}

void WorkerRound::reduce(std::span<float> values) {
  const std::vector<std::uint32_t> ring = participants(context_->settings, *round_);
  all_reduce(context_->protocols.last(), *transport_, ring, round_->t, values);
  if (transport_->rank() == ring.front()) send_sum(*transport_, round_->t, values);
  // A round that is given up must leave theta as it was.
  (void)receive_pause();
  if (context_->settings.aggregation != Aggregation::mean) return;
  compress::divide_by_workers(static_cast<std::uint32_t>(ring.size()), values);
}

bool WorkerRound::receive_pause() {
  if (!pauses_) pauses_ = sim::receive_pause(*transport_, round_->t);
  return *pauses_;
}

void WorkerRound::receive_mask() {
  state_->mask = receive_positions(protocol(), *transport_, transport_->server(),
                                   {comm::Kind::mask, round_->t}, state_->mask);
}

void WorkerRound::receive_aggregate() {
  std::vector<float> values(state_->mask.size());
  (void)receive_sparse_values(protocol(), *transport_, transport_->server(),
                              {comm::Kind::aggregate, round_->t}, values);
  arrays_->scatter_add(state_->mask, values);
}

Worker::Worker(const WorkerContext& context, comm::Transport& transport,
               std::unique_ptr<WorkerArrays> arrays, WorkerState state)
    : context_(context),
      transport_(&transport),
      state_(std::move(state)),
      arrays_(std::move(arrays)) {
  state_.e.resize(context.protocols.last().d);
  if (context.settings.has_velocity()) state_.velocity.resize(context.protocols.last().d);
}

void Worker::keep() {
  kept_.velocity = state_.velocity;
  kept_.buffers = state_.buffers;
  kept_.vote = state_.vote;
  kept_.threshold = state_.threshold;
  kept_.mask = state_.mask;
  arrays_->keep_error();
}

WorkerState Worker::take_back() {
  arrays_->return_to_kept_error();
  state_ = std::move(kept_);
  return take();
}

WorkerState Worker::take() {
  WorkerArrays::Values values = arrays_->take();
  state_.theta = std::move(values.theta);
  state_.e = std::move(values.e);
  return std::move(state_);
}

std::uint32_t Worker::run() {
  const Protocol& protocol = context_.protocols.last();
  if (context_.rounds.front().is_first()) {
    state_.theta = receive_values(protocol, *transport_, transport_->server(),
                                  {comm::Kind::model, 0}, protocol.d);
    transport_->report_round(0, encode_report({}));
  }
  arrays_->put({.theta = std::move(state_.theta), .e = std::move(state_.e)});
  for (const Round& round : context_.rounds) {
    if (context_.give_up.is_possible()) keep();
    kept_after_ = round.t - 1;
    context_.give_up.begin_round();
    if (round.first_sparse) {
      // What there is from the stair before has another K.
      state_.vote.clear();
      state_.mask.clear();
      state_.threshold = 0;
      state_.layer_thresholds.clear();
    }
    // The error memory is in units of weights, so a decay of the learning rate scales it, too.
    if (round.decay < 1 && context_.settings.error_rescale_on_decay()) {
      arrays_->rescale_error(round.decay);
    }
    WorkerRound here(context_, round, *transport_, state_, *arrays_);
    WorkerReport report;
    if (takes_part(context_.settings, round, transport_->rank())) {
      report = take_part(here);
    } else {
      const PhaseTimer timer(report.phases.exchange);
      follow(here);
    }
    if (round.evaluate && context_.settings.worker_metrics) measure(report);
    transport_->report_round(round.t, encode_report(report));
    if (here.receive_pause()) return round.t;
  }
  return context_.rounds.back().t;
}

WorkerReport Worker::take_part(WorkerRound& here) {
  const Round& round = here.round();
  const SparseRounds* const sparse = context_.settings.scheme->sparse();
  Vote vote;
  WorkerReport report;
  try {
    report = take_local_steps(context_, round, transport_->rank(), *arrays_, state_,
                              [&](const FlatView& theta_h) {
                                if (round.dense) {
                                  arrays_->add_difference(theta_h);
                                } else {
                                  vote = sparse->choose_vote(here, theta_h);
                                }
                              });
  } catch (const NonFiniteError&) {
    // Other workers may diverge in this round, too. Those that have begun it finish their steps.
    context_.give_up.wait_for_all();
    throw;
  }
  if (!state_.vote.empty() && !vote.support.empty()) {
    report.vote_overlap = overlap(state_.vote, vote.support);
    report.overlaps = 1;
  }
  {
    const PhaseTimer timer(report.phases.exchange);
    if (round.dense) {
      exchange_dense(here);
    } else {
      sparse->exchange(here, vote);
      if (!context_.settings.error_memory) arrays_->clear_error();
      state_.vote = std::move(vote.support);
    }
  }
  if (round.evaluate && context_.settings.bn_eval() == BatchNormEvaluation::average) {
    transport_->send(transport_->server(),
                     encode_values(context_.protocols.last(), transport_->rank(),
                                   {comm::Kind::buffers, round.t}, state_.buffers));
  }
  return report;
}

void Worker::measure(WorkerReport& report) {
  for (const float x : arrays_->read_error()) {
    report.error_square += static_cast<double>(x) * static_cast<double>(x);
  }
  if (report.steps == 0 || state_.vote.empty()) return;
  report.vote_agreement = overlap(state_.mask, state_.vote);
  report.votes = 1;
}

void Worker::follow(WorkerRound& here) {
  send_begun(*transport_, here.round().t);
  if (here.round().dense) return receive_dense(here.round());
  here.receive_mask();
  here.receive_aggregate();
}

void Worker::exchange_dense(WorkerRound& here) {
  const Round& round = here.round();
  if (context_.settings.reduces()) {
    const std::span<const float> differences = arrays_->read_error();
    std::vector<float> values(differences.begin(), differences.end());
    arrays_->clear_error();
    here.reduce(values);
    return arrays_->add(std::move(values));
  }
  transport_->send(transport_->server(),
                   encode_values(context_.protocols.last(), transport_->rank(),
                                 {comm::Kind::dense, round.t}, arrays_->read_error()));
  arrays_->clear_error();
  receive_dense(round);
}

void Worker::receive_dense(const Round& round) {
  const Protocol& protocol = context_.protocols.last();
  arrays_->add(receive_values(protocol, *transport_, transport_->server(),
                              {comm::Kind::aggregate, round.t}, protocol.d));
}

}  // namespace mvsgd::sim
