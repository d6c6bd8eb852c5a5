#include "sim/law/account.hpp"

#include <algorithm>

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kFloatBits = 32;

std::optional<double> rate(std::uint64_t dense_bits, comm::Bits bits) {
  if (dense_bits == 0 || bits == comm::Bits(0)) return std::nullopt;
  return comm::ratio(comm::Bits(dense_bits), bits);
}

/// The bits that the paper counts, which are without header, padding and level means.
comm::Bits positions_and_values(const comm::FieldBits& bits) {
  return bits[comm::Field::positions] + bits[comm::Field::values];
}

/// What crosses the workers' borders one way. Bits across do so both ways.
comm::FieldBits at_borders(const Account::ByDirection& bits, comm::Direction way) {
  comm::FieldBits sum = bits[way];
  return sum += bits[comm::Direction::across];
}

}  // namespace

Account::Account(std::uint64_t d, std::uint32_t workers) : Account(d, workers, Sums()) {}

Account::Account(std::uint64_t d, std::uint32_t workers, const Sums& sums)
    : d_(d), workers_(workers), sums_(sums) {}

void Account::add(const Round& round, std::span<const comm::LedgerRow> rows) {
  if (round.t > 0) {
    (round.dense ? sums_.dense_rounds : sums_.sparse_rounds) += 1;
    (round.dense ? sums_.dense_steps : sums_.sparse_steps) += round.steps;
    (round.dense ? sums_.dense_absent : sums_.sparse_absent) +=
        std::uint64_t{round.steps} * round.absent;
  }
  if (!round.dense && round.t > 0) sums_.sparse_round = {};
  const auto sent = std::ranges::find_if(
      rows, [](const comm::LedgerRow& row) { return row.id.direction != comm::Direction::down; });
  const std::uint32_t shown = sent == rows.end() ? 0 : sent->id.worker;
  for (const comm::LedgerRow& row : rows) {
    const comm::Direction way = row.id.direction;
    sums_.all[way][row.field] += row.bits;
    if (round.dense || round.t == 0) continue;
    sums_.sparse[way][row.field] += row.bits;
    if (row.id.worker == shown) sums_.sparse_round[way][row.field] += row.bits;
  }
}

Rates Account::rates() const {
  const std::uint64_t one = kFloatBits * d_;
  const std::uint64_t sparse = sums_.sparse_steps * workers_ - sums_.sparse_absent;
  const std::uint64_t all = sparse + sums_.dense_steps * workers_ - sums_.dense_absent;
  const comm::Bits up = positions_and_values(at_borders(sums_.sparse, comm::Direction::up));
  const comm::Bits down = positions_and_values(at_borders(sums_.sparse, comm::Direction::down));
  const comm::Bits all_up = at_borders(sums_.all, comm::Direction::up).total();
  const comm::Bits all_down = at_borders(sums_.all, comm::Direction::down).total();
  return {.uplink = rate(one * sparse, up),
          .both_ways = rate(2 * one * sparse, up + down),
          .run_uplink = rate(one * all, all_up),
          .run_both_ways = rate(2 * one * all, all_up + all_down)};
}

comm::Bits Account::total(comm::Direction direction) const { return sums_.all[direction].total(); }

const comm::FieldBits& Account::sparse_round(comm::Direction direction) const {
  return sums_.sparse_round[direction];
}

}  // namespace mvsgd::sim
