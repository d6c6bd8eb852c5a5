#include "sim/worker.hpp"

#include <algorithm>

#include "compress/error_memory.hpp"
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
    const WorkerReport report = compute(round);
    context_.telemetry.add(round.t, transport_->rank(), report);
    if (round.dense) {
      exchange_dense(round);
    } else {
      exchange_sparse(round);
    }
    if (round.evaluate && context_.settings.bn_eval == BatchNormEvaluation::average) {
      transport_->send(server, encode_values(protocol, transport_->rank(),
                                             {comm::Kind::buffers, round.t}, buffers_));
    }
  }
}

WorkerReport Worker::compute(const Round& round) {
  if (round.decayed && context_.settings.error_rescale_on_decay) {
    for (float& x : e_) x *= kErrorRescale;
  }
  const Slots::Lease slot(context_.slots);
  const LocalResult result =
      context_.update.run(slot.index(), round, transport_->rank(), theta_, buffers_);
  compress::add_difference(result.theta, theta_, e_);
  WorkerReport report{.loss = result.loss, .steps = round.steps, .images = result.images};
  if (!round.dense) {
    std::vector<compress::Index> vote = compress::top_k_support(e_, context_.protocol.k);
    if (!vote_.empty()) {
      report.vote_overlap = overlap(vote_, vote);
      report.overlaps = 1;
    }
    vote_ = std::move(vote);
  }
  return report;
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

void Worker::exchange_sparse(const Round& round) {
  const Protocol& protocol = context_.protocol;
  const std::uint32_t server = transport_->server();
  const std::uint32_t rank = transport_->rank();
  transport_->send(server, encode_positions(protocol, rank, {comm::Kind::vote, round.t}, vote_));
  const auto mask = receive_positions(protocol, *transport_, server, {comm::Kind::mask, round.t});

  std::vector<float> values(mask.size());
  compress::gather(e_, mask, values);
  transport_->send(server, encode_values(protocol, rank, {comm::Kind::update, round.t}, values));
  compress::subtract_sent(mask, values, e_);

  receive_values(protocol, *transport_, server, {comm::Kind::aggregate, round.t}, values);
  compress::scatter_add(mask, values, theta_);
}

}  // namespace mvsgd::sim
