#include "sim/round/server.hpp"

#include <algorithm>
#include <utility>

#include "compress/select/error_memory.hpp"
#include "compress/values/aggregate.hpp"
#include "sim/plan/participation.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/overlap.hpp"
#include "sim/round/phases.hpp"

namespace mvsgd::sim {
namespace {

void broadcast(comm::Transport& transport, const comm::Message& message) {
  for (std::uint32_t n = 0; n < transport.workers(); ++n) transport.send(n, message);
}

/// The sum over `workers`, in this order, of the values that `receive(n, values)` fills in.
template <typename Receive>
std::vector<float> sum_of(std::span<const std::uint32_t> workers, std::size_t size,
                          const Receive& receive) {
  std::vector<float> sum(size);
  receive(workers.front(), std::span<float>(sum));
  std::vector<float> values(size);
  for (const std::uint32_t n : workers.subspan(1)) {
    receive(n, std::span<float>(values));
    compress::add_values(values, sum);
  }
  return sum;
}

/// How many of `mask` have the fewest votes in it, if the `counts` have more such coordinates than
/// the mask: what a tie's draw has chosen. `counts` begin with that of coordinate `first`.
std::ptrdiff_t tied(std::span<const std::uint32_t> counts, std::size_t first,
                    std::span<const compress::Index> mask) {
  std::uint32_t last = counts[mask.front() - first];
  for (const compress::Index i : mask) last = std::min(last, counts[i - first]);
  const auto in_mask =
      std::ranges::count_if(mask, [&](compress::Index i) { return counts[i - first] == last; });
  return std::ranges::count(counts, last) == in_mask ? 0 : in_mask;
}

/// The share of `mask` that a tie's draw has chosen; with layers, the draws of all of them. O(d).
double tied_share(std::span<const std::uint32_t> counts, std::span<const compress::Index> mask,
                  std::span<const compress::Layer> layers) {
  std::ptrdiff_t all = layers.empty() ? tied(counts, 0, mask) : 0;
  std::size_t begin = 0;
  std::size_t l = 0;
  for (const std::span<const compress::Index> part : compress::by_layer(mask, layers)) {
    const std::size_t size = layers[l++].size;
    all += tied(counts.subspan(begin, size), begin, part);
    begin += size;
  }
  return static_cast<double>(all) / static_cast<double>(mask.size());
}

}  // namespace

ServerRound::ServerRound(const ServerContext& context, comm::Transport& transport,
                         ServerState& state, RoundRecord& record, std::function<bool()> pauses)
    : context_(&context),
      transport_(&transport),
      state_(&state),
      record_(&record),
      pauses_(std::move(pauses)),
      participants_(sim::participants(context.settings, record.round)) {}

std::vector<compress::Index> ServerRound::receive_positions(
    std::uint32_t worker, comm::Kind kind, std::span<const compress::Index> previous) {
  auto positions =
      sim::receive_positions(protocol(), *transport_, worker, {kind, round().t}, previous);
  const auto bits = protocol().positions(kind).law(positions, previous);
  if (bits) sizes().coded_bits[{kind, worker}] = *bits;
  return positions;
}

void ServerRound::receive_update(std::uint32_t worker, std::span<float> values,
                                 std::span<const compress::Index> vote) {
  const auto own = own_marks(protocol(), state_->mask, vote);
  const auto bits = receive_sparse_values(protocol(), *transport_, worker,
                                          {comm::Kind::update, round().t}, values, own);
  if (bits) sizes().coded_bits[{comm::Kind::update, worker}] = *bits;
}

void ServerRound::publish_mask(std::vector<compress::Index> mask, const VoteCount* votes) {
  if (votes != nullptr && context_->on_counts) context_->on_counts(round(), votes->counts());
  const std::vector<compress::Index>& last = state_->mask;
  broadcast(*transport_, encode_positions(protocol(), transport_->rank(),
                                          {comm::Kind::mask, round().t}, mask, last));
  const auto bits = protocol().positions(comm::Kind::mask).law(mask, last);
  if (bits) sizes().coded_bits[{comm::Kind::mask, 0}] = *bits;
  if (!last.empty()) record_->mask_overlap = overlap(last, mask);
  if (round().evaluate) record_->mask = mask;
  if (votes != nullptr && round().evaluate && settings().worker_metrics &&
      settings().scheme->breaks_ties()) {
    record_->tied = tied_share(votes->counts(), mask, protocol().layers);
  }
  if (votes != nullptr) {
    record_->vote_agreement = static_cast<double>(votes->votes_for(mask)) /
                              (static_cast<double>(mask.size()) * votes->voters());
  }
  state_->mask = std::move(mask);
}

std::vector<float> ServerRound::hear_sum(std::size_t count) {
  return receive_sum(*transport_, participants_.front(), round().t, count);
}

std::vector<float> ServerRound::sum_updates(const VoteOf& vote_of) {
  if (settings().reduces()) return hear_sum(state_->mask.size());
  return sum_of(participants_, state_->mask.size(), [&](std::uint32_t n, std::span<float> values) {
    receive_update(n, values, vote_of ? vote_of(n) : std::span<const compress::Index>());
  });
}

void ServerRound::take_mean(std::span<float> sum) const {
  if (settings().aggregation != Aggregation::mean) return;
  compress::divide_by_workers(workers() - round().absent, sum);
}

void ServerRound::finish() {
  for (std::uint32_t n = 0; round().absent > 0 && n < workers(); ++n) {
    if (!std::ranges::binary_search(participants_, n)) receive_begun(*transport_, n, round().t);
  }
  context_->leader.give_up.finish_round();
  send_pause(*transport_, round().t, pauses_());
}

void ServerRound::publish_aggregate(std::span<float> sum) {
  take_mean(sum);
  finish();
  if (settings().reduces() && round().absent == 0) return;
  const comm::Message aggregate =
      encode_values(protocol(), transport_->rank(), {comm::Kind::aggregate, round().t}, sum);
  if (!settings().reduces()) return broadcast(*transport_, aggregate);
  for (std::uint32_t n = 0; n < workers(); ++n) {
    if (!std::ranges::binary_search(participants_, n)) transport_->send(n, aggregate);
  }
}

void ServerRound::publish_quantized(const compress::Quantizer& quantizer, std::span<float> mean) {
  finish();  // from here on the round stands, and e may change
  std::vector<float>& e = state_->e;
  const std::vector<compress::Index>& mask = state_->mask;
  if (!e.empty()) {
    // As a worker's memory: in units of weights, so a decay of the learning rate scales it, too.
    if (round().decay < 1 && settings().error_rescale_on_decay()) {
      for (float& x : e) x *= round().decay;
    }
    compress::scatter_add(mask, mean, e);
    compress::gather(e, mask, mean);
  }
  const compress::Quantized quantized = quantizer.quantize(mean);
  quantizer.recover(quantized, mean);
  if (!e.empty()) compress::subtract_sent(mask, mean, e);
  const comm::Kind kind = comm::Kind::aggregate;
  const auto bits = law_of_quantized(protocol(), kind, quantized);
  if (bits) sizes().coded_bits[{kind, 0}] = *bits;
  broadcast(*transport_,
            encode_quantized(protocol(), transport_->rank(), {kind, round().t}, quantized));
}

void ServerRound::step_under_mask(std::vector<float> sum) {
  if (const compress::Quantizer* const quantizer = protocol().aggregate.quantizer.get()) {
    take_mean(sum);
    publish_quantized(*quantizer, sum);
  } else {
    publish_aggregate(sum);
  }
  compress::scatter_add(state_->mask, sum, state_->theta);
  if (settings().mask_metrics) {
    record_->mask_age = add_mask(round().t, state_->mask, state_->last_sent);
    if (round().evaluate) record_->in_masks = in_masks(state_->last_sent);
  }
}

Server::Server(const ServerContext& context, comm::Transport& transport, ServerState state,
               std::span<const std::span<const compress::Index>> votes, std::size_t buffers)
    : Leader(context.leader),
      context_(context),
      transport_(&transport),
      state_(std::move(state)),
      buffers_(buffers) {
  if (context_.settings.has_server_error()) state_.e.resize(state_.theta.size());
  if (context_.settings.mask_metrics) state_.last_sent.resize(state_.theta.size());
  if (const SparseRounds* const sparse = context_.settings.scheme->sparse()) {
    const Round& next = context_.leader.rounds.front();
    side_ = sparse->server(context_.settings, context_.protocols.of(next));
    const KeptArrays kept = std::exchange(state_.kept, {});
    if (next.first_sparse) return;  // nothing is left of a stair before
    side_->take_votes(votes);
    if (!kept.empty()) side_->restore(kept);
  }
}

ServerState Server::take() {
  if (side_) state_.kept = side_->keep();
  return std::move(state_);
}

void Server::begin() {
  broadcast(*transport_, encode_values(context_.protocols.last(), transport_->rank(),
                                       {comm::Kind::model, 0}, state_.theta));
}

void Server::lead(RoundRecord& record) {
  double seconds = 0;
  {
    const PhaseTimer timer(seconds);
    if (record.round.first_sparse) begin_anew(record.round);
    ServerRound round(context_, *transport_, state_, record,
                      [&] { return pauses_after(record.round); });
    record.round.dense ? lead_dense(round) : side_->lead(round);
  }
  record.report.phases.server = seconds;
}

void Server::begin_anew(const Round& round) {
  state_.mask.clear();
  side_.reset();  // before the next one takes memory
  side_ =
      context_.settings.scheme->sparse()->server(context_.settings, context_.protocols.of(round));
}

void Server::collect(RoundRecord& record) {
  comm::ClosedRound closed = transport_->close_round(record.round.t);
  record.ledger = std::move(closed.rows);
  const bool keeps = record.round.evaluate && context_.settings.worker_metrics;
  for (const auto& bytes : closed.reports) {
    const WorkerReport report = decode_report(bytes);
    record.report += report;
    if (keeps) record.by_worker.push_back(report);
  }
}

void Server::lead_dense(ServerRound& round) {
  std::vector<float> sum;
  if (context_.settings.reduces()) {
    sum = round.hear_sum(state_.theta.size());
  } else {
    sum = sum_of(round.participants(), state_.theta.size(),
                 [&](std::uint32_t n, std::span<float> values) {
                   receive_values(context_.protocols.last(), *transport_, n,
                                  {comm::Kind::dense, round.round().t}, values);
                 });
  }
  round.publish_aggregate(sum);
  compress::add_values(sum, state_.theta);
  add_dense_round(round.round().t, state_.last_sent);
}

std::vector<float> Server::statistics(const Round& round) {
  if (context_.settings.bn_eval() != BatchNormEvaluation::average) {
    return std::vector<float>(buffers_);
  }
  const std::vector<std::uint32_t> taking = participants(context_.settings, round);
  std::vector<float> mean = sum_of(taking, buffers_, [&](std::uint32_t n, std::span<float> values) {
    receive_values(context_.protocols.last(), *transport_, n, {comm::Kind::buffers, round.t},
                   values);
  });
  compress::divide_by_workers(static_cast<std::uint32_t>(taking.size()), mean);
  return mean;
}

}  // namespace mvsgd::sim
