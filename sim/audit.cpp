#include "sim/audit.hpp"

#include <fmt/format.h>

#include <utility>

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
      block_size_(settings.phi.rounded_reciprocal()),
      buffers_(buffers) {}

comm::FieldBits Audit::message(Kind kind, bool dense) const {
  comm::FieldBits bits;
  switch (kind) {
    case Kind::model:
      bits[Field::initial_model] = value_law(d_, law_.float_bits);
      break;
    case Kind::buffers:
      bits[Field::bn_buffers] = value_law(buffers_, law_.float_bits);
      break;
    case Kind::vote:
    case Kind::mask:
      bits[Field::positions] = position_law(law_, d_, k_, block_size_);
      break;
    default:
      bits[Field::values] = value_law(dense ? d_ : k_, law_.float_bits);
  }
  bits[Field::header] = comm::Bits(law_.header_bits);
  bits[Field::padding] = padding_law(bits.total());
  return bits;
}

std::vector<comm::LedgerRow> Audit::expected(const Round& round, std::uint32_t worker) const {
  std::vector<std::pair<Direction, Kind>> messages;
  if (settings_.scheme == Scheme::sm) {
    messages = {};
  } else if (round.t == 0) {
    messages = {{Direction::down, Kind::model}};
  } else if (round.dense) {
    messages = {{Direction::up, Kind::dense}, {Direction::down, Kind::aggregate}};
  } else {
    messages = {{Direction::up, Kind::vote},
                {Direction::up, Kind::update},
                {Direction::down, Kind::mask},
                {Direction::down, Kind::aggregate}};
  }
  if (!messages.empty() && round.evaluate && settings_.bn_eval == BatchNormEvaluation::average) {
    const auto last_up = messages.begin() + (round.dense ? 1 : 2);
    messages.insert(last_up, {Direction::up, Kind::buffers});
  }

  std::vector<comm::LedgerRow> rows;
  for (const auto& [direction, kind] : messages) {
    const comm::FieldBits bits = message(kind, round.dense);
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

void Audit::check(const Round& round, std::span<const comm::LedgerRow> rows) const {
  std::size_t next = 0;
  for (std::uint32_t n = 0; n < settings_.workers; ++n) {
    for (const comm::LedgerRow& want : expected(round, n)) {
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
