// The audit compares every row of a ledger with the law of eqs 13-15, and of what crosses between
// workers with that of the ring, as integers.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "comm/ledger.hpp"
#include "sim/law/law.hpp"
#include "sim/law/message_law.hpp"
#include "sim/law/round_sizes.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The rows that the equations predict for each worker's ledger, round by round.
class Audit {
 public:
  /// `buffers` is the number of batch-norm running statistics.
  /// With selection = layer `layers` are the model's tensors; else they may be a d.
  Audit(const LawConstants& law, const Settings& settings, const Layers& layers,
        std::uint64_t buffers);

  /// The rows of one worker in `round`, in the ledger's order; empty where nothing is sent. A
  /// worker that does not take part has rows of what it receives. t = 0 is what precedes the first
  /// round. `sizes` are the sizes that the run has decided.
  [[nodiscard]] std::vector<comm::LedgerRow> expected(const Round& round, std::uint32_t worker,
                                                      const RoundSizes& sizes = {}) const;

  /// Compares the rows of a whole round, in the order of Ledger::close_round, with the law. Throws
  /// CheckFailed naming round, worker, direction, kind and field of the first difference, or naming
  /// a size that no run of these settings has.
  void check(const Round& round, std::span<const comm::LedgerRow> rows,
             const RoundSizes& sizes = {}) const;

  /// The same for sums over the workers, as rows of worker 0 in order of (direction, kind, field).
  /// The check is exact but for the padding of lists in a code whose length depends on the set. Of
  /// their lengths only the sum is known: their padding must fill whole bytes and be less than a
  /// byte a list.
  void check_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                  const RoundSizes& sizes = {}) const;

  /// Compares sums over several rounds, with an entry for each worker or, with `ledger_rows =
  /// round`, with sums over the workers too, as rows of any round in any order. The check is exact
  /// but for lists and values whose length depends on them: these are taken as told, and their
  /// padding must fill whole bytes and be less than a byte a message. Throws as check() does.
  void check_totals(std::span<const Round> rounds,
                    const std::function<RoundSizes(const Round&)>& sizes,
                    std::span<const comm::LedgerRow> totals) const;

  /// The sizes that follow from such sums over the workers. The sums do not tell the workers'
  /// `changes`, which are therefore given, in any order.
  [[nodiscard]] RoundSizes sizes_in_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                                         std::vector<std::uint32_t> changes) const;

  /// The sizes that follow from a ledger's rows of `round`. The bits of worker 0's aggregate and of
  /// each worker's add list determine their counts. The bits of a code whose length depends on what
  /// it codes are taken as the run shows them; only their largest number follows from the settings.
  /// check() compares every row with these sizes.
  [[nodiscard]] RoundSizes sizes_in(const Round& round,
                                    std::span<const comm::LedgerRow> rows) const;

 private:
  /// expected(), given the round's shape and the workers that take part.
  [[nodiscard]] std::vector<comm::LedgerRow> expected(const Round& round, const RoundShape& shapes,
                                                      std::span<const std::uint32_t> taking,
                                                      std::uint32_t worker,
                                                      const RoundSizes& sizes) const;
  /// The message's bits, summed over the workers.
  [[nodiscard]] comm::FieldBits message_sum(const MessageShape& shape, const Round& round,
                                            const RoundSizes& sizes,
                                            std::span<const comm::LedgerRow> sums) const;

  MessageLaw law_;
};

}  // namespace mvsgd::sim
