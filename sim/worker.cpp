#include "sim/worker.hpp"

#include <algorithm>

#include "compress/error_memory.hpp"
#include "compress/vote.hpp"
#include "sim/overlap.hpp"

namespace mvsgd::sim {
namespace {

/// What a decay of the learning rate does to the error memory, which is in units of weights.
constexpr float kErrorRescale = 0.1F;

}  // namespace

Worker::Worker(const WorkerContext& context, comm::Transport& transport, WorkerState state)
    : context_(context), transport_(&transport), state_(std::move(state)) {
  state_.theta.resize(context.protocol.d);
  state_.e.resize(context.protocol.d);
}

void Worker::run() {
  const Protocol& protocol = context_.protocol;
  const std::uint32_t server = transport_->server();
  if (context_.rounds.front().is_first()) {
    receive_values(protocol, *transport_, server, {comm::Kind::model, 0}, state_.theta);
  }
  for (const Round& round : context_.rounds) {
    WorkerReport report = compute(round);
    {
      const PhaseTimer timer(report.phases.exchange);
      if (round.dense) {
        exchange_dense(round);
      } else if (context_.settings.scheme == Scheme::top_k) {
        exchange_top_k(round);
      } else {
        exchange_voted(round);
      }
    }
    // Before the next round's first message, by which the server knows that it is there.
    context_.telemetry.add(round.t, transport_->rank(), report);
    if (round.evaluate && context_.settings.bn_eval() == BatchNormEvaluation::average) {
      transport_->send(server, encode_values(protocol, transport_->rank(),
                                             {comm::Kind::buffers, round.t}, state_.buffers));
    }
    if (context_.pause.is_after(round.t)) return;
  }
}

WorkerReport Worker::compute(const Round& round) {
  if (round.decayed && context_.settings.error_rescale_on_decay()) {
    for (float& x : state_.e) x *= kErrorRescale;
  }
  const Slots::Lease slot(context_.slots);
  WorkerReport report;
  LocalResult result;
  {
    const PhaseTimer timer(report.phases.local_steps);
    result =
        context_.update.run(slot.index(), round, transport_->rank(), state_.theta, state_.buffers);
  }
  const PhaseTimer timer(report.phases.vote);
  report.loss = result.loss;
  report.steps = round.steps;
  report.images = result.images;
  if (round.dense) {
    compress::add_difference(result.theta, state_.theta, state_.e);
  } else {
    last_vote_ = std::move(state_.vote);
    state_.vote = choose_vote(round, result.theta);
    if (!last_vote_.empty()) {
      report.vote_overlap = overlap(last_vote_, state_.vote);
      report.overlaps = 1;
    }
  }
  return report;
}

std::vector<compress::Index> Worker::choose_vote(const Round& round,
                                                 std::span<const float> theta_h) {
  auto [top, magnitude, reads] = compress::add_difference_top_k(
      theta_h, state_.theta, state_.e, context_.protocol.k, {.hint = state_.threshold});
  state_.threshold = magnitude;
  if (round.full_vote) return top;
  change_ = compress::add_drop(state_.e, top, last_vote_, context_.protocol.k_ad);
  return compress::changed_vote(last_vote_, change_);
}

void Worker::exchange_dense(const Round& round) {
  const Protocol& protocol = context_.protocol;
  const std::uint32_t server = transport_->server();
  transport_->send(
      server, encode_values(protocol, transport_->rank(), {comm::Kind::dense, round.t}, state_.e));
  // All of it went out, so e is free to hold what comes back.
  receive_values(protocol, *transport_, server, {comm::Kind::aggregate, round.t}, state_.e);
  for (std::size_t i = 0; i < state_.theta.size(); ++i) state_.theta[i] += state_.e[i];
  std::fill(state_.e.begin(), state_.e.end(), 0.0F);
}

void Worker::exchange_voted(const Round& round) {
  if (round.full_vote) {
    send_positions(round, comm::Kind::vote, state_.vote);
  } else {
    send_positions(round, comm::Kind::add, change_.add);
    send_positions(round, comm::Kind::drop, change_.drop);
  }
  receive_mask(round);
  send_update(round, state_.mask);
  receive_aggregate(round);
}

void Worker::exchange_top_k(const Round& round) {
  send_positions(round, comm::Kind::vote, state_.vote);
  send_update(round, state_.vote);
  receive_mask(round);
  receive_aggregate(round);
}

void Worker::send_update(const Round& round, std::span<const compress::Index> support) {
  std::vector<float> values(support.size());
  compress::gather(state_.e, support, values);
  std::vector<float> sent = values;
  transport_->send(transport_->server(),
                   encode_update(context_.protocol, transport_->rank(), round.t, sent));
  const bool feeds_back = context_.settings.quantization_error;
  compress::subtract_sent(support, feeds_back ? sent : values, state_.e);
}

void Worker::receive_aggregate(const Round& round) {
  std::vector<float> values(state_.mask.size());
  receive_values(context_.protocol, *transport_, transport_->server(),
                 {comm::Kind::aggregate, round.t}, values);
  compress::scatter_add(state_.mask, values, state_.theta);
}

void Worker::send_positions(const Round& round, comm::Kind kind,
                            std::span<const compress::Index> positions) {
  transport_->send(transport_->server(), encode_positions(context_.protocol, transport_->rank(),
                                                          {kind, round.t}, positions, last_vote_));
}

void Worker::receive_mask(const Round& round) {
  state_.mask = receive_positions(context_.protocol, *transport_, transport_->server(),
                                  {comm::Kind::mask, round.t}, state_.mask);
}

}  // namespace mvsgd::sim
