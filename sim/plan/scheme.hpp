// What a scheme is before a run begins. The schemes themselves are in round/schemes, one file each.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/plan/round_shape.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

class SparseRounds;

/// How workers and a server agree on a model update. schemes() lists them.
class Scheme {
 public:
  /// `name` is "mv-ad" in settings, presets and files. `summary` explains the scheme in a line of
  /// --help.
  Scheme(std::string_view name, std::string_view summary) : name_(name), summary_(summary) {}
  virtual ~Scheme() = default;
  Scheme(const Scheme&) = delete;
  Scheme& operator=(const Scheme&) = delete;

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::string_view summary() const { return summary_; }

  /// Whether workers and server exchange messages; if not, one worker trains alone.
  [[nodiscard]] virtual bool sends() const { return true; }

  /// What the scheme does in the rounds after the warm-up. Null if they are dense, too.
  [[nodiscard]] virtual const SparseRounds* sparse() const { return nullptr; }

  /// The messages of a sparse round except the buffers of an evaluation, in any order.
  [[nodiscard]] virtual RoundShape shape(const Settings& /*settings*/,
                                         const Dimensions& /*dimensions*/,
                                         const Round& /*round*/) const {
    return {};
  }

  /// The value of `error_rescale_on_decay` if nobody sets it.
  [[nodiscard]] virtual bool rescales_error(const Settings& /*settings*/) const { return false; }

  /// Whether the scheme chooses among equally voted coordinates, as `tie_break` says.
  [[nodiscard]] virtual bool breaks_ties() const { return false; }

  /// Checks the scheme's own rules. Throws UsageError if the settings break one.
  virtual void check(const Settings& /*settings*/) const {}

 private:
  std::string_view name_;
  std::string_view summary_;
};

/// Every scheme, in the order of --help.
[[nodiscard]] std::span<const Scheme* const> schemes();

/// Throws UsageError with the known names if no scheme has this name.
[[nodiscard]] const Scheme& scheme_named(std::string_view name);

/// Whether its workers send whole votes in every sparse round.
[[nodiscard]] bool votes_whole(const Scheme& scheme);
/// Whether its workers send lists of what they drop from their last vote.
[[nodiscard]] bool drops(const Scheme& scheme);
/// Whether its masks have exactly K coordinates.
[[nodiscard]] bool has_masks_of_k(const Scheme& scheme);
/// Whether all that its workers' values are summed at is the same for each of them.
[[nodiscard]] bool sums_at_one_mask(const Scheme& scheme);
/// The names of the schemes for which `such` is true, as "mv, mv-rs".
[[nodiscard]] std::string names_of_schemes(bool (*such)(const Scheme&));

}  // namespace mvsgd::sim
