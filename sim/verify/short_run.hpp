// Runs of a few rounds on drawn model differences, small enough for the definition in whole
// vectors. Private to verify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "comm/transport.hpp"
#include "sim/plan/layers.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"

namespace mvsgd::sim {

inline constexpr std::size_t kShortD = 20'011;          ///< a multiple of no preset's B
inline constexpr std::size_t kShortK = 601;             ///< ceil(0.03 d), by hand: 600.33
inline constexpr std::uint32_t kShortDense = 2;         ///< rounds
inline constexpr std::uint32_t kShortSparse = 10;       ///< rounds
inline constexpr std::uint32_t kShortWorkers = 10;      ///< N of every preset
inline constexpr std::uint32_t kShortParticipants = 3;  ///< m, where workers are sampled

/// A preset for kShortDense and kShortSparse rounds, at phi = 0.03 and phi_ad = 0.004.
[[nodiscard]] Settings short_settings(std::string_view preset);

/// Real workers and a real server, which exchange messages, and the definition of the same rounds.
class ShortRun {
 public:
  explicit ShortRun(const Settings& settings, Layers layers = Layers(kShortD));

  [[nodiscard]] const std::vector<Round>& rounds() const { return rounds_; }

  /// Runs all rounds. Threads of the workers call `on_message`, several at once.
  GroupState run(const comm::WireObserver& on_message,
                 const std::function<void(const RoundRecord&)>& on_closed,
                 const CountsObserver& on_counts = {});

  /// Runs the next round by definition.
  DefinedRound define(const Round& round) { return definition_.run(round, update_); }
  [[nodiscard]] const Definition& definition() const { return definition_; }

 private:
  Settings settings_;
  Layers layers_;
  std::vector<Round> rounds_;
  DrawnUpdate update_;
  Definition definition_;
};

}  // namespace mvsgd::sim
