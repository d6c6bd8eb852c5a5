// The audit: every row of a ledger against the law of eqs 13-15, as integers.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "comm/ledger.hpp"
#include "sim/law.hpp"
#include "sim/protocol.hpp"
#include "sim/schedule.hpp"

namespace mvsgd::sim {

/// Measured and expected differ. what() names what, and both numbers. Exit code 1.
class CheckFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the equations say that each worker's ledger holds, round by round.
class Audit {
 public:
  /// `buffers` is the number of batch-norm running statistics.
  Audit(const LawConstants& law, const Settings& settings, std::uint64_t d, std::uint64_t buffers);

  /// The rows of one worker in `round`, in the ledger's order; t = 0 is what precedes the first
  /// round. None for scheme sm.
  [[nodiscard]] std::vector<comm::LedgerRow> expected(const Round& round,
                                                      std::uint32_t worker) const;

  /// Holds the rows of a whole round, as Ledger::close_round orders them, against the law. Throws
  /// CheckFailed naming round, worker, direction, kind and field of the first difference.
  void check(const Round& round, std::span<const comm::LedgerRow> rows) const;

 private:
  [[nodiscard]] comm::FieldBits message(comm::Kind kind, bool dense) const;

  LawConstants law_;
  Settings settings_;
  std::uint64_t d_;
  std::uint64_t k_;
  std::uint64_t block_size_;
  std::uint64_t buffers_;
};

}  // namespace mvsgd::sim
