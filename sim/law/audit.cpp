#include "sim/law/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "compress/positions/position_codecs.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/law/layer_law.hpp"
#include "sim/plan/participation.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;
using comm::Kind;

enum class Of : std::uint8_t { worker, all_workers };

std::string describe(const comm::LedgerRow& row, Of whose) {
  return fmt::format("round {}, {}, {} {} {}: {} bits", row.id.round,
                     whose == Of::worker ? fmt::format("worker {}", row.id.worker) : "all workers",
                     comm::name(row.id.direction), comm::name(row.id.kind), comm::name(row.field),
                     row.bits.count());
}

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

/// The worker's place among those that take part, in increasing order; none if it does not.
std::optional<std::size_t> place_among(std::span<const std::uint32_t> taking,
                                       std::uint32_t worker) {
  const auto place = std::ranges::lower_bound(taking, worker);
  if (place == taking.end() || *place != worker) return std::nullopt;
  return static_cast<std::size_t>(place - taking.begin());
}

/// Messages of which no number but the run's own tells the length.
struct Untold {
  std::uint64_t messages = 0;
  std::optional<std::uint64_t> more = 0;  ///< than the least, at most; none: nothing tells
};

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

/// Whether a worker sends or receives the message.
bool has(const MessageShape& shape, bool takes_part) {
  if (shape.is_for_absent) return !takes_part;
  return takes_part || shape.way == comm::Direction::down;
}

/// Whether one worker's message has another length than the next one's.
bool differs_by_worker(const MessageShape& shape) {
  return shape.counted_by == CountedBy::worker || shape.counted_by == CountedBy::place;
}

/// The law of a row.
std::string_view law_of(const comm::LedgerRow& row) {
  return row.id.direction == comm::Direction::across ? "the law of the ring" : "eqs 13-15";
}

/// Whether all workers receive the same message.
bool is_for_all(Kind kind) { return kind == Kind::mask || kind == Kind::aggregate; }

/// The key of a message's size. One entry holds that of a message for all workers.
std::pair<Kind, std::uint32_t> known_under(Kind kind, std::uint32_t worker) {
  return {kind, is_for_all(kind) ? 0 : worker};
}

bool equal(const comm::LedgerRow& a, const comm::LedgerRow& b) {
  return a.id == b.id && a.field == b.field && a.bits == b.bits;
}

/// Appends the rows of a message of these bits.
void append_rows(const comm::MessageId& id, const comm::FieldBits& bits,
                 std::vector<comm::LedgerRow>& rows) {
  for (const Field field : comm::kAllFields) {
    if (bits[field] == comm::Bits(0)) continue;
    rows.push_back({.id = id, .field = field, .bits = bits[field]});
  }
}

/// Removes the wanted rows from the front of `rows`. Throws CheckFailed at the first difference.
void take(std::span<const comm::LedgerRow>& rows, const std::vector<comm::LedgerRow>& wanted,
          Of whose) {
  for (const comm::LedgerRow& want : wanted) {
    if (rows.empty()) {
      throw CheckFailed(
          fmt::format("{} by {}, the ledger has no such row", describe(want, whose), law_of(want)));
    }
    if (!equal(rows.front(), want)) {
      throw CheckFailed(fmt::format("{} by {}, the ledger says {}", describe(want, whose),
                                    law_of(want), describe(rows.front(), whose)));
    }
    rows = rows.subspan(1);
  }
}

void check_nothing_is_left(std::span<const comm::LedgerRow> rows, Of whose) {
  if (rows.empty()) return;
  throw CheckFailed(fmt::format("{}, which {} not have", describe(rows.front(), whose),
                                rows.front().id.direction == comm::Direction::across
                                    ? "the law of the ring does"
                                    : "eqs 13-15 do"));
}

comm::Bits bits_in(std::span<const comm::LedgerRow> sums, const MessageShape& shape, Field field) {
  comm::Bits bits;
  for (const comm::LedgerRow& row : sums) {
    if (row.id.kind == shape.kind && row.id.direction == shape.way && row.field == field) {
      bits += row.bits;
    }
  }
  return bits;
}

}  // namespace

Audit::Audit(const LawConstants& law, const Settings& settings, const Layers& layers,
             std::uint64_t buffers)
    : law_(law),
      settings_(settings),
      layers_(layers),
      dimensions_(dimensions(settings, layers, buffers)) {}

void Audit::check_layers(const Round& round, const Dimensions& of_round) const {
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

RoundShape Audit::shape_of(const Round& round) const {
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

std::uint64_t Audit::senders_of(const Round& round) const {
  return senders_law(settings_.workers, settings_.participation,
                     round.t == 0 || round.first_sparse);
}

std::vector<std::uint32_t> Audit::participants_of(const Round& round) const {
  std::vector<std::uint32_t> all = participants(settings_, round);
  const std::uint64_t want = senders_of(round);
  if (all.size() != want) {
    throw CheckFailed(
        fmt::format("round {}: {} workers take part, by the law {}", round.t, all.size(), want));
  }
  return all;
}

std::vector<Audit::Peer> Audit::peers_of(const MessageShape& shape, const Round& round) const {
  std::vector<Peer> peers;
  const std::vector<std::uint32_t> taking = participants_of(round);
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    const auto place = place_among(taking, n);
    if (has(shape, place.has_value())) peers.push_back({.worker = n, .place = place.value_or(0)});
  }
  return peers;
}

std::optional<comm::Bits> Audit::position_law_of(const MessageShape& shape, std::uint64_t k) const {
  if (shape.given == Given::last_mask || shape.given == Given::changed_vote) return std::nullopt;
  return whole_law_of(shape, k);
}

std::optional<comm::Bits> Audit::whole_law_of(const MessageShape& shape, std::uint64_t k) const {
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

comm::Bits Audit::positions(const MessageShape& shape, const Round& round, Peer peer,
                            const RoundSizes& sizes) const {
  if (const auto bits = position_law_of(shape, count_in(shape, peer.place, sizes))) return *bits;
  return coded(shape, round, peer.worker, sizes);
}

std::optional<comm::Bits> Audit::most_coded(const MessageShape& shape) const {
  // Both codes begin by saying whether what follows is the plain form, in 2 bits and in 1.
  if (shape.by_entropy) return comm::Bits(2) + value_law(shape.most, shape.value_bits);
  if (shape.given != Given::changed_vote) return std::nullopt;
  const auto whole = whole_law_of(shape, shape.most);
  const auto sent =
      std::ranges::count_if(shape.parts, [](const ListPart& part) { return part.universe > 0; });
  const comm::Bits flags(shape.parts.empty() ? 1 : static_cast<std::uint64_t>(sent));
  return whole ? std::optional(flags + *whole) : std::nullopt;
}

comm::Bits Audit::least_coded(const MessageShape& shape) const {
  comm::Bits bits;
  if (shape.counted_by == CountedBy::settings) return bits;
  for (const ListPart& part : shape.parts) {
    if (part.universe > 0) bits += count_law(part.most);
  }
  return bits;
}

void Audit::check_most(const MessageShape& shape, const Round& round, comm::Bits bits,
                       std::uint64_t messages) const {
  const auto most = most_coded(shape);
  if (!most || bits.count() <= messages * most->count()) return;
  throw CheckFailed(fmt::format(
      "round {}, {}: {} bits of {} in {} messages of {} at most", round.t, comm::name(shape.kind),
      bits.count(), shape.universe > 0 ? "positions" : "values", messages, most->count()));
}

comm::Bits Audit::coded(const MessageShape& shape, const Round& round, std::uint32_t worker,
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

std::uint64_t Audit::bits_of_value(const MessageShape& shape) const {
  return shape.value_bits == 32 ? law_.float_bits : shape.value_bits;
}

comm::FieldBits Audit::message(const MessageShape& shape, const Round& round, Peer peer,
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

std::vector<comm::LedgerRow> Audit::expected(const Round& round, std::uint32_t worker,
                                             const RoundSizes& sizes) const {
  return expected(round, shape_of(round), participants_of(round), worker, sizes);
}

std::vector<comm::LedgerRow> Audit::expected(const Round& round, const RoundShape& shapes,
                                             std::span<const std::uint32_t> taking,
                                             std::uint32_t worker, const RoundSizes& sizes) const {
  const std::optional<std::size_t> place = place_among(taking, worker);
  const Peer peer{.worker = worker, .place = place.value_or(0)};
  std::vector<comm::LedgerRow> rows;
  for (const MessageShape& shape : shapes) {
    if (!has(shape, place.has_value())) continue;
    append_rows({.round = round.t, .worker = worker, .direction = shape.way, .kind = shape.kind},
                message(shape, round, peer, sizes), rows);
  }
  return rows;
}

void Audit::check_sizes(const Round& round, const RoundSizes& sizes) const {
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

/// How many positions a list of so many bits has: the largest number whose law does not exceed
/// them. If no number has exactly these bits, the list is compared with the next lower number, and
/// the difference is reported.
std::uint32_t Audit::count_of(const MessageShape& shape, comm::Bits bits) const {
  if (!position_law_of(shape, 0)) return 0;
  std::uint64_t low = 0;  // laws rise with k
  for (std::uint64_t high = std::max(dimensions_.k, shape.most) + 1; high - low > 1;) {
    const std::uint64_t middle = low + (high - low) / 2;
    (*position_law_of(shape, middle) <= bits ? low : high) = middle;
  }
  return static_cast<std::uint32_t>(low);
}

RoundSizes Audit::sizes_in(const Round& round, std::span<const comm::LedgerRow> rows) const {
  RoundSizes sizes;
  const std::vector<std::uint32_t> taking = participants_of(round);
  for (const MessageShape& shape : shape_of(round)) {
    const bool adds = shape.counted_by == CountedBy::worker && shape.kind == Kind::add;
    if (adds) sizes.changes.resize(taking.size());
    for (const auto& [id, field, bits] : rows) {
      if (id.kind != shape.kind || id.direction != shape.way) continue;
      if (field == Field::positions && !position_law_of(shape, dimensions_.k)) {
        sizes.coded_bits.emplace(known_under(id.kind, id.worker), bits);
      }
      if (field == Field::values && shape.by_entropy) {
        sizes.coded_bits.emplace(known_under(id.kind, id.worker), bits);
      }
      if (field == Field::positions && adds) {
        if (const auto place = place_among(taking, id.worker)) {
          sizes.changes[*place] = count_of(shape, bits);
        }
      }
      if (field == Field::values && shape.counted_by == CountedBy::supports && id.worker == 0) {
        sizes.union_size = static_cast<std::uint32_t>(bits.count() / bits_of_value(shape));
      }
    }
    if (shape.universe == 0 || position_law_of(shape, dimensions_.k)) continue;
    // A list of zero bits has no row, but its message has a header.
    for (const auto& [id, field, bits] : rows) {
      if (id.kind != shape.kind || id.direction != shape.way || field != Field::header) continue;
      sizes.coded_bits.emplace(known_under(id.kind, id.worker), comm::Bits(0));
    }
  }
  return sizes;
}

void Audit::check(const Round& round, std::span<const comm::LedgerRow> rows,
                  const RoundSizes& sizes) const {
  check_sizes(round, sizes);
  const RoundShape shapes = shape_of(round);
  const std::vector<std::uint32_t> taking = participants_of(round);
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    take(rows, expected(round, shapes, taking, n, sizes), Of::worker);
  }
  check_nothing_is_left(rows, Of::worker);
}

/// Whether the length of each worker's list, or of its values, is its own and follows from nothing
/// else.
bool Audit::depends_on_each_set(const MessageShape& shape) const {
  return !is_for_all(shape.kind) && depends_on_content(shape);
}

comm::FieldBits Audit::message_sum(const MessageShape& shape, const Round& round,
                                   const RoundSizes& sizes,
                                   std::span<const comm::LedgerRow> sums) const {
  const std::vector<Peer> peers = peers_of(shape, round);
  const std::uint64_t workers = peers.size();
  comm::FieldBits sum;
  if (depends_on_each_set(shape)) {
    sum[Field::header] = comm::Bits(workers * law_.header_bits);
    if (shape.by_entropy) {
      const comm::Bits means = level_mean_law(law_, shape.most, shape.value_bits, shape.block);
      sum[Field::values] = bits_in(sums, shape, Field::values);
      check_most(shape, round, sum[Field::values], workers);
      sum[Field::level_means] = comm::Bits(workers * means.count());
    } else {
      const comm::Bits least(workers * least_coded(shape).count());
      sum[Field::positions] = std::max(least, bits_in(sums, shape, Field::positions));
      check_most(shape, round, sum[Field::positions], workers);
    }
    const comm::Bits padding = bits_in(sums, shape, Field::padding);
    const bool fills = padding_law(sum.total() + padding) == comm::Bits(0);
    if (!fills || padding.count() > 7 * workers) {
      throw CheckFailed(
          fmt::format("round {}, all workers, {} {}: {} bits of padding after {} in {} messages",
                      round.t, comm::name(shape.way), comm::name(shape.kind), padding.count(),
                      sum.total().count(), workers));
    }
    sum[Field::padding] = padding;
    return sum;
  }
  const bool by_worker = differs_by_worker(shape);
  const std::uint64_t times = by_worker ? 1 : workers;
  for (const Peer& peer : std::span(peers).first(by_worker ? workers : 1)) {
    const comm::FieldBits one = message(shape, round, peer, sizes);
    for (const Field field : comm::kAllFields) {
      sum[field] += comm::Bits(times * one[field].count());
    }
  }
  return sum;
}

void Audit::check_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                       const RoundSizes& sizes) const {
  check_sizes(round, sizes);
  std::vector<comm::LedgerRow> wanted;
  for (const MessageShape& shape : shape_of(round)) {
    append_rows({.round = round.t, .worker = 0, .direction = shape.way, .kind = shape.kind},
                message_sum(shape, round, sizes, sums), wanted);
  }
  take(sums, wanted, Of::all_workers);
  check_nothing_is_left(sums, Of::all_workers);
}

bool Audit::depends_on_content(const MessageShape& shape) const {
  return shape.by_entropy || (shape.universe > 0 && !position_law_of(shape, dimensions_.k));
}

void Audit::check_totals(std::span<const Round> rounds,
                         const std::function<RoundSizes(const Round&)>& sizes_of,
                         std::span<const comm::LedgerRow> totals) const {
  const bool by_worker = settings_.ledger_rows == LedgerRows::worker;
  const Of whose = by_worker ? Of::worker : Of::all_workers;
  using Totals = std::map<comm::MessageId, comm::FieldBits>;
  Totals told;
  for (const comm::LedgerRow& row : totals) {
    comm::MessageId id = row.id;
    id.round = rounds.back().t;
    told[id][row.field] += row.bits;
  }
  Totals wanted;
  std::map<std::pair<comm::MessageId, Field>, Untold> free;
  for (const Round& round : rounds) {
    const RoundSizes sizes = sizes_of(round);
    check_sizes(round, sizes);
    for (const MessageShape& shape : shape_of(round)) {
      const bool is_free = depends_on_content(shape);
      const Field content = shape.universe > 0 ? Field::positions : Field::values;
      comm::FieldBits one;
      if (is_free) {
        one[Field::header] = comm::Bits(law_.header_bits);
        if (content == Field::values) {
          one[Field::level_means] = level_mean_law(law_, shape.most, shape.value_bits, shape.block);
        } else {
          one[content] = least_coded(shape);
        }
      }
      bool is_first = true;
      for (const Peer& peer : peers_of(shape, round)) {
        const comm::MessageId id{.round = rounds.back().t,
                                 .worker = by_worker ? peer.worker : 0,
                                 .direction = shape.way,
                                 .kind = shape.kind};
        if (is_free) {
          Untold& untold = free[{id, content}];
          const auto most = most_coded(shape);
          ++untold.messages;
          untold.more = most && untold.more
                            ? std::optional(*untold.more + most->count() - one[content].count())
                            : std::nullopt;
        } else if (is_first || differs_by_worker(shape)) {
          one = message(shape, round, peer, sizes);
        }
        is_first = false;
        wanted[id] += one;
      }
    }
  }
  for (const auto& [message, untold] : free) {
    const auto& [id, content] = message;
    const comm::FieldBits got = told[id];
    comm::FieldBits& want = wanted[id];
    const std::uint64_t most = want[content].count() + untold.more.value_or(0);
    if (untold.more && got[content].count() > most) {
      throw CheckFailed(
          fmt::format("{}, at most {}",
                      describe({.id = id, .field = content, .bits = got[content]}, whose), most));
    }
    want[content] = std::max(want[content], got[content]);
    const std::uint64_t padding = got[Field::padding].count();
    const bool fills = padding_law(got.total()) == comm::Bits(0);
    if (fills && padding <= want[Field::padding].count() + 7 * untold.messages) {
      want[Field::padding] = std::max(want[Field::padding], got[Field::padding]);
    }
  }
  std::vector<comm::LedgerRow> rows;
  for (const auto& [id, bits] : told) append_rows(id, bits, rows);
  std::vector<comm::LedgerRow> wanted_rows;
  for (const auto& [id, bits] : wanted) append_rows(id, bits, wanted_rows);
  std::span<const comm::LedgerRow> left = rows;
  take(left, wanted_rows, whose);
  check_nothing_is_left(left, whose);
}

RoundSizes Audit::sizes_in_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                                std::vector<std::uint32_t> changes) const {
  RoundSizes sizes;
  sizes.changes = std::move(changes);
  for (const MessageShape& shape : shape_of(round)) {
    if (shape.counted_by == CountedBy::supports && shape.universe == 0) {
      const comm::Bits values = bits_in(sums, shape, Field::values);
      sizes.union_size =
          static_cast<std::uint32_t>(values.count() / bits_of_value(shape) / settings_.workers);
    }
    if (is_for_all(shape.kind) && depends_on_content(shape)) {
      const Field content = shape.universe > 0 ? Field::positions : Field::values;
      sizes.coded_bits[known_under(shape.kind, 0)] =
          comm::Bits(bits_in(sums, shape, content).count() / settings_.workers);
    }
  }
  return sizes;
}

}  // namespace mvsgd::sim
