// The shape of a round: its messages, and what both ends know of each before it is sent. Workers,
// server and audit all read it; the law that prices it (sim/law) does not.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/message.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The numbers that a message's length depends on.
struct Dimensions {
  std::uint64_t workers = 0;  ///< N
  std::uint64_t d = 0;
  std::uint64_t k = 0;        ///< K = ceil(phi d)
  std::uint64_t k_ad = 0;     ///< K_ad = ceil(phi_ad d), and never more than K
  std::uint64_t buffers = 0;  ///< batch-norm statistics of a worker
};
[[nodiscard]] Dimensions dimensions(const Settings& settings, std::uint64_t d,
                                    std::uint64_t buffers);

/// Who decides how many positions or values a message has.
enum class CountedBy : std::uint8_t {
  settings,  ///< nobody: least = most
  supports,  ///< the workers' supports together: one number a round
  worker,    ///< each worker, for its add and its drop list alike
};

/// What both ends have already when a list of positions is sent.
enum class Given : std::uint8_t {
  nothing,
  last_mask,     ///< the list is the difference from it
  last_vote,     ///< the list has ranks within the sender's own
  all_but_vote,  ///< the list has ranks outside the sender's own
  changed_vote,  ///< the list is the change of the sender's own
};

/// One message between the server and each worker.
struct MessageShape {
  comm::Direction way{};
  comm::Kind kind{};
  std::uint64_t least = 0;  ///< positions, or values where it has none
  std::uint64_t most = 0;
  CountedBy counted_by = CountedBy::settings;
  double share = 1;  ///< of the d coordinates, as the settings give it: the phi of eqs 13 and 14

  // Of a list of positions alone:
  std::uint64_t universe = 0;  ///< each is less: d, or K or d - K where they are ranks; 0: none
  std::uint64_t block = 0;     ///< B
  Given given = Given::nothing;
};

/// In the order of a ledger: by direction, then by kind.
using RoundShape = std::vector<MessageShape>;

/// The messages of any round; t = 0 is what precedes the first. Empty where nothing is ever sent.
[[nodiscard]] RoundShape round_shape(const Settings& settings, const Dimensions& dimensions,
                                     const Round& round);

// What the schemes' rounds are made of.

/// A list of exactly K positions up: B = block_size, or round(1 / phi); as the change of the last
/// vote where the settings say so and there is one.
[[nodiscard]] MessageShape vote_shape(const Settings& settings, const Dimensions& dimensions,
                                      const Round& round);
/// K values up, quantised where the settings say so.
[[nodiscard]] MessageShape update_shape(const Settings& settings, const Dimensions& dimensions);
/// A list of exactly K positions down, against the last mask where the settings say so and there is
/// one.
[[nodiscard]] MessageShape mask_shape(const Settings& settings, const Dimensions& dimensions,
                                      const Round& round);
/// K values down.
[[nodiscard]] MessageShape aggregate_shape(const Settings& settings, const Dimensions& dimensions);

}  // namespace mvsgd::sim
