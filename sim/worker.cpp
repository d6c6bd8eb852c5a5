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

Worker::Worker(const WorkerContext& context, comm::Transport& transport, std::vector<float> buffers)
    : context_(context),
      transport_(&transport),
      theta_(context.protocol.d),
      e_(context.protocol.d),
      buffers_(std::move(buffers)) {}

void Worker::run() {
  const Protocol& protocol = context_.protocol;
  const std::uint32_t server = transport_->server();
  receive_values(protocol, *transport_, server, {comm::Kind::model, 0}, theta_);
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
                                             {comm::Kind::buffers, round.t}, buffers_));
    }
  }
}

WorkerReport Worker::compute(const Round& round) {
  if (round.decayed && context_.settings.error_rescale_on_decay()) {
    for (float& x : e_) x *= kErrorRescale;
  }
  const Slots::Lease slot(context_.slots);
  WorkerReport report;
  LocalResult result;
  {
    const PhaseTimer timer(report.phases.local_steps);
    result = context_.update.run(slot.index(), round, transport_->rank(), theta_, buffers_);
  }
  const PhaseTimer timer(report.phases.vote);
  report.loss = result.loss;
  report.steps = round.steps;
  report.images = result.images;
  if (round.dense) {
    compress::add_difference(result.theta, theta_, e_);
  } else {
    last_vote_ = std::move(vote_);
    vote_ = choose_vote(round, result.theta);
    if (!last_vote_.empty()) {
      report.vote_overlap = overlap(last_vote_, vote_);
      report.overlaps = 1;
    }
  }
  return report;
}

std::vector<compress::Index> Worker::choose_vote(const Round& round,
                                                 std::span<const float> theta_h) {
  auto [top, magnitude, reads] = compress::add_difference_top_k(
      theta_h, theta_, e_, context_.protocol.k, {.hint = threshold_});
  threshold_ = magnitude;
  if (round.full_vote) return top;
  change_ = compress::add_drop(e_, top, last_vote_, context_.protocol.k_ad);
  return compress::changed_vote(last_vote_, change_);
}

void Worker::exchange_dense(const Round& round) {
  const Protocol& protocol = context_.protocol;
  const std::uint32_t server = transport_->server();
  transport_->send(server,
                   encode_values(protocol, transport_->rank(), {comm::Kind::dense, round.t}, e_));
  // All of it went out, so e is free to hold what comes back.
  receive_values(protocol, *transport_, server, {comm::Kind::aggregate, round.t}, e_);
  for (std::size_t i = 0; i < theta_.size(); ++i) theta_[i] += e_[i];
  std::fill(e_.begin(), e_.end(), 0.0F);
}

void Worker::exchange_voted(const Round& round) {
  if (round.full_vote) {
    send_positions(round, comm::Kind::vote, vote_);
  } else {
    send_positions(round, comm::Kind::add, change_.add);
    send_positions(round, comm::Kind::drop, change_.drop);
  }
  receive_mask(round);
  send_update(round, mask_);
  receive_aggregate(round);
}

void Worker::exchange_top_k(const Round& round) {
  send_positions(round, comm::Kind::vote, vote_);
  send_update(round, vote_);
  receive_mask(round);
  receive_aggregate(round);
}

void Worker::send_update(const Round& round, std::span<const compress::Index> support) {
  std::vector<float> values(support.size());
  compress::gather(e_, support, values);
  std::vector<float> sent = values;
  transport_->send(transport_->server(),
                   encode_update(context_.protocol, transport_->rank(), round.t, sent));
  const bool feeds_back = context_.settings.quantization_error;
  compress::subtract_sent(support, feeds_back ? sent : values, e_);
}

void Worker::receive_aggregate(const Round& round) {
  std::vector<float> values(mask_.size());
  receive_values(context_.protocol, *transport_, transport_->server(),
                 {comm::Kind::aggregate, round.t}, values);
  compress::scatter_add(mask_, values, theta_);
}

void Worker::send_positions(const Round& round, comm::Kind kind,
                            std::span<const compress::Index> positions) {
  transport_->send(transport_->server(), encode_positions(context_.protocol, transport_->rank(),
                                                          {kind, round.t}, positions, last_vote_));
}

void Worker::receive_mask(const Round& round) {
  mask_ = receive_positions(context_.protocol, *transport_, transport_->server(),
                            {comm::Kind::mask, round.t}, mask_);
}

}  // namespace mvsgd::sim
