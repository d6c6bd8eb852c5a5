#include "sim/account.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kFloatBits = 32;

std::size_t index(comm::Direction direction) { return static_cast<std::size_t>(direction); }

std::optional<double> rate(std::uint64_t dense_bits, comm::Bits bits) {
  if (dense_bits == 0 || bits == comm::Bits(0)) return std::nullopt;
  return comm::ratio(comm::Bits(dense_bits), bits);
}

/// What the paper counts: it knows no header, padding or level mean.
comm::Bits positions_and_values(const comm::FieldBits& bits) {
  return bits[comm::Field::positions] + bits[comm::Field::values];
}

}  // namespace

Account::Account(std::uint64_t d, std::uint32_t workers) : d_(d), workers_(workers) {}

void Account::add(const Round& round, std::span<const comm::LedgerRow> rows) {
  if (round.t > 0) {
    (round.dense ? dense_rounds_ : sparse_rounds_) += 1;
    (round.dense ? dense_steps_ : sparse_steps_) += round.steps;
  }
  if (!round.dense && round.t > 0) sparse_round_ = {};
  for (const comm::LedgerRow& row : rows) {
    const std::size_t way = index(row.id.direction);
    all_[way][row.field] += row.bits;
    if (round.dense || round.t == 0) continue;
    sparse_[way][row.field] += row.bits;
    if (row.id.worker == 0) sparse_round_[way][row.field] += row.bits;
  }
}

Rates Account::rates() const {
  const std::uint64_t step = kFloatBits * d_ * workers_;
  const comm::Bits up = positions_and_values(sparse_[index(comm::Direction::up)]);
  const comm::Bits down = positions_and_values(sparse_[index(comm::Direction::down)]);
  const std::uint64_t steps = sparse_steps_ + dense_steps_;
  return {.uplink = rate(step * sparse_steps_, up),
          .both_ways = rate(2 * step * sparse_steps_, up + down),
          .run_uplink = rate(step * steps, total(comm::Direction::up)),
          .run_both_ways =
              rate(2 * step * steps, total(comm::Direction::up) + total(comm::Direction::down))};
}

comm::Bits Account::total(comm::Direction direction) const {
  return all_[index(direction)].total();
}

const comm::FieldBits& Account::sparse_round(comm::Direction direction) const {
  return sparse_round_[index(direction)];
}

}  // namespace mvsgd::sim
