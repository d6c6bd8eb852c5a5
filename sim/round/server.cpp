#include "sim/round/server.hpp"

#include <utility>

#include "compress/select/error_memory.hpp"
#include "compress/values/aggregate.hpp"
#include "compress/vote/majority_vote.hpp"
#include "compress/vote/random_selection.hpp"
#include "sim/round/overlap.hpp"
#include "sim/round/phases.hpp"

namespace mvsgd::sim {

compress::VoteSum make_vote_sum(const Settings& settings, const Protocol& protocol) {
  return {protocol.d,
          {.workers = protocol.workers,
           .k = protocol.k,
           .k_ad = protocol.k_ad,
           .check_votes = settings.check_votes || settings.drop_codec == DropCoding::rank}};
}

Server::Server(const ServerContext& context, comm::Transport& transport, ServerState state,
               std::size_t buffers)
    : context_(context), transport_(&transport), state_(std::move(state)), buffers_(buffers) {
  if (context_.settings.scheme != Scheme::mv_ad) {
    votes_.emplace(context_.protocol.d);
  } else if (!state_.vote_sum) {
    state_.vote_sum = make_vote_sum(context_.settings, context_.protocol);
  }
}

void Server::run() {
  if (context_.rounds.front().is_first()) {
    broadcast(
        encode_values(context_.protocol, transport_->rank(), {comm::Kind::model, 0}, state_.theta));
    open_.emplace();
  }
  for (const Round& round : context_.rounds) {
    double seconds = 0;
    {
      const PhaseTimer timer(seconds);
      lead(round);
    }
    open_->server_seconds = seconds;
    if (round.evaluate && context_.evaluate) {
      open_->evaluation = context_.evaluate(state_.theta, receive_buffers(round));
    }
    if (context_.pause.is_after(round.t)) return;
  }
}

void Server::lead(const Round& round) {
  if (round.dense) {
    lead_dense(round);
  } else if (context_.settings.scheme == Scheme::top_k) {
    lead_top_k(round);
  } else {
    lead_voted(round);
  }
}

void Server::lead_dense(const Round& round) {
  std::vector<float> sum(state_.theta.size());
  sum_up(sum, [&](std::uint32_t n, std::span<float> values) {
    receive_values(context_.protocol, *transport_, n, {comm::Kind::dense, round.t}, values);
  });
  open(round);
  publish_aggregate(round, sum);
  compress::add_values(sum, state_.theta);
}

void Server::lead_voted(const Round& round) {
  RoundSizes sizes = round.full_vote ? receive_votes(round) : receive_changes(round);
  open(round, std::move(sizes));
  publish_mask(round, choose_mask(round));

  std::vector<float> sum(state_.mask.size());
  sum_up(sum, [&](std::uint32_t n, std::span<float> values) {
    receive_update(context_.protocol, *transport_, n, round.t, values);
  });
  publish_aggregate(round, sum);
  compress::scatter_add(state_.mask, sum, state_.theta);
}

void Server::lead_top_k(const Round& round) {
  RoundSizes sizes;
  std::vector<std::vector<compress::Index>> supports(transport_->workers());
  std::vector<std::vector<float>> values(transport_->workers());
  for (std::uint32_t n = 0; n < transport_->workers(); ++n) {
    supports[n] = receive(round, n, comm::Kind::vote, sizes);
    values[n].resize(supports[n].size());
    receive_update(context_.protocol, *transport_, n, round.t, values[n]);
  }
  votes_->count(supports);
  std::vector<compress::Index> all(votes_->voted().begin(), votes_->voted().end());
  sizes.union_size = static_cast<std::uint32_t>(all.size());
  open(round, std::move(sizes));
  publish_mask(round, std::move(all));

  dense_sum_.resize(state_.theta.size());
  for (std::uint32_t n = 0; n < transport_->workers(); ++n) {
    compress::scatter_add(supports[n], values[n], dense_sum_);
  }
  std::vector<float> sum(state_.mask.size());
  compress::gather(dense_sum_, state_.mask, sum);
  for (const compress::Index i : state_.mask) dense_sum_[i] = 0;
  publish_aggregate(round, sum);
  compress::scatter_add(state_.mask, sum, state_.theta);
}

std::vector<compress::Index> Server::receive(const Round& round, std::uint32_t worker,
                                             comm::Kind kind, RoundSizes& sizes,
                                             std::span<const compress::Index> previous) const {
  const Protocol& protocol = context_.protocol;
  auto positions = receive_positions(protocol, *transport_, worker, {kind, round.t}, previous);
  const auto codec = protocol.positions(kind).codec(previous);
  if (codec->is_data_dependent()) sizes.position_bits[{kind, worker}] = codec->size(positions);
  return positions;
}

RoundSizes Server::receive_votes(const Round& round) {
  RoundSizes sizes;
  std::vector<std::vector<compress::Index>> supports(transport_->workers());
  for (std::uint32_t n = 0; n < transport_->workers(); ++n) {
    supports[n] = receive(round, n, comm::Kind::vote, sizes);
    if (state_.vote_sum) state_.vote_sum->first(n, supports[n]);
  }
  if (votes_) votes_->count(supports);
  return sizes;
}

RoundSizes Server::receive_changes(const Round& round) {
  RoundSizes sizes;
  const bool ranked = context_.settings.drop_codec == DropCoding::rank;
  for (std::uint32_t n = 0; n < transport_->workers(); ++n) {
    compress::VoteChange change;
    change.add = receive(round, n, comm::Kind::add, sizes);
    change.drop = receive(round, n, comm::Kind::drop, sizes,
                          ranked ? state_.vote_sum->vote(n) : std::span<const compress::Index>());
    state_.vote_sum->change(n, change);
    sizes.changes.push_back(static_cast<std::uint32_t>(change.add.size()));
  }
  return sizes;
}

std::uint64_t Server::votes_for(std::span<const compress::Index> mask) const {
  return votes_ ? votes_->votes_for(mask) : state_.vote_sum->votes_for(mask);
}

std::vector<std::uint32_t> Server::counts() const {
  if (state_.vote_sum) return state_.vote_sum->counts();
  std::vector<std::uint32_t> counts(votes_->dimension());
  for (std::size_t j = 0; j < votes_->voted().size(); ++j) {
    counts[votes_->voted()[j]] = votes_->counts()[j];
  }
  return counts;
}

std::vector<compress::Index> Server::choose_mask(const Round& round) const {
  const Settings& settings = context_.settings;
  const std::size_t k = context_.protocol.k;
  if (settings.scheme == Scheme::mv_rs) {
    return compress::random_selection(*votes_, k, settings.seed, round.t);
  }
  const auto rule = settings.tie_break == TieBreaking::index ? compress::TieBreak::Rule::index
                                                             : compress::TieBreak::Rule::random;
  const compress::TieBreak tie = {.rule = rule, .seed = settings.seed, .round = round.t};
  return votes_ ? compress::majority_mask(*votes_, k, tie) : state_.vote_sum->majority_mask(k, tie);
}

void Server::publish_mask(const Round& round, std::vector<compress::Index> mask) {
  if (context_.on_counts) context_.on_counts(round, counts());
  const Protocol& protocol = context_.protocol;
  broadcast(encode_positions(protocol, transport_->rank(), {comm::Kind::mask, round.t}, mask,
                             state_.mask));
  const auto codec = protocol.masks.codec(state_.mask);
  if (codec->is_data_dependent()) {
    open_->sizes.position_bits[{comm::Kind::mask, 0}] = codec->size(mask);
  }
  if (!state_.mask.empty()) open_->mask_overlap = overlap(state_.mask, mask);
  if (round.evaluate) open_->mask = mask;
  open_->vote_agreement = static_cast<double>(votes_for(mask)) /
                          (static_cast<double>(mask.size()) * transport_->workers());
  state_.mask = std::move(mask);
}

void Server::publish_aggregate(const Round& round, std::vector<float>& sum) {
  if (context_.settings.aggregation == Aggregation::mean) {
    compress::divide_by_workers(transport_->workers(), sum);
  }
  // By the time that a worker has the aggregate it can see the pause.
  if (context_.pause_after && context_.pause_after(round)) context_.pause.set_after(round.t);
  broadcast(
      encode_values(context_.protocol, transport_->rank(), {comm::Kind::aggregate, round.t}, sum));
}

void Server::open(const Round& round, RoundSizes sizes) {
  close();
  open_.emplace();
  open_->round = round;
  open_->sizes = std::move(sizes);
}

void Server::close() {
  if (!open_) return;
  open_->ledger = context_.ledger.close_round(open_->round.t);
  if (context_.on_closed) context_.on_closed(*open_);
  open_.reset();
}

void Server::broadcast(const comm::Message& message) {
  for (std::uint32_t n = 0; n < transport_->workers(); ++n) transport_->send(n, message);
}

template <typename Receive>
void Server::sum_up(std::vector<float>& sum, const Receive& receive) const {
  receive(0, sum);
  std::vector<float> values(sum.size());
  for (std::uint32_t n = 1; n < transport_->workers(); ++n) {
    receive(n, values);
    compress::add_values(values, sum);
  }
}

std::vector<float> Server::receive_buffers(const Round& round) {
  std::vector<float> mean(buffers_);
  if (context_.settings.bn_eval() == BatchNormEvaluation::average) {
    sum_up(mean, [&](std::uint32_t n, std::span<float> values) {
      receive_values(context_.protocol, *transport_, n, {comm::Kind::buffers, round.t}, values);
    });
    compress::divide_by_workers(transport_->workers(), mean);
  }
  return mean;
}

}  // namespace mvsgd::sim
