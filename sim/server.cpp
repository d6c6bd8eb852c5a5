#include "sim/server.hpp"

#include <utility>

#include "compress/error_memory.hpp"
#include "sim/overlap.hpp"

namespace mvsgd::sim {

Server::Server(const ServerContext& context, comm::Transport& transport, std::vector<float> theta,
               std::size_t buffers)
    : context_(context),
      transport_(&transport),
      theta_(std::move(theta)),
      buffers_(buffers),
      votes_(context.protocol.d) {}

void Server::run() {
  broadcast(encode_values(context_.protocol, transport_->rank(), {comm::Kind::model, 0}, theta_));
  for (const Round& round : context_.rounds) {
    if (round.dense) {
      lead_dense(round);
    } else {
      lead_sparse(round);
    }
    if (round.evaluate && context_.evaluate) {
      open_.evaluation = context_.evaluate(theta_, receive_buffers(round));
    }
  }
}

void Server::lead_dense(const Round& round) {
  std::vector<float> sum(theta_.size());
  receive_and_sum(round, comm::Kind::dense, sum);
  open(round);
  aggregate(sum);
  broadcast(
      encode_values(context_.protocol, transport_->rank(), {comm::Kind::aggregate, round.t}, sum));
  for (std::size_t i = 0; i < theta_.size(); ++i) theta_[i] += sum[i];
}

void Server::lead_sparse(const Round& round) {
  const Protocol& protocol = context_.protocol;
  votes_.clear();
  for (std::uint32_t n = 0; n < transport_->workers(); ++n) {
    votes_.add(receive_positions(protocol, *transport_, n, {comm::Kind::vote, round.t}));
  }
  open(round);
  const auto rule = context_.settings.tie_break == TieBreaking::index
                        ? compress::TieBreak::Rule::index
                        : compress::TieBreak::Rule::random;
  auto mask =
      compress::majority_mask(votes_.counts(), protocol.k,
                              {.rule = rule, .seed = context_.settings.seed, .round = round.t});
  broadcast(encode_positions(protocol, transport_->rank(), {comm::Kind::mask, round.t}, mask));

  if (!mask_.empty()) open_.mask_overlap = overlap(mask_, mask);
  std::uint64_t votes = 0;
  for (const compress::Index i : mask) votes += votes_.counts()[i];
  open_.vote_agreement =
      static_cast<double>(votes) / (static_cast<double>(mask.size()) * transport_->workers());
  mask_ = std::move(mask);

  std::vector<float> sum(mask_.size());
  receive_and_sum(round, comm::Kind::update, sum);
  aggregate(sum);
  broadcast(encode_values(protocol, transport_->rank(), {comm::Kind::aggregate, round.t}, sum));
  compress::scatter_add(mask_, sum, theta_);
}

void Server::open(const Round& round) {
  close();
  open_ = RoundRecord();
  open_.round = round;
}

void Server::close() {
  open_.ledger = context_.ledger.close_round(open_.round.t);
  if (context_.on_closed) context_.on_closed(open_);
}

void Server::broadcast(const comm::Message& message) {
  for (std::uint32_t n = 0; n < transport_->workers(); ++n) transport_->send(n, message);
}

void Server::receive_and_sum(const Round& round, comm::Kind kind, std::vector<float>& sum) {
  receive_values(context_.protocol, *transport_, 0, {kind, round.t}, sum);
  std::vector<float> values(sum.size());
  for (std::uint32_t n = 1; n < transport_->workers(); ++n) {
    receive_values(context_.protocol, *transport_, n, {kind, round.t}, values);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
  }
}

void Server::aggregate(std::vector<float>& sum) const {
  if (context_.settings.aggregation == Aggregation::sum) return;
  const auto workers = static_cast<float>(transport_->workers());
  for (float& x : sum) x /= workers;
}

std::vector<float> Server::receive_buffers(const Round& round) {
  std::vector<float> mean(buffers_);
  if (context_.settings.bn_eval == BatchNormEvaluation::average) {
    receive_and_sum(round, comm::Kind::buffers, mean);
    const auto workers = static_cast<float>(transport_->workers());
    for (float& x : mean) x /= workers;
  }
  return mean;
}

}  // namespace mvsgd::sim
