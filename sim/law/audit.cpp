#include "sim/law/audit.hpp"

#include <optional>

#include "sim/law/row_check.hpp"

namespace mvsgd::sim {

using comm::Field;
using comm::Kind;

Audit::Audit(const LawConstants& law, const Settings& settings, const Layers& layers,
             std::uint64_t buffers)
    : law_(law, settings, layers, buffers) {}

std::vector<comm::LedgerRow> Audit::expected(const Round& round, std::uint32_t worker,
                                             const RoundSizes& sizes) const {
  return expected(round, law_.shape_of(round), law_.participants_of(round), worker, sizes);
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
                law_.message(shape, round, peer, sizes), rows);
  }
  return rows;
}

RoundSizes Audit::sizes_in(const Round& round, std::span<const comm::LedgerRow> rows) const {
  RoundSizes sizes;
  const std::vector<std::uint32_t> taking = law_.participants_of(round);
  for (const MessageShape& shape : law_.shape_of(round)) {
    const bool adds = shape.counted_by == CountedBy::worker && shape.kind == Kind::add;
    const bool is_free = law_.depends_on_content(shape);
    if (adds) sizes.changes.resize(taking.size());
    for (const auto& [id, field, bits] : rows) {
      if (id.kind != shape.kind || id.direction != shape.way) continue;
      if (is_free && field == content_field(shape)) {
        sizes.coded_bits.emplace(known_under(id.kind, id.worker), bits);
      }
      if (field == Field::positions && adds) {
        if (const auto place = place_among(taking, id.worker)) {
          sizes.changes[*place] = law_.count_of(shape, bits);
        }
      }
      if (field == Field::values && shape.counted_by == CountedBy::supports && id.worker == 0) {
        sizes.union_size = static_cast<std::uint32_t>(bits.count() / law_.bits_of_value(shape));
      }
    }
    if (!is_free || shape.universe == 0) continue;
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
  law_.check_sizes(round, sizes);
  const RoundShape shapes = law_.shape_of(round);
  const std::vector<std::uint32_t> taking = law_.participants_of(round);
  for (std::uint32_t n = 0; n < law_.settings().workers; ++n) {
    take(rows, expected(round, shapes, taking, n, sizes), Of::worker);
  }
  check_nothing_is_left(rows, Of::worker);
}

}  // namespace mvsgd::sim
