#include "sim/round/worker.hpp"

#include <utility>

#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/overlap.hpp"

namespace mvsgd::sim {

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
  const compress::Quantizer* const quantizer = protocol().update.quantizer.get();
  const std::uint32_t rank = transport_->rank();
  std::vector<float> sent(support.size());
  if (quantizer == nullptr) {
    arrays_->gather(support, sent);
    transport_->send(transport_->server(),
                     encode_values(protocol(), rank, {comm::Kind::update, round_->t}, sent));
  } else {
    const compress::Quantized quantized = arrays_->quantize(support, *quantizer);
    transport_->send(transport_->server(),
                     encode_quantized(protocol(), rank, {comm::Kind::update, round_->t}, quantized,
                                      own_marks(protocol(), support, vote)));
    quantizer->recover(quantized, sent);
    if (!context_->settings.quantization_error) arrays_->gather(support, sent);
  }
  arrays_->subtract_sent(support, sent);
  if (context_->settings.momentum_correction) {
    for (const compress::Index i : support) state_->velocity[i] = 0;
  }
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
    WorkerReport report;
    if (takes_part(context_.settings, round, transport_->rank())) {
      report = take_part(round);
    } else {
      const PhaseTimer timer(report.phases.exchange);
      follow(round);
    }
    if (round.evaluate && context_.settings.worker_metrics) measure(report);
    transport_->report_round(round.t, encode_report(report));
    if (receive_pause(*transport_, round.t)) return round.t;
  }
  return context_.rounds.back().t;
}

WorkerReport Worker::take_part(const Round& round) {
  const SparseRounds* const sparse = context_.settings.scheme->sparse();
  WorkerRound sparse_round(context_, round, *transport_, state_, *arrays_);
  Vote vote;
  WorkerReport report;
  try {
    report = take_local_steps(context_, round, transport_->rank(), *arrays_, state_,
                              [&](const FlatView& theta_h) {
                                if (round.dense) {
                                  arrays_->add_difference(theta_h);
                                } else {
                                  vote = sparse->choose_vote(sparse_round, theta_h);
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
      exchange_dense(round);
    } else {
      sparse->exchange(sparse_round, vote);
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

void Worker::follow(const Round& round) {
  send_begun(*transport_, round.t);
  if (round.dense) return receive_dense(round);
  WorkerRound sparse_round(context_, round, *transport_, state_, *arrays_);
  sparse_round.receive_mask();
  sparse_round.receive_aggregate();
}

void Worker::exchange_dense(const Round& round) {
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
