#include "sim/verify/compared_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/layers.hpp"
#include "sim/verify/recorded_wire.hpp"
#include "sim/verify/short_run.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;

/// Together kShortD.
Layers nine_layers() { return Layers({1, 27, 4'000, 64, 12'345, 3'000, 500, 64, 10}); }

/// Whether eq 9 leaves a choice: more coordinates tie for the last places than there are places.
bool leaves_a_choice(std::span<const std::uint32_t> counts, std::span<const Index> mask) {
  std::uint32_t last = counts[mask.front()];
  for (const Index i : mask) last = std::min(last, counts[i]);
  const auto reaching = std::ranges::count_if(counts, [&](std::uint32_t c) { return c >= last; });
  return static_cast<std::size_t>(reaching) > mask.size();
}

/// Compares the rounds of one run, in order.
class Comparison {
 public:
  Comparison(const Settings& settings, const RecordedWire& wire, ComparedRun& shown)
      : by_layer_(settings.selection == Selection::layer),
        wire_(wire),
        shown_(shown),
        votes_(settings.workers) {}

  void compare(const Round& round, const DefinedRound& defined) {
    compare_absent(round, defined);
    const auto& aggregate = wire_.values(round.t, comm::Kind::aggregate, 0);
    if (round.dense) {
      shown_.dense &= aggregate == defined.aggregate;
      return;
    }
    k_ = by_layer_ ? kShortKByLayer : stair_law(kShortD, kShortK, round.stair);
    for (const std::uint32_t n : defined.participants) {
      compare_vote(round, defined, n);
      compare_update(round, defined, n);
    }
    compare_mask(round, defined, aggregate);
  }

 private:
  void compare_absent(const Round& round, const DefinedRound& defined) {
    std::vector<std::uint32_t> absent;
    for (std::uint32_t n = 0; n < votes_.size(); ++n) {
      shown_.absent &= wire_.has(round.t, comm::Kind::aggregate, n) &&
                       wire_.has(round.t, comm::Kind::mask, n) != round.dense;
      if (std::ranges::binary_search(defined.participants, n)) {
        shown_.returns |= !round.first_sparse && std::ranges::binary_search(last_absent_, n);
        continue;
      }
      absent.push_back(n);
      for (const comm::Kind kind : {comm::Kind::dense, comm::Kind::vote, comm::Kind::add,
                                    comm::Kind::drop, comm::Kind::update}) {
        shown_.absent &= !wire_.has(round.t, kind, n);
      }
    }
    shown_.away += absent.size();
    last_absent_ = std::move(absent);
  }

  void compare_vote(const Round& round, const DefinedRound& defined, std::uint32_t n) {
    const bool whole = wire_.has(round.t, comm::Kind::vote, n);
    if (defined.votes.empty()) {
      shown_.votes &= !whole;
      return;
    }
    std::vector<Index>& vote = votes_[n];
    if (whole) {
      vote = wire_.positions(round.t, comm::Kind::vote, n);
    } else {
      std::set<Index> changed(vote.begin(), vote.end());
      for (const Index i : wire_.positions(round.t, comm::Kind::add, n)) changed.insert(i);
      for (const Index i : wire_.positions(round.t, comm::Kind::drop, n)) changed.erase(i);
      vote.assign(changed.begin(), changed.end());
    }
    shown_.votes &= vote == defined.votes[n];
    shown_.vote_size &= vote.size() == k_;
  }

  void compare_update(const Round& round, const DefinedRound& defined, std::uint32_t n) {
    const auto& values = wire_.values(round.t, comm::Kind::update, n);
    const auto& at = defined.sent_at[n];
    std::vector<float> whole(kShortD);
    for (std::size_t j = 0; j < at.size(); ++j) whole[at[j]] = values.at(j);
    shown_.updates &= whole == defined.sent[n];
    shown_.sparse &= values.size() <= k_;
    const auto zeros = static_cast<std::size_t>(std::ranges::count(values, 0.0F));
    shown_.non_zeros = std::max(shown_.non_zeros, values.size() - zeros);
  }

  void compare_mask(const Round& round, const DefinedRound& defined,
                    const std::vector<float>& aggregate) {
    const auto& mask = wire_.positions(round.t, comm::Kind::mask, 0);
    shown_.mask &= mask == defined.mask;
    shown_.mask_size &= mask.size() == k_;
    if (!defined.counts.empty() && leaves_a_choice(defined.counts, mask)) ++shown_.drawn_masks;
    for (std::size_t j = 0; j < mask.size(); ++j) {
      shown_.aggregate &= aggregate.at(j) == defined.aggregate[mask[j]];
      shown_.linear &= aggregate.at(j) == defined.mean[mask[j]];
    }
  }

  bool by_layer_;
  const RecordedWire& wire_;
  ComparedRun& shown_;
  std::uint64_t k_ = 0;  ///< of the round
  std::vector<std::vector<Index>> votes_;
  std::vector<std::uint32_t> last_absent_;
};

/// Compares a round's rows with the law.
void hold_law(const Audit& audit, const RoundRecord& record, ComparedRun& shown) {
  try {
    audit.check(record.round, record.ledger, record.sizes);
  } catch (const CheckFailed&) {
    shown.lawful = false;
  }
  for (const comm::LedgerRow& row : record.ledger) {
    const bool is_vote = row.id.kind == comm::Kind::vote && row.id.worker == 0;
    if (is_vote && row.field == comm::Field::positions && record.round.first_sparse) {
      shown.first_vote = row.bits;
    }
  }
}

void compare_ends(const GroupState& result, const Definition& definition, const Settings& settings,
                  ComparedRun& shown) {
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    const WorkerState& worker = result.workers[n];
    shown.memory &= std::ranges::equal(worker.e, definition.error(n));
    shown.velocity &= std::ranges::equal(worker.velocity, definition.velocity(n));
    shown.cleared += static_cast<std::size_t>(std::ranges::count(worker.velocity, 0.0F));
  }
  shown.theta = std::ranges::equal(result.server.theta, definition.theta());
  shown.server_memory = !settings.has_server_error() ||
                        std::ranges::equal(result.server.e, definition.server_error());
}

}  // namespace

ComparedRun compare_run(const Settings& settings) {
  const bool by_layer = settings.selection == Selection::layer;
  const Layers layers = by_layer ? nine_layers() : Layers(kShortD);
  ShortRun short_run(settings, layers);
  ComparedRun shown{.what =
                        fmt::format("d = {}, N = {}, K = {}, {} dense and {} sparse rounds",
                                    kShortD, settings.workers, by_layer ? kShortKByLayer : kShortK,
                                    kShortDense, kShortSparse)};
  RecordedWire wire(by_layer ? std::optional(make_protocol(settings, layers)) : std::nullopt);
  std::map<std::uint32_t, std::vector<std::uint32_t>> counts;
  const GroupState result =
      short_run.run([&](std::uint32_t to, const comm::Message& message) { wire.add(to, message); },
                    [&, audit = Audit({}, settings, layers, 0)](const RoundRecord& record) {
                      if (by_layer) hold_law(audit, record, shown);
                    },
                    [&](const Round& round, std::span<const std::uint32_t> of) {
                      counts[round.t].assign(of.begin(), of.end());
                    });

  const std::vector<Round>& rounds = short_run.rounds();
  shown.scheduled = rounds.size() == kShortDense + kShortSparse &&
                    std::ranges::count_if(rounds, &Round::dense) == kShortDense &&
                    std::ranges::count(rounds, 0.1F, &Round::decay) == 2;
  shown.rescales = settings.error_rescale_on_decay();
  Comparison comparison(settings, wire, shown);
  for (const Round& round : rounds) {
    if (round.stair > 0) {
      shown.stairs += fmt::format("{}{}", shown.stairs.empty() ? "" : " ", round.stair);
    }
    const DefinedRound defined = short_run.define(round);
    comparison.compare(round, defined);
    if (!round.dense) shown.counts &= counts[round.t] == defined.counts;
  }
  compare_ends(result, short_run.definition(), settings, shown);
  shown.identical = wire.identical();
  shown.counted = wire.counted();
  shown.messages = wire.messages();
  return shown;
}

}  // namespace mvsgd::sim
