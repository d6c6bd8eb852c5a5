// The account of a run's bits: sums of the ledger, and the four compression rates made of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "comm/ledger.hpp"
#include "sim/schedule.hpp"

namespace mvsgd::sim {

/// How many times fewer bits than sending d floats in every local step. None where nothing was
/// sent.
struct Rates {
  std::optional<double> uplink;      ///< sparse rounds, positions and values: as the paper counts
  std::optional<double> both_ways;   ///< the same with the downlink
  std::optional<double> run_uplink;  ///< every bit up: warm-up, headers, padding, buffers
  std::optional<double> run_both_ways;  ///< every bit, the initial model too
};

/// Sums closed rounds of all workers.
class Account {
 public:
  Account(std::uint64_t d, std::uint32_t workers);

  void add(const Round& round, std::span<const comm::LedgerRow> rows);

  [[nodiscard]] std::uint64_t dimension() const { return d_; }
  [[nodiscard]] Rates rates() const;
  [[nodiscard]] comm::Bits total(comm::Direction direction) const;

  /// One sparse round, worker 0's share: field by field what Table 1 is about. Zero before any.
  [[nodiscard]] const comm::FieldBits& sparse_round(comm::Direction direction) const;

  [[nodiscard]] std::uint32_t sparse_rounds() const { return sparse_rounds_; }
  [[nodiscard]] std::uint32_t dense_rounds() const { return dense_rounds_; }

 private:
  using ByDirection = std::array<comm::FieldBits, 2>;

  std::uint64_t d_;
  std::uint32_t workers_;
  std::uint64_t sparse_steps_ = 0;  ///< local steps of one worker
  std::uint64_t dense_steps_ = 0;
  std::uint32_t sparse_rounds_ = 0;
  std::uint32_t dense_rounds_ = 0;
  ByDirection sparse_;  ///< sparse rounds alone
  ByDirection all_;
  ByDirection sparse_round_;
};

}  // namespace mvsgd::sim
