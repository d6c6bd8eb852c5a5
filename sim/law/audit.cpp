#include "sim/law/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compress/positions/position_codecs.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/block_sizes.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using comm::Field;
using comm::Kind;

std::string describe(const comm::LedgerRow& row) {
  return fmt::format("round {}, worker {}, {} {} {}: {} bits", row.id.round, row.id.worker,
                     comm::name(row.id.direction), comm::name(row.id.kind), comm::name(row.field),
                     row.bits.count());
}

bool equal(const comm::LedgerRow& a, const comm::LedgerRow& b) {
  return a.id == b.id && a.field == b.field && a.bits == b.bits;
}

}  // namespace

Audit::Audit(const LawConstants& law, const Settings& settings, std::uint64_t d,
             std::uint64_t buffers)
    : law_(law),
      settings_(settings),
      d_(d),
      k_(settings.phi.ceil_times(d)),
      k_ad_(std::min(k_, settings.phi_ad.ceil_times(d))),
      buffers_(buffers) {}

std::optional<comm::Bits> Audit::position_law_of(Kind kind, const Round& round,
                                                 std::uint64_t k) const {
  if (kind == Kind::mask && settings_.mask_codec == MaskCoding::delta && !round.first_sparse) {
    return std::nullopt;
  }
  const bool ranked = kind == Kind::drop && settings_.drop_codec == DropCoding::rank;
  const std::uint64_t n = ranked ? k_ : d_;
  const BlockSizes blocks = block_sizes(settings_, d_);
  const std::uint64_t block = kind == Kind::add    ? blocks.adds
                              : kind == Kind::drop ? blocks.drops
                              : kind == Kind::mask ? blocks.masks
                                                   : blocks.votes;
  return position_law_of_code(law_, compress::position_codec_named(settings_.position_codec).id, n,
                              k, block);
}

comm::Bits Audit::positions(Kind kind, const Round& round, std::uint32_t worker,
                            const RoundSizes& sizes) const {
  std::uint64_t k = k_;
  if (kind == Kind::mask && settings_.scheme == Scheme::top_k) k = sizes.union_size;
  if ((kind == Kind::add || kind == Kind::drop) && !sizes.changes.empty()) {
    k = sizes.changes[worker];
  }
  if (const auto bits = position_law_of(kind, round, k)) return *bits;
  const auto known = sizes.position_bits.find({kind, kind == Kind::mask ? 0 : worker});
  if (known != sizes.position_bits.end()) return known->second;
  throw CheckFailed(fmt::format("round {}, worker {}, {}: no size of its positions is known",
                                round.t, worker, comm::name(kind)));
}

comm::FieldBits Audit::message(Kind kind, const Round& round, std::uint32_t worker,
                               const RoundSizes& sizes) const {
  const bool unites = settings_.scheme == Scheme::top_k;
  const std::uint64_t masked = unites ? sizes.union_size : k_;
  comm::FieldBits bits;
  switch (kind) {
    case Kind::model:
      bits[Field::initial_model] = value_law(d_, law_.float_bits);
      break;
    case Kind::buffers:
      bits[Field::bn_buffers] = value_law(buffers_, law_.float_bits);
      break;
    case Kind::vote:
    case Kind::add:
    case Kind::drop:
    case Kind::mask:
      bits[Field::positions] = positions(kind, round, worker, sizes);
      break;
    case Kind::update: {
      const std::uint64_t q = settings_.value_bits == 32 ? law_.float_bits : settings_.value_bits;
      bits[Field::values] = value_law(k_, q);
      bits[Field::level_means] = level_mean_law(law_, k_, q, settings_.quantizer_block);
      break;
    }
    case Kind::dense:
    case Kind::aggregate:
      bits[Field::values] = value_law(round.dense ? d_ : masked, law_.float_bits);
  }
  bits[Field::header] = comm::Bits(law_.header_bits);
  bits[Field::padding] = padding_law(bits.total());
  return bits;
}

std::vector<comm::LedgerRow> Audit::expected(const Round& round, std::uint32_t worker,
                                             const RoundSizes& sizes) const {
  std::vector<std::pair<Direction, Kind>> messages;
  if (settings_.scheme == Scheme::sm) {
    messages = {};
  } else if (round.t == 0) {
    messages = {{Direction::down, Kind::model}};
  } else if (round.dense) {
    messages = {{Direction::up, Kind::dense}, {Direction::down, Kind::aggregate}};
  } else if (round.full_vote) {
    messages = {{Direction::up, Kind::vote},
                {Direction::up, Kind::update},
                {Direction::down, Kind::mask},
                {Direction::down, Kind::aggregate}};
  } else {
    messages = {{Direction::up, Kind::add},
                {Direction::up, Kind::drop},
                {Direction::up, Kind::update},
                {Direction::down, Kind::mask},
                {Direction::down, Kind::aggregate}};
  }
  if (!messages.empty() && round.evaluate && settings_.bn_eval() == BatchNormEvaluation::average) {
    const auto first_down =
        std::ranges::find(messages, Direction::down, &std::pair<Direction, Kind>::first);
    messages.insert(first_down, {Direction::up, Kind::buffers});
  }

  std::vector<comm::LedgerRow> rows;
  for (const auto& [direction, kind] : messages) {
    const comm::FieldBits bits = message(kind, round, worker, sizes);
    for (std::size_t f = 0; f < comm::kFields; ++f) {
      const auto field = static_cast<Field>(f);
      if (bits[field] == comm::Bits(0)) continue;
      rows.push_back(
          {.id = {.round = round.t, .worker = worker, .direction = direction, .kind = kind},
           .field = field,
           .bits = bits[field]});
    }
  }
  return rows;
}

void Audit::check_sizes(const Round& round, const RoundSizes& sizes) const {
  if (round.dense || round.t == 0) return;
  if (settings_.scheme == Scheme::top_k) {
    const std::uint64_t most = std::min(d_, settings_.workers * k_);
    if (sizes.union_size < k_ || sizes.union_size > most) {
      throw CheckFailed(fmt::format("round {}: a union of {} coordinates, K = {} to N K or d = {}",
                                    round.t, sizes.union_size, k_, most));
    }
  }
  if (round.full_vote) return;
  if (sizes.changes.size() != settings_.workers) {
    throw CheckFailed(fmt::format("round {}: changes of {} votes, N = {}", round.t,
                                  sizes.changes.size(), settings_.workers));
  }
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    if (sizes.changes[n] > k_ad_) {
      throw CheckFailed(fmt::format("round {}, worker {}: {} coordinates added, K_ad = {}", round.t,
                                    n, sizes.changes[n], k_ad_));
    }
  }
}

/// How many positions an add list of so many bits has: the largest number whose law is not more, so
/// that a list of no number's bits is held against one near.
std::uint32_t Audit::changes_of(const Round& round, comm::Bits bits) const {
  if (!position_law_of(Kind::add, round, 0)) return 0;
  std::uint64_t low = 0;  // laws rise with k
  for (std::uint64_t high = k_ + 1; high - low > 1;) {
    const std::uint64_t middle = low + (high - low) / 2;
    (*position_law_of(Kind::add, round, middle) <= bits ? low : high) = middle;
  }
  return static_cast<std::uint32_t>(low);
}

RoundSizes Audit::sizes_in(const Round& round, std::span<const comm::LedgerRow> rows) const {
  RoundSizes sizes;
  if (round.dense || round.t == 0) return sizes;
  if (!round.full_vote) sizes.changes.resize(settings_.workers);
  for (const auto& [id, field, bits] : rows) {
    if (field == Field::positions && !position_law_of(id.kind, round, k_)) {
      sizes.position_bits.emplace(std::pair(id.kind, id.kind == Kind::mask ? 0 : id.worker), bits);
    }
    if (id.kind == Kind::add && field == Field::positions && id.worker < sizes.changes.size()) {
      sizes.changes[id.worker] = changes_of(round, bits);
    }
    if (id.kind == Kind::aggregate && field == Field::values && id.worker == 0) {
      sizes.union_size = static_cast<std::uint32_t>(bits.count() / law_.float_bits);
    }
  }
  if (settings_.scheme != Scheme::top_k) sizes.union_size = 0;
  return sizes;
}

void Audit::check(const Round& round, std::span<const comm::LedgerRow> rows,
                  const RoundSizes& sizes) const {
  check_sizes(round, sizes);
  std::size_t next = 0;
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    for (const comm::LedgerRow& want : expected(round, n, sizes)) {
      if (next == rows.size()) {
        throw CheckFailed(
            fmt::format("{} by eqs 13-15, the ledger has no such row", describe(want)));
      }
      if (!equal(rows[next], want)) {
        throw CheckFailed(fmt::format("{} by eqs 13-15, the ledger says {}", describe(want),
                                      describe(rows[next])));
      }
      ++next;
    }
  }
  if (next < rows.size()) {
    throw CheckFailed(fmt::format("{}, which eqs 13-15 do not have", describe(rows[next])));
  }
}

}  // namespace mvsgd::sim
