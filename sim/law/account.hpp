// The account of a run's bits: sums of the ledger, and the four compression rates that follow.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "comm/ledger.hpp"
#include "sim/plan/schedule.hpp"

namespace mvsgd::sim {

/// How many times fewer bits a run sends than if it sent d floats in every local step that a worker
/// takes. None where nothing was sent. What a worker sends to another is the one's uplink and the
/// other's downlink.
struct Rates {
  std::optional<double> uplink;      ///< sparse rounds, positions and values, as the paper counts
  std::optional<double> both_ways;   ///< the same with the downlink
  std::optional<double> run_uplink;  ///< every bit up: warm-up, headers, padding, buffers
  std::optional<double> run_both_ways;  ///< every bit, with the initial model
};

/// Sums closed rounds of all workers.
class Account {
 public:
  using ByDirection = comm::ByDirection<comm::FieldBits>;

  struct Sums {
    std::uint64_t sparse_steps = 0;  ///< local steps of one worker
    std::uint64_t dense_steps = 0;
    std::uint64_t sparse_absent = 0;  ///< of sparse_steps, those that absent workers did not take
    std::uint64_t dense_absent = 0;   ///< each summed over the workers
    std::uint32_t sparse_rounds = 0;
    std::uint32_t dense_rounds = 0;
    ByDirection sparse;  ///< sparse rounds alone
    ByDirection all;
    ByDirection sparse_round;  ///< the share that the first worker to send has of the last one
  };

  Account(std::uint64_t d, std::uint32_t workers);
  /// Goes on from the sums of another account of the same d and N.
  Account(std::uint64_t d, std::uint32_t workers, const Sums& sums);

  void add(const Round& round, std::span<const comm::LedgerRow> rows);

  [[nodiscard]] std::uint64_t dimension() const { return d_; }
  [[nodiscard]] Rates rates() const;
  [[nodiscard]] comm::Bits total(comm::Direction direction) const;

  /// One worker's share of the last sparse round, field by field as in Table 1: worker 0's, or of
  /// those that took part the lowest's. Zero before the first.
  [[nodiscard]] const comm::FieldBits& sparse_round(comm::Direction direction) const;

  [[nodiscard]] std::uint32_t sparse_rounds() const { return sums_.sparse_rounds; }
  [[nodiscard]] std::uint32_t dense_rounds() const { return sums_.dense_rounds; }

  [[nodiscard]] const Sums& sums() const { return sums_; }

 private:
  std::uint64_t d_;
  std::uint32_t workers_;
  Sums sums_;
};

}  // namespace mvsgd::sim
