// Eqs 4-9 and 16 and the invariants: real workers and a real server, which exchange messages,
// against the definition in whole vectors, bit for bit.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "comm/inproc/inproc.hpp"
#include "compress/positions/change_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/positions/rank_codec.hpp"
#include "compress/positions/ranks.hpp"
#include "compress/positions/rans_codec.hpp"
#include "compress/values/code_entropy.hpp"
#include "compress/values/half_precision.hpp"
#include "compress/values/quantizers.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::size_t kD = 20'011;  // not a multiple of any B

using compress::Index;

/// Decodes each message that crosses, by its header and the worker's earlier messages, and encodes
/// it again.
class Wire {
 public:
  /// `by_layer` is the protocol of a run whose lists are by layer.
  explicit Wire(std::optional<Protocol> by_layer) : by_layer_(std::move(by_layer)) {}

  void add(std::uint32_t to, const comm::Message& message) {
    const std::lock_guard lock(mutex_);
    const comm::Header& header = message.header;
    const std::uint32_t worker = std::min(to, header.sender);
    comm::MessageReader reader(*message.bytes);
    comm::MessageWriter writer(reader.header());
    std::vector<Index> positions;
    std::vector<float> values;
    if (is_list(header.kind)) {
      const auto codec =
          by_layer_ ? by_layer_->positions(header.kind)
                          .codec(header.kind == comm::Kind::mask ? masks_[worker] : votes_[worker])
                    : codec_of(header, votes_[worker]);
      positions = codec->decode(reader.field(comm::Field::positions), header.count);
      codec->encode(positions, writer.field(comm::Field::positions));
      follow_vote(header.kind, worker, positions);
      if (header.kind == comm::Kind::mask) masks_[worker] = positions;
    } else {
      values = copy_values(reader, writer, worker);
    }
    const comm::FieldBits fields = reader.finish();
    const comm::Message again = std::move(writer).finish();

    ++messages_;
    identical_ = identical_ && *again.bytes == *message.bytes;
    counted_ = counted_ && fields == message.fields &&
               fields.total() == comm::Bits::of_bytes(message.bytes->size());
    const Key key{header.round, header.kind, worker};
    positions_[key] = std::move(positions);
    values_[key] = std::move(values);
  }

  [[nodiscard]] const std::vector<Index>& positions(std::uint32_t round, comm::Kind kind,
                                                    std::uint32_t worker) const {
    return positions_.at({round, kind, worker});
  }
  [[nodiscard]] bool has(std::uint32_t round, comm::Kind kind, std::uint32_t worker) const {
    return positions_.contains({round, kind, worker});
  }
  [[nodiscard]] const std::vector<float>& values(std::uint32_t round, comm::Kind kind,
                                                 std::uint32_t worker) const {
    return values_.at({round, kind, worker});
  }
  [[nodiscard]] std::size_t messages() const { return messages_; }
  [[nodiscard]] bool identical() const { return identical_; }  ///< encoding again gives the same
  [[nodiscard]] bool counted() const { return counted_; }      ///< sent = decoded = moved, by field

 private:
  using Key = std::tuple<std::uint32_t, comm::Kind, std::uint32_t>;

  static comm::Field field_of(comm::Kind kind) {
    return kind == comm::Kind::model ? comm::Field::initial_model : comm::Field::values;
  }

  static bool is_list(comm::Kind kind) {
    return kind == comm::Kind::vote || kind == comm::Kind::mask || kind == comm::Kind::add ||
           kind == comm::Kind::drop;
  }

  /// `vote` is the sender's last vote. In these runs, a vote sent whole has the code of the masks.
  static std::shared_ptr<const compress::PositionCodec> codec_of(const comm::Header& header,
                                                                 const std::vector<Index>& vote) {
    if (header.position_codec == compress::ChangeCodec::kId) {
      return std::make_shared<compress::ChangeCodec>(
          header.dimension, vote, std::make_shared<compress::RansCodec>(header.dimension));
    }
    std::shared_ptr<const compress::PositionCodec> codec =
        compress::make_position_codec(header.position_codec, header.dimension, header.block_size);
    if (header.kind == comm::Kind::drop && header.dimension == vote.size()) {
      return std::make_shared<compress::RankCodec>(codec, vote);
    }
    if (header.kind == comm::Kind::add && header.dimension + vote.size() == kD) {
      return std::make_shared<compress::OutsideRankCodec>(codec, vote, kD);
    }
    return codec;
  }

  /// Algorithm 2 line 15. An add enters the vote only when the drops have left it.
  void follow_vote(comm::Kind kind, std::uint32_t worker, const std::vector<Index>& positions) {
    std::vector<Index>& vote = votes_[worker];
    if (kind == comm::Kind::vote) vote = positions;
    if (kind == comm::Kind::add) added_[worker] = positions;
    if (kind == comm::Kind::drop) {
      vote = compress::changed_vote(vote, {.add = added_[worker], .drop = positions});
    }
  }

  std::vector<float> copy_values(comm::MessageReader& reader, comm::MessageWriter& writer,
                                 std::uint32_t worker) {
    const comm::Header& header = reader.header();
    const comm::Field field = field_of(header.kind);
    std::vector<float> values(header.count);
    if (header.value_bits == 32) {
      reader.field(field).get_floats(values);
      writer.field(field).put_floats(values);
      return values;
    }
    const auto quantizer =
        compress::make_quantizer(header.value_bits, header.block_size, header.position_codec);
    compress::Quantized quantized;
    const unsigned q = header.value_bits;
    if (header.position_codec == compress::kEntropyOfCodes) {
      std::vector<std::uint8_t> own;  // the server has no vote
      if (header.kind == comm::Kind::update) {
        own = compress::marks_of(positions_.at({header.round, comm::Kind::mask, worker}),
                                 votes_[worker]);
      }
      quantized.codes =
          compress::decode_codes_by_entropy(reader.field(field), header.count, q, own);
      compress::encode_codes_by_entropy(quantized.codes, q, own, writer.field(field));
    } else if (q == compress::kHalfBits) {
      quantized.halves =
          compress::decode_halves(reader.field(field), header.count, quantizer->wire_code());
      compress::encode_halves(quantized.halves, writer.field(field));
    } else {
      quantized.codes = compress::decode_codes(reader.field(field), header.count, q);
      compress::encode_codes(quantized.codes, q, writer.field(field));
    }
    quantized.magnitudes = compress::decode_magnitudes(reader.field(comm::Field::level_means),
                                                       quantizer->magnitudes(header.count));
    compress::encode_magnitudes(quantized.magnitudes, writer.field(comm::Field::level_means));
    quantizer->recover(quantized, values);
    return values;
  }

  std::optional<Protocol> by_layer_;
  std::mutex mutex_;
  std::size_t messages_ = 0;
  bool identical_ = true;
  bool counted_ = true;
  std::map<Key, std::vector<Index>> positions_;
  std::map<Key, std::vector<float>> values_;
  std::map<std::uint32_t, std::vector<Index>> votes_;  ///< each worker's last vote
  std::map<std::uint32_t, std::vector<Index>> masks_;  ///< the last mask that each worker has got
  std::map<std::uint32_t, std::vector<Index>> added_;
};

/// What one run showed. Each bool holds for every round and worker.
struct Shown {
  std::string what;  ///< d, N, K and rounds
  bool dense = true;
  bool votes = true;
  bool vote_size = true;
  bool counts = true;
  bool mask = true;
  bool mask_size = true;
  bool sparse = true;  ///< no message has more than K values
  bool updates = true;
  bool aggregate = true;
  bool linear = true;  ///< the aggregate is the masked mean of the whole vectors
  bool memory = true;
  bool server_memory = true;
  bool velocity = true;
  std::size_t cleared = 0;  ///< coordinates at which a worker's velocity is 0 in the end
  bool theta = true;
  bool absent = true;       ///< an absent worker sends nothing, and gets mask and aggregate
  std::size_t away = 0;     ///< workers that are absent, summed over rounds
  bool returns = false;     ///< some worker takes part after a round from which it was absent
  std::string stairs{};     ///< those of its rounds that are on one, in order
  bool lawful = true;       ///< of a run by layer: every ledger row is the law's
  comm::Bits first_vote{};  ///< of such a run: worker 0's first list of positions
  bool scheduled = true;    ///< the rounds are the intended ones, with two decays
  bool rescales = false;    ///< `error_rescale_on_decay`
  bool identical = true;
  bool counted = true;
  std::size_t messages = 0;
  std::size_t non_zeros = 0;    ///< the most in any update
  std::size_t drawn_masks = 0;  ///< masks with more ties for the last places than places
};

constexpr std::size_t kK = 601;  // ceil(0.03 d), by hand: 600.33
constexpr std::uint32_t kDense = 2;
constexpr std::uint32_t kSparse = 10;
constexpr float kTheta = 0.25F;

/// Layers for a run of `selection = layer`: d together.
Layers layers_of_kd() { return Layers({1, 27, 4'000, 64, 12'345, 3'000, 500, 64, 10}); }
constexpr std::uint32_t kDenseBelow = 64;
/// By hand: 1 + 27 + 120 + 2 + 371 + 90 + 15 + 2 + 10.
constexpr std::size_t kKByLayer = 638;
/// By hand, B = 33: 600 (1 + 6) and 122 + 2 + 375 + 91 + 16 + 2 blocks.
constexpr comm::Bits kVoteByLayer(4'808);
constexpr std::uint32_t kWorkers = 10;  // of every preset
constexpr std::uint32_t kParticipants = 3;

Settings small(const char* name, std::uint32_t value_bits = 32) {
  Settings settings = preset(name).settings;
  settings.epochs = kDense + kSparse * settings.local_steps;  // of one step each: see run()
  settings.warmup_epochs = kDense;
  settings.phi = Decimal(3, 2);
  settings.phi_ad = Decimal(4, 3);
  settings.value_bits = value_bits;
  if (value_bits == 1) {
    settings.quantizer = "scaled-sign";
    settings.quantizer_block = 64;
  }
  settings.check_votes = drops(*settings.scheme);
  return settings;
}

/// Whether eq 9 leaves a choice: more coordinates tie for the last places than there are places.
bool leaves_a_choice(std::span<const std::uint32_t> counts, std::span<const Index> mask) {
  std::uint32_t last = counts[mask.front()];
  for (const Index i : mask) last = std::min(last, counts[i]);
  const auto reaching = std::ranges::count_if(counts, [&](std::uint32_t c) { return c >= last; });
  return static_cast<std::size_t>(reaching) > mask.size();
}

void compare_round(const Round& round, const DefinedRound& defined, const Wire& wire,
                   std::uint32_t workers, bool by_layer, std::vector<std::vector<Index>>& votes,
                   Shown& shown) {
  const auto& aggregate = wire.values(round.t, comm::Kind::aggregate, 0);
  const auto& taking = defined.participants;
  for (std::uint32_t n = 0; n < workers; ++n) {
    shown.absent = shown.absent && wire.has(round.t, comm::Kind::aggregate, n) &&
                   wire.has(round.t, comm::Kind::mask, n) != round.dense;
    if (std::ranges::binary_search(taking, n)) continue;
    ++shown.away;
    for (const comm::Kind kind : {comm::Kind::dense, comm::Kind::vote, comm::Kind::add,
                                  comm::Kind::drop, comm::Kind::update}) {
      shown.absent = shown.absent && !wire.has(round.t, kind, n);
    }
  }
  if (round.dense) {
    shown.dense = shown.dense && aggregate == defined.aggregate;
    return;
  }
  const auto& mask = wire.positions(round.t, comm::Kind::mask, 0);
  shown.mask = shown.mask && mask == defined.mask;
  const std::uint64_t k = by_layer ? kKByLayer : stair_law(kD, kK, round.stair);
  shown.mask_size = shown.mask_size && mask.size() == k;
  if (!defined.counts.empty()) {
    shown.drawn_masks += leaves_a_choice(defined.counts, mask) ? 1 : 0;
  }
  for (const std::uint32_t n : taking) {
    if (defined.votes.empty()) {
      shown.votes = shown.votes && !wire.has(round.t, comm::Kind::vote, n);
    } else if (wire.has(round.t, comm::Kind::vote, n)) {
      votes[n] = wire.positions(round.t, comm::Kind::vote, n);
    } else {
      std::set<Index> vote(votes[n].begin(), votes[n].end());
      for (const Index i : wire.positions(round.t, comm::Kind::add, n)) vote.insert(i);
      for (const Index i : wire.positions(round.t, comm::Kind::drop, n)) vote.erase(i);
      votes[n].assign(vote.begin(), vote.end());
    }
    if (!defined.votes.empty()) {
      shown.votes = shown.votes && votes[n] == defined.votes[n];
      shown.vote_size = shown.vote_size && votes[n].size() == k;
    }

    const auto& values = wire.values(round.t, comm::Kind::update, n);
    const auto& at = defined.sent_at[n];
    std::vector<float> whole(kD);
    for (std::size_t j = 0; j < at.size(); ++j) whole[at[j]] = values.at(j);
    shown.updates = shown.updates && whole == defined.sent[n];
    const auto zeros = static_cast<std::size_t>(std::ranges::count(values, 0.0F));
    shown.sparse = shown.sparse && values.size() <= k;
    shown.non_zeros = std::max(shown.non_zeros, values.size() - zeros);
  }
  for (std::size_t j = 0; j < mask.size(); ++j) {
    shown.aggregate = shown.aggregate && aggregate.at(j) == defined.aggregate[mask[j]];
    shown.linear = shown.linear && aggregate.at(j) == defined.mean[mask[j]];
  }
}

/// Compares a round's rows with the law.
void hold_law(const Audit& audit, const RoundRecord& record, Shown& shown) {
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

Shown run(const Settings& settings) {
  // An epoch of N batches of images is one step. After the warm-up the rate decays twice.
  std::vector<Round> plan = schedule(settings, std::uint64_t{settings.workers} * settings.batch);
  for (Round& round : plan) round.evaluate = false;
  DrawnUpdate update(kD, settings.workers, kVerifySeed, settings);
  Slots slots(settings.workers);
  const bool by_layer = settings.selection == Selection::layer;
  const Layers layers = by_layer ? layers_of_kd() : Layers(kD);
  Shown shown{.what = fmt::format("d = {}, N = {}, K = {}, {} dense and {} sparse rounds", kD,
                                  settings.workers, by_layer ? kKByLayer : kK, kDense, kSparse)};
  Wire wire(by_layer ? std::optional(make_protocol(settings, layers)) : std::nullopt);
  comm::InprocGroup group(settings.workers, [&](std::uint32_t to, const comm::Message& message) {
    wire.add(to, message);
  });
  std::map<std::uint32_t, std::vector<std::uint32_t>> counts;
  const GroupState result =
      run_group({.group = group,
                 .settings = settings,
                 .layers = layers,
                 .rounds = plan,
                 .update = update,
                 .slots = slots,
                 .on_closed =
                     [&, audit = Audit({}, settings, layers, 0)](const RoundRecord& record) {
                       if (by_layer) hold_law(audit, record, shown);
                     },
                 .on_counts =
                     [&](const Round& round, std::span<const std::uint32_t> of) {
                       counts[round.t].assign(of.begin(), of.end());
                     }},
                initial_state(settings.workers, std::vector<float>(kD, kTheta), {}));

  shown.scheduled = plan.size() == kDense + kSparse &&
                    std::ranges::count_if(plan, &Round::dense) == kDense &&
                    std::ranges::count(plan, 0.1F, &Round::decay) == 2;
  shown.rescales = settings.error_rescale_on_decay();
  Definition definition(settings, std::vector<float>(kD, kTheta), layers);
  std::vector<std::vector<Index>> votes(settings.workers);
  std::vector<std::uint32_t> last_absent;
  for (const Round& round : plan) {
    if (round.stair > 0) {
      shown.stairs += fmt::format("{}{}", shown.stairs.empty() ? "" : " ", round.stair);
    }
    const DefinedRound defined = definition.run(round, update);
    compare_round(round, defined, wire, settings.workers, by_layer, votes, shown);
    const auto& taking = defined.participants;
    shown.returns = shown.returns || std::ranges::any_of(last_absent, [&](std::uint32_t n) {
                      return !round.first_sparse && std::ranges::binary_search(taking, n);
                    });
    last_absent.clear();
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      if (!std::ranges::binary_search(taking, n)) last_absent.push_back(n);
    }
    if (!round.dense) shown.counts = shown.counts && counts[round.t] == defined.counts;
  }
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    const WorkerState& worker = result.workers[n];
    shown.memory = shown.memory && std::ranges::equal(worker.e, definition.error(n));
    shown.velocity = shown.velocity && std::ranges::equal(worker.velocity, definition.velocity(n));
    shown.cleared += static_cast<std::size_t>(std::ranges::count(worker.velocity, 0.0F));
  }
  shown.theta = std::ranges::equal(result.server.theta, definition.theta());
  shown.server_memory = !settings.has_server_error() ||
                        std::ranges::equal(result.server.e, definition.server_error());
  shown.identical = wire.identical();
  shown.counted = wire.counted();
  shown.messages = wire.messages();
  return shown;
}

}  // namespace

std::vector<Check> check_algorithms() {
  const Shown top_k = run(small("top-k"));
  const Shown mv = run(small("ssgd-mv"));
  const Shown rs = run(small("ssgd-mv-rs-l4"));
  const Shown ad = run(small("ssgd-mv-ad"));
  const Shown random = run(small("rand-k-l4"));
  const Shown fractional = run(small("ssgd-mv-ad-l4-q", 4));
  const Shown sign = run(small("ssgd-mv", 1));
  Settings forgetful = small("ssgd-mv-l8-q", 4);
  forgetful.quantization_error = false;
  const Shown unfed = run(forgetful);
  Settings ordered = small("ssgd-mv");
  ordered.tie_break = TieBreaking::index;
  const Shown index = run(ordered);
  const Shown least = run(small("ssgd-mv-l8-q-min", 4));
  const Shown least_ad = run(small("ssgd-mv-ad-l8-q-min", 4));
  Settings moving = small("ssgd-mv-ad-l4-q", 4);
  moving.momentum = 0.875;
  const Shown heavy = run(moving);
  moving.momentum_correction = true;
  const Shown corrected = run(moving);
  Settings ahead = small("top-k");
  ahead.momentum = 0.875;
  ahead.nesterov = true;
  ahead.momentum_correction = true;
  const Shown own = run(ahead);
  Settings both_ways = small("ssgd-mv-l8-q-min", 4);
  both_ways.aggregate_bits = 4;
  const Shown both = run(both_ways);
  both_ways = small("top-k");
  both_ways.aggregate_bits = 2;
  const Shown both_own = run(both_ways);
  both_ways = small("ssgd-mv-ad", 1);
  both_ways.aggregate_bits = 1;
  const Shown both_signs = run(both_ways);
  both_ways.quantization_error = false;
  const Shown both_unfed = run(both_ways);
  both_ways = small("ssgd-mv-rs-l4", 16);
  both_ways.quantizer = "float16";
  both_ways.aggregate_bits = 16;
  const Shown half = run(both_ways);
  both_ways = small("top-k", 16);
  both_ways.quantizer = "bfloat16";
  const Shown brain = run(both_ways);
  const std::vector<const Shown*> all = {&top_k,      &mv,         &rs,         &ad,    &random,
                                         &fractional, &sign,       &unfed,      &index, &least,
                                         &least_ad,   &heavy,      &corrected,  &own,   &both,
                                         &both_own,   &both_signs, &both_unfed, &half,  &brain};
  const auto every = [&](bool Shown::*what) {
    return std::ranges::all_of(all, [&](const Shown* shown) { return shown->*what; });
  };
  // Client sampling: what is sent against earlier rounds, and what an absent worker keeps.
  std::vector<Shown> sampled;
  for (const auto& [name, bits] : {std::pair{"ssgd-mv-ad-l8-q-min", 4U},
                                   {"ssgd-mv-l8-q-min", 4U},
                                   {"ssgd-mv-rs-l4", 32U},
                                   {"top-k", 32U},
                                   {"rand-k-l4", 32U}}) {
    Settings some = small(name, bits);
    some.participation = kParticipants;
    some.momentum = 0.875;
    some.momentum_correction = true;
    sampled.push_back(run(some));
  }
  const bool samples = std::ranges::all_of(sampled, [](const Shown& shown) {
    return shown.absent && shown.returns && shown.dense && shown.votes && shown.vote_size &&
           shown.counts && shown.mask && shown.updates && shown.aggregate && shown.memory &&
           shown.velocity && shown.theta && shown.identical && shown.counted &&
           shown.away == (kDense + kSparse - 1) * (kWorkers - kParticipants);
  });
  // Selection by layer: whole votes, changes, ranks and unions.
  std::vector<Shown> layered;
  for (const auto& [name, bits] : {std::pair{"ssgd-mv", 32U},
                                   {"ssgd-mv-ad-l8-q-min", 4U},
                                   {"ssgd-mv-l8-q-min", 4U},
                                   {"ssgd-mv-rs-l4", 32U},
                                   {"top-k", 32U},
                                   {"rand-k-l4", 32U}}) {
    Settings some = small(name, bits);
    some.selection = Selection::layer;
    some.dense_below = kDenseBelow;
    layered.push_back(run(some));
  }
  const bool is_by_layer =
      std::ranges::all_of(layered,
                          [](const Shown& shown) {
                            return shown.dense && shown.votes && shown.vote_size && shown.counts &&
                                   shown.mask && shown.updates && shown.aggregate && shown.memory &&
                                   shown.theta && shown.identical && shown.counted && shown.lawful;
                          }) &&
      layered[0].mask_size && layered[1].mask_size && layered[5].mask_size &&
      layered.front().first_vote == kVoteByLayer;
  // Of ten rounds of warm-up, two have a share of 1/4 and two of 1/16; 4^-3 is below phi.
  Settings staired = small("ssgd-mv-ad-l4-q", 4);
  staired.phi_warmup = PhiWarmup::stairs;
  staired.warmup_epochs = 5 * kDense;
  staired.epochs += 4 * kDense;
  const Shown stairs = run(staired);
  staired.scheme = &scheme_named("top-k");
  staired.check_votes = false;
  const Shown own_stairs = run(staired);
  const std::string& what = mv.what;
  const std::string runs = fmt::format("{} runs of: {}", all.size(), what);
  std::size_t messages = 0;
  for (const Shown* shown : all) messages += shown->messages;
  const std::string wire = fmt::format("{} messages of {} runs", messages, all.size());
  const bool reaches_k =
      std::ranges::all_of(all, [](const Shown* shown) { return shown->non_zeros == kK; });

  const bool voted = mv.mask_size && rs.mask_size && ad.mask_size && random.mask_size &&
                     fractional.mask_size && sign.mask_size && unfed.mask_size && index.mask_size;
  return {
      {"eq 4", "a dense round's aggregate is the mean of the model differences",
       every(&Shown::dense) && every(&Shown::scheduled), runs},
      {"eq 5", "an update has at most K = ceil(phi d) non-zeros (0-norm, erratum)",
       every(&Shown::sparse) && reaches_k,
       fmt::format("no message has more than {} values, and some have no zero; {}", kK, runs)},
      {"eq 6", "top-K sends D (x) S_top(D, K), ties to the lower index",
       top_k.votes && top_k.updates, top_k.what},
      {"eq 7", "top-K descends by the mean of the sparse differences, on the supports' union",
       top_k.mask && top_k.aggregate && top_k.theta, top_k.what},
      {"eq 8", "the mean of masked vectors is the masked mean, bit for bit in worker order",
       mv.linear && rs.linear && ad.linear && mv.aggregate && rs.aggregate && ad.aggregate,
       fmt::format("MV, RS and AD, each {}", what)},
      {"eq 9", "the mask is S_top of the votes' sum; of a tie each round draws anew, or the index",
       mv.counts && mv.votes && mv.mask && ad.mask && index.mask && mv.drawn_masks > 1 &&
           index.drawn_masks > 0,
       fmt::format("{}; {} of them with more in a tie than have room", what, mv.drawn_masks)},
      {"eq 16", "AD's running sum is the sum recomputed from all votes, in every round",
       ad.counts && ad.votes && ad.mask && fractional.counts, ad.what},
      {"|M_t| = K", "every mask of MV, RS, AD and rand-k has K coordinates", voted, runs},
      {"|M_n| = K", "every vote has K coordinates, AD's after adds and drops too",
       every(&Shown::vote_size), runs},
      {"e = D - sent", "the memory keeps, bit for bit, what was not sent",
       every(&Shown::memory) && every(&Shown::updates), runs},
      {"decay", "at a decay of eta MV's and RS's memory falls to a tenth, AD's and top-K's stays",
       every(&Shown::scheduled) && mv.memory && rs.memory && ad.memory && top_k.memory &&
           mv.rescales && rs.rescales && !ad.rescales && !top_k.rescales,
       fmt::format("two decays in: {}", what)},
      {"Algorithm 1", "MV: theta and every e_n, bit for bit with whole vectors",
       mv.theta && mv.memory && index.theta && index.memory, what},
      {"line 15", "RS: the mask is the successive draws' by definition; theta likewise",
       rs.counts && rs.mask && rs.theta && rs.memory, rs.what},
      {"Algorithm 2", "AD: votes, theta and every e_n, bit for bit with whole vectors",
       ad.votes && ad.theta && ad.memory, ad.what},
      {"rand-k", "the mask is the server's draw; theta and every e_n with whole vectors",
       random.mask && random.theta && random.memory && random.updates, random.what},
      {"quantised", "the server recovers Q(M (x) D), and theta follows: eqs 17 and 18",
       fractional.updates && fractional.theta && sign.updates && sign.theta && unfed.updates &&
           unfed.theta,
       fmt::format("q = 4 with and without its error fed back, q = 1 in blocks of 64; {}", what)},
      {"by entropy", "votes as changes and values by their entropy: the same model, bit for bit",
       least.votes && least.mask && least.updates && least.theta && least.memory &&
           least_ad.votes && least_ad.mask && least_ad.updates && least_ad.theta && least_ad.memory,
       fmt::format("MV and AD with 4-bit values, each {}", what)},
      {"two ways",
       "the server sends Q of the mean and of its memory, which keeps the rest; theta follows",
       both.aggregate && both.theta && both.memory && both.server_memory && both_own.aggregate &&
           both_own.theta && both_own.server_memory && both_signs.aggregate && both_signs.theta &&
           both_signs.server_memory && both_unfed.aggregate && both_unfed.theta,
       fmt::format("MV by entropy at q = 4, top-K at 2, AD at 1 with and without memory; {}",
                   what)},
      {"16 bits", "float16 and bfloat16 values: the server recovers Q(M (x) D), and theta follows",
       half.updates && half.aggregate && half.theta && half.memory && half.server_memory &&
           brain.updates && brain.theta && brain.memory,
       fmt::format("RS with float16 both ways, top-K with bfloat16; {}", what)},
      {"correction",
       "DGC: velocity enters D before the support is chosen, and is 0 where values were sent",
       heavy.velocity && heavy.memory && heavy.theta && corrected.velocity && corrected.memory &&
           corrected.theta && own.velocity && own.memory && own.theta && heavy.cleared == 0 &&
           corrected.cleared == moving.workers * kK && own.cleared == ahead.workers * kK,
       fmt::format("AD with and without correction, top-K with Nesterov's momentum; {}", what)},
      {"phi_warmup",
       "DGC's stairs: a round keeps ceil(d / 4^j), down to K; each stair begins with new votes",
       stairs.votes && stairs.vote_size && stairs.mask && stairs.mask_size && stairs.updates &&
           stairs.theta && stairs.memory && stairs.identical && stairs.counted &&
           own_stairs.votes && own_stairs.vote_size && own_stairs.mask && own_stairs.updates &&
           own_stairs.theta && own_stairs.memory && stairs.stairs == "1 1 2 2" &&
           own_stairs.stairs == "1 1 2 2",
       fmt::format("AD with 4-bit values and top-K, d = {}, K = {}, {} and {} before it", kD, kK,
                   stair_law(kD, kK, 1), stair_law(kD, kK, 2))},
      {"selection",
       "by layer: ceil(phi d_l) of each tensor, all of small ones; a list is its layers' lists",
       is_by_layer,
       fmt::format("MV: a vote of {} bits by hand; AD and MV with changed votes, RS, top-K and "
                   "rand-k; 9 layers, {}",
                   kVoteByLayer.count(), layered.front().what)},
      {"participation",
       "m of N workers send; the mean is over m; who is absent has theta, and keeps e and its vote",
       samples,
       fmt::format("m = {} of N = {}, AD, MV with changed votes, RS, top-K and rand-k; {}",
                   kParticipants, kWorkers, what)},
      {"encode, decode", "each message, decoded and encoded again, has the same bytes",
       every(&Shown::identical), wire},
      {"sent = received", "by field, and 8 times the bytes moved", every(&Shown::counted), wire},
  };
}

}  // namespace mvsgd::sim
