// What the lines of whole and of condensed runs have in common, held against its sources. Private:
// other folders use verify.hpp.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/law/account.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/run/run_history.hpp"

namespace mvsgd::sim {

template <typename Value>
[[nodiscard]] std::string told_as(const Value& value) {
  return fmt::format("{}", value);
}
template <typename Value>
[[nodiscard]] std::string told_as(const std::optional<Value>& value) {
  return value ? fmt::format("{}", *value) : "none";
}

/// Throws CheckFailed unless both are the same. A number that is missing is none, and 0 is not.
/// `by` says what `want` is of: "the schedule has".
template <typename Value>
void hold(std::string_view where, std::string_view name, const Value& told, const Value& want,
          std::string_view by) {
  if (told == want) return;
  throw CheckFailed(
      fmt::format("{}: {} is {}, {} {}", where, name, told_as(told), by, told_as(want)));
}

/// What a line tells of something that it leaves out where there is none of it.
template <typename Count>
[[nodiscard]] std::optional<Count> unless_zero(Count count) {
  return count == 0 ? std::nullopt : std::optional(count);
}

/// Holds the line's numbers, and its means, against what a round can have: losses of 0 at least,
/// shares from 0 to 1, ages from 1 to the round itself. Means are of metrics that have one.
void hold_numbers(std::string_view where, const RoundHistory& line);

/// Holds `kept_by_layer` against the size of the line's mask, and `in_masks_by_layer` against
/// `kept_by_layer`: the masks so far have at least the coordinates of this one, layer by layer, and
/// no more than there are. A line may lack either.
void hold_layers(std::string_view where, const RoundHistory& line, std::uint64_t mask);

/// Holds the run's last line against its last evaluation and the rates that its ledger gives.
void hold_end(const RunHistory& run, const Rates& rates);

}  // namespace mvsgd::sim
