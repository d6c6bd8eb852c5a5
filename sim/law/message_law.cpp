#include "sim/law/message_law.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "compress/positions/position_codecs.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/law/layer_law.hpp"
#include "sim/plan/participation.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;
using comm::Kind;

/// The field that holds the float32 values of a kind.
Field values_field(Kind kind) {
  switch (kind) {
    case Kind::model:
      return Field::initial_model;
    case Kind::buffers:
      return Field::bn_buffers;
    default:
      return Field::values;
  }
}

/// How many positions or values a message has. `sizes` holds the counts that the run decides.
/// Changes are counted by the worker's `place` among those that take part.
std::uint64_t count_in(const MessageShape& shape, std::size_t place, const RoundSizes& sizes) {
  switch (shape.counted_by) {
    case CountedBy::supports:
      return sizes.union_size;
    case CountedBy::worker:
      return sizes.changes.empty() ? shape.least : sizes.changes.at(place);
    case CountedBy::place:
    case CountedBy::settings:
      break;
  }
  return shape.most;
}

}  // namespace

std::optional<std::size_t> place_among(std::span<const std::uint32_t> taking,
                                       std::uint32_t worker) {
  const auto place = std::ranges::lower_bound(taking, worker);
  if (place == taking.end() || *place != worker) return std::nullopt;
  return static_cast<std::size_t>(place - taking.begin());
}

bool has(const MessageShape& shape, bool takes_part) {
  if (shape.is_for_absent) return !takes_part;
  return takes_part || shape.way == comm::Direction::down;
}

bool is_for_all(Kind kind) { return kind == Kind::mask || kind == Kind::aggregate; }

bool differs_by_worker(const MessageShape& shape) {
  return shape.counted_by == CountedBy::worker || shape.counted_by == CountedBy::place;
}

Field content_field(const MessageShape& shape) {
  return shape.universe > 0 ? Field::positions : Field::values;
}

std::pair<Kind, std::uint32_t> known_under(Kind kind, std::uint32_t worker) {
  return {kind, is_for_all(kind) ? 0 : worker};
}

MessageLaw::MessageLaw(const LawConstants& law, const Settings& settings, const Layers& layers,
                       std::uint64_t buffers)
    : law_(law),
      settings_(settings),
      layers_(layers),
      dimensions_(dimensions(settings, layers, buffers)) {}

void MessageLaw::check_layers(const Round& round, const Dimensions& of_round) const {
  std::uint64_t sum = 0;
  for (std::size_t l = 0; l < layers_.sizes().size(); ++l) {
    const std::uint64_t d = layers_.sizes()[l];
    const std::uint64_t phi_d =
        layer_law(d, settings_.phi.digits(), settings_.phi.places(), settings_.dense_below);
    const std::uint64_t k = stair_law(d, phi_d, round.stair);
    sum += k;
    if (of_round.layers.at(l).d == d && of_round.layers[l].k == k) continue;
    throw CheckFailed(fmt::format("round {}: K = {} of {} in layer {}, by the law {} of {}",
                                  round.t, of_round.layers[l].k, of_round.layers[l].d, l, k, d));
  }
  if (of_round.k == sum) return;
  throw CheckFailed(
      fmt::format("round {}: K = {} in all layers, by the law {}", round.t, of_round.k, sum));
}

RoundShape MessageLaw::shape_of(const Round& round) const {
  const Settings own = settings_in(settings_, round);
  const Dimensions of_round = dimensions(own, layers_, dimensions_.buffers);
  if (settings_.selection == Selection::layer) {
    check_layers(round, of_round);
    return round_shape(own, of_round, round);
  }
  const std::uint64_t k = stair_law(dimensions_.d, dimensions_.k, round.stair);
  if (of_round.k != k) {
    throw CheckFailed(fmt::format("round {}: K = {} on stair {} of the warm-up, by the law {}",
                                  round.t, of_round.k, round.stair, k));
  }
  return round_shape(own, of_round, round);
}

std::uint64_t MessageLaw::senders_of(const Round& round) const {
  return senders_law(settings_.workers, settings_.participation,
                     round.t == 0 || round.first_sparse);
}

std::vector<std::uint32_t> MessageLaw::participants_of(const Round& round) const {
  std::vector<std::uint32_t> all = participants(settings_, round);
  const std::uint64_t want = senders_of(round);
  if (all.size() != want) {
    throw CheckFailed(
        fmt::format("round {}: {} workers take part, by the law {}", round.t, all.size(), want));
  }
  return all;
}

std::vector<Peer> MessageLaw::peers_of(const MessageShape& shape, const Round& round) const {
  std::vector<Peer> peers;
  const std::vector<std::uint32_t> taking = participants_of(round);
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    const auto place = place_among(taking, n);
    if (has(shape, place.has_value())) peers.push_back({.worker = n, .place = place.value_or(0)});
  }
  return peers;
}

std::optional<comm::Bits> MessageLaw::position_law_of(const MessageShape& shape,
                                                      std::uint64_t k) const {
  if (shape.given == Given::last_mask || shape.given == Given::changed_vote) return std::nullopt;
  return whole_law_of(shape, k);
}

std::optional<comm::Bits> MessageLaw::whole_law_of(const MessageShape& shape,
                                                   std::uint64_t k) const {
  const std::uint8_t code = compress::position_codec_named(settings_.position_codec).id;
  if (!shape.parts.empty()) {
    std::vector<PartOfList> parts;
    for (const ListPart& part : shape.parts) {
      parts.push_back({.size = part.size, .n = part.universe, .most = part.most});
    }
    const bool counted = shape.counted_by != CountedBy::settings;
    return layers_law(law_, code, parts, counted, k, shape.block);
  }
  return position_law_of_code(law_, code, shape.universe, k, shape.block);
}

comm::Bits MessageLaw::positions(const MessageShape& shape, const Round& round, Peer peer,
                                 const RoundSizes& sizes) const {
  if (const auto bits = position_law_of(shape, count_in(shape, peer.place, sizes))) return *bits;
  return coded(shape, round, peer.worker, sizes);
}

std::optional<comm::Bits> MessageLaw::most_coded(const MessageShape& shape) const {
  // Both codes begin by saying whether what follows is the plain form, in 2 bits and in 1.
  if (shape.by_entropy) return comm::Bits(2) + value_law(shape.most, shape.value_bits);
  if (shape.given != Given::changed_vote) return std::nullopt;
  const auto whole = whole_law_of(shape, shape.most);
  const auto sent =
      std::ranges::count_if(shape.parts, [](const ListPart& part) { return part.universe > 0; });
  const comm::Bits flags(shape.parts.empty() ? 1 : static_cast<std::uint64_t>(sent));
  return whole ? std::optional(flags + *whole) : std::nullopt;
}

comm::FieldBits MessageLaw::least(const MessageShape& shape) const {
  comm::FieldBits bits;
  bits[Field::header] = comm::Bits(law_.header_bits);
  if (shape.by_entropy) {
    bits[Field::level_means] = level_mean_law(law_, shape.most, shape.value_bits, shape.block);
  }
  if (shape.counted_by == CountedBy::settings) return bits;
  for (const ListPart& part : shape.parts) {
    if (part.universe > 0) bits[Field::positions] += count_law(part.most);
  }
  return bits;
}

void MessageLaw::check_most(const MessageShape& shape, const Round& round, comm::Bits bits,
                            std::uint64_t messages) const {
  const auto most = most_coded(shape);
  if (!most || bits.count() <= messages * most->count()) return;
  throw CheckFailed(fmt::format(
      "round {}, {}: {} bits of {} in {} messages of {} at most", round.t, comm::name(shape.kind),
      bits.count(), shape.universe > 0 ? "positions" : "values", messages, most->count()));
}

comm::Bits MessageLaw::coded(const MessageShape& shape, const Round& round, std::uint32_t worker,
                             const RoundSizes& sizes) const {
  const auto known = sizes.coded_bits.find(known_under(shape.kind, worker));
  if (known != sizes.coded_bits.end()) {
    check_most(shape, round, known->second, 1);
    return known->second;
  }
  throw CheckFailed(fmt::format("round {}, worker {}, {}: no size of its {} is known", round.t,
                                worker, comm::name(shape.kind),
                                shape.universe > 0 ? "positions" : "values"));
}

std::uint64_t MessageLaw::bits_of_value(const MessageShape& shape) const {
  return shape.value_bits == 32 ? law_.float_bits : shape.value_bits;
}

comm::FieldBits MessageLaw::message(const MessageShape& shape, const Round& round, Peer peer,
                                    const RoundSizes& sizes) const {
  comm::FieldBits bits;
  std::uint64_t messages = 1;
  if (shape.way == comm::Direction::across) {
    const std::uint64_t workers = senders_of(round);
    const RingPass pass = shape.kind == Kind::reduce ? RingPass::reduce : RingPass::gather;
    bits[Field::values] =
        value_law(ring_law(shape.most, workers, peer.place, pass), law_.float_bits);
    messages = workers - 1;
  } else if (shape.universe > 0) {
    bits[Field::positions] = positions(shape, round, peer, sizes);
  } else {
    const std::uint64_t k = count_in(shape, peer.place, sizes);
    const std::uint64_t q = bits_of_value(shape);
    bits[values_field(shape.kind)] =
        shape.by_entropy ? coded(shape, round, peer.worker, sizes) : value_law(k, q);
    bits[Field::level_means] = level_mean_law(law_, k, q, shape.block);
  }
  bits[Field::header] = comm::Bits(messages * law_.header_bits);
  bits[Field::padding] = padding_law(bits.total());  // of float32 values there is none
  return bits;
}

void MessageLaw::check_sizes(const Round& round, const RoundSizes& sizes) const {
  bool changes = false;
  for (const MessageShape& shape : shape_of(round)) {
    if (shape.universe == 0) continue;
    if (shape.counted_by == CountedBy::supports &&
        (sizes.union_size < shape.least || sizes.union_size > shape.most)) {
      throw CheckFailed(fmt::format("round {}: a union of {} coordinates, K = {} to N K or d = {}",
                                    round.t, sizes.union_size, shape.least, shape.most));
    }
    if (shape.counted_by != CountedBy::worker) continue;
    changes = true;
    const std::vector<std::uint32_t> taking = participants_of(round);
    if (sizes.changes.size() != taking.size()) {
      throw CheckFailed(fmt::format("round {}: changes of {} votes, {} = {}", round.t,
                                    sizes.changes.size(), round.absent > 0 ? "m" : "N",
                                    taking.size()));
    }
    for (std::size_t i = 0; i < taking.size(); ++i) {
      if (sizes.changes[i] > shape.most) {
        throw CheckFailed(fmt::format("round {}, worker {}: {} coordinates added, K_ad = {}",
                                      round.t, taking[i], sizes.changes[i], shape.most));
      }
    }
  }
  if (!changes && !sizes.changes.empty()) {
    throw CheckFailed(fmt::format("round {}: changes of {} votes, and it has none", round.t,
                                  sizes.changes.size()));
  }
}

std::uint32_t MessageLaw::count_of(const MessageShape& shape, comm::Bits bits) const {
  if (!position_law_of(shape, 0)) return 0;
  std::uint64_t low = 0;  // laws rise with k
  for (std::uint64_t high = std::max(dimensions_.k, shape.most) + 1; high - low > 1;) {
    const std::uint64_t middle = low + (high - low) / 2;
    (*position_law_of(shape, middle) <= bits ? low : high) = middle;
  }
  return static_cast<std::uint32_t>(low);
}

bool MessageLaw::depends_on_content(const MessageShape& shape) const {
  return shape.by_entropy || (shape.universe > 0 && !position_law_of(shape, dimensions_.k));
}

}  // namespace mvsgd::sim
