// The audit: every row of a ledger against the law of eqs 13-15, as integers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/ledger.hpp"
#include "sim/law/law.hpp"
#include "sim/law/round_sizes.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// What the equations say that each worker's ledger holds, round by round.
class Audit {
 public:
  /// `buffers` is the number of batch-norm running statistics.
  Audit(const LawConstants& law, const Settings& settings, std::uint64_t d, std::uint64_t buffers);

  /// The rows of one worker in `round`, in the ledger's order; t = 0 is what precedes the first
  /// round. There are none where nothing is sent. `sizes` are what the run has decided.
  [[nodiscard]] std::vector<comm::LedgerRow> expected(const Round& round, std::uint32_t worker,
                                                      const RoundSizes& sizes = {}) const;

  /// Holds the rows of a whole round, as Ledger::close_round orders them, against the law. Throws
  /// CheckFailed naming round, worker, direction, kind and field of the first difference, or a size
  /// that no run of these settings has.
  void check(const Round& round, std::span<const comm::LedgerRow> rows,
             const RoundSizes& sizes = {}) const;

  /// The same of sums over the workers, in order of (direction, kind, field), as rows of worker 0.
  /// Exact but for the padding of lists in a code whose length depends on the set: of these only
  /// the sum is known, so that their padding is held to fill whole bytes, and to be less than a
  /// byte a list.
  void check_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                  const RoundSizes& sizes = {}) const;

  /// The sizes that such sums tell of; `changes` of the workers, in any order, they do not.
  [[nodiscard]] RoundSizes sizes_in_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                                         std::vector<std::uint32_t> changes) const;

  /// The sizes that a ledger's rows of `round` tell of: what the values of worker 0's aggregate and
  /// the positions of each worker's add list leave no choice about; and what a code whose length
  /// depends on the set came to, which nothing but the run can show. check() holds every row
  /// against them.
  [[nodiscard]] RoundSizes sizes_in(const Round& round,
                                    std::span<const comm::LedgerRow> rows) const;

 private:
  [[nodiscard]] RoundShape shape_of(const Round& round) const;
  [[nodiscard]] comm::FieldBits message(const MessageShape& shape, const Round& round,
                                        std::uint32_t worker, const RoundSizes& sizes) const;
  [[nodiscard]] comm::Bits positions(const MessageShape& shape, const Round& round,
                                     std::uint32_t worker, const RoundSizes& sizes) const;
  /// What was decoded of a code whose length depends on it.
  [[nodiscard]] static comm::Bits coded(const MessageShape& shape, const Round& round,
                                        std::uint32_t worker, const RoundSizes& sizes);
  /// The law of k positions; none where it depends on which they are.
  [[nodiscard]] std::optional<comm::Bits> position_law_of(const MessageShape& shape,
                                                          std::uint64_t k) const;
  /// Of all workers together.
  [[nodiscard]] comm::FieldBits message_sum(const MessageShape& shape, const Round& round,
                                            const RoundSizes& sizes,
                                            std::span<const comm::LedgerRow> sums) const;
  [[nodiscard]] bool depends_on_each_set(const MessageShape& shape) const;
  [[nodiscard]] std::uint32_t count_of(const MessageShape& shape, comm::Bits bits) const;
  void check_sizes(const Round& round, const RoundSizes& sizes) const;

  LawConstants law_;
  Settings settings_;
  Dimensions dimensions_;
};

}  // namespace mvsgd::sim
