#include "sim/round/worker.hpp"

#include "sim/round/control.hpp"
#include "sim/round/overlap.hpp"

namespace mvsgd::sim {
namespace {

/// What a decay of the learning rate does to the error memory, which is in units of weights.
constexpr float kErrorRescale = 0.1F;

}  // namespace

Worker::Worker(const WorkerContext& context, comm::Transport& transport, WorkerState state)
    : context_(context),
      transport_(&transport),
      state_(std::move(state)),
      arrays_(context.update.arrays(transport.rank())) {
  state_.theta.resize(context.protocol.d);
  state_.e.resize(context.protocol.d);
}

WorkerState Worker::take() {
  WorkerArrays::Values values = arrays_->take();
  state_.theta = std::move(values.theta);
  state_.e = std::move(values.e);
  return std::move(state_);
}

std::uint32_t Worker::run() {
  const Protocol& protocol = context_.protocol;
  const std::uint32_t server = transport_->server();
  if (context_.rounds.front().is_first()) {
    receive_values(protocol, *transport_, server, {comm::Kind::model, 0}, state_.theta);
    transport_->report_round(0, encode_report({}));
  }
  arrays_->put({.theta = std::move(state_.theta), .e = std::move(state_.e)});
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
    if (round.evaluate && context_.settings.bn_eval() == BatchNormEvaluation::average) {
      transport_->send(server, encode_values(protocol, transport_->rank(),
                                             {comm::Kind::buffers, round.t}, state_.buffers));
    }
    transport_->report_round(round.t, encode_report(report));
    if (receive_pause(*transport_, round.t)) return round.t;
  }
  return context_.rounds.back().t;
}

WorkerReport Worker::compute(const Round& round) {
  if (round.decayed && context_.settings.error_rescale_on_decay()) {
    arrays_->rescale_error(kErrorRescale);
  }
  const Slots::Lease slot(context_.slots, transport_->rank());
  WorkerReport report;
  LocalResult result;
  {
    const PhaseTimer timer(report.phases.local_steps);
    result = arrays_->run(slot.index(), round, state_.buffers);
  }
  const PhaseTimer timer(report.phases.vote);
  report.loss = result.loss;
  report.steps = round.steps;
  report.images = result.images;
  if (round.dense) {
    arrays_->add_difference();
  } else {
    last_vote_ = std::move(state_.vote);
    state_.vote = choose_vote(round);
    if (!last_vote_.empty()) {
      report.vote_overlap = overlap(last_vote_, state_.vote);
      report.overlaps = 1;
    }
  }
  return report;
}

std::vector<compress::Index> Worker::choose_vote(const Round& round) {
  auto [top, magnitude, reads] =
      arrays_->add_difference_top_k(context_.protocol.k, state_.threshold);
  state_.threshold = magnitude;
  if (round.full_vote) return top;
  change_ = arrays_->add_drop(top, last_vote_, context_.protocol.k_ad);
  return compress::changed_vote(last_vote_, change_);
}

void Worker::exchange_dense(const Round& round) {
  const Protocol& protocol = context_.protocol;
  const std::uint32_t server = transport_->server();
  const std::span<float> values = arrays_->dense();
  transport_->send(
      server, encode_values(protocol, transport_->rank(), {comm::Kind::dense, round.t}, values));
  receive_values(protocol, *transport_, server, {comm::Kind::aggregate, round.t}, values);
  arrays_->accept_dense();
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
  const Protocol& protocol = context_.protocol;
  const std::uint32_t rank = transport_->rank();
  const compress::Quantizer* const quantizer = protocol.quantizer.get();
  std::vector<float> sent(support.size());
  if (quantizer == nullptr) {
    arrays_->gather(support, sent);
    transport_->send(transport_->server(),
                     encode_values(protocol, rank, {comm::Kind::update, round.t}, sent));
  } else {
    const compress::Quantized quantized = arrays_->quantize(support, *quantizer);
    transport_->send(transport_->server(), encode_update(protocol, rank, round.t, quantized));
    quantizer->recover(quantized, sent);
    if (!context_.settings.quantization_error) arrays_->gather(support, sent);
  }
  arrays_->subtract_sent(support, sent);
}

void Worker::receive_aggregate(const Round& round) {
  std::vector<float> values(state_.mask.size());
  receive_values(context_.protocol, *transport_, transport_->server(),
                 {comm::Kind::aggregate, round.t}, values);
  arrays_->scatter_add(state_.mask, values);
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
