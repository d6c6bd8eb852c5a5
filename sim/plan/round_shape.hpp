// The shape of a round: its messages, and what both ends know of each before it is sent. Workers,
// server and audit read the same shape. The law that prices it (sim/law) does not.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/message.hpp"
#include "sim/plan/layers.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// What is chosen in a layer by itself.
struct LayerDimensions {
  std::uint64_t d = 0;     ///< d_l
  std::uint64_t k = 0;     ///< K_l = ceil(phi d_l), or d_l if that is below `dense_below`
  std::uint64_t k_ad = 0;  ///< ceil(phi_ad d_l), at most K_l; 0 if K_l = d_l
};

/// The numbers that a message's length depends on.
struct Dimensions {
  std::uint64_t workers = 0;  ///< N
  std::uint64_t d = 0;
  std::uint64_t k = 0;        ///< K = ceil(phi d); with selection = layer the sum of K_l
  std::uint64_t k_ad = 0;     ///< K_ad = ceil(phi_ad d), at most K; or the sum over the layers
  std::uint64_t buffers = 0;  ///< batch-norm statistics of a worker
  std::vector<LayerDimensions> layers{};  ///< with selection = layer; else empty
};
/// `layers` is a d where no layer is chosen by itself.
[[nodiscard]] Dimensions dimensions(const Settings& settings, const Layers& layers,
                                    std::uint64_t buffers);

/// Who decides how many positions or values a message has.
enum class CountedBy : std::uint8_t {
  settings,  ///< the settings alone: least = most
  supports,  ///< the union of the workers' supports: one number a round
  worker,    ///< each worker, one number for both its add and its drop list
  place,     ///< the worker's place in the ring: of `most` values it has all but one block
};

/// What both ends already have when a list of positions is sent.
enum class Given : std::uint8_t {
  nothing,
  last_mask,     ///< the list is the difference from the last mask
  last_vote,     ///< the list has ranks within the sender's last vote
  all_but_vote,  ///< the list has ranks outside the sender's last vote
  changed_vote,  ///< the list is the change of the sender's last vote
};

/// The part of a list of positions that is in a layer.
struct ListPart {
  std::uint64_t size = 0;      ///< d_l
  std::uint64_t universe = 0;  ///< as MessageShape::universe; 0: nothing is sent of this layer
  /// Positions of the part: exactly if the settings count the list, else at most. If nothing is
  /// sent, all coordinates of the layer, or none.
  std::uint64_t most = 0;
};

/// One message between the server and each worker; across, what each worker sends of a kind.
struct MessageShape {
  comm::Direction way{};
  comm::Kind kind{};
  std::uint64_t least = 0;  ///< positions, or values if it has no positions
  std::uint64_t most = 0;
  CountedBy counted_by = CountedBy::settings;
  double share = 1;  ///< share of the d coordinates in the settings: the phi of eqs 13 and 14

  // For lists of positions only:
  std::uint64_t universe = 0;  ///< positions are below it: d, or K or d - K for ranks; 0: none
  Given given = Given::nothing;
  std::vector<ListPart> parts{};  ///< with selection = layer: the list's, in order

  // For values only:
  std::uint64_t value_bits = 32;  ///< q; 32: float32
  bool by_entropy = false;        ///< whether their codes are coded by their entropy

  std::uint64_t block = 0;  ///< B of positions; of signs how many share a scale, 0: all

  bool is_for_absent = false;  ///< down, to those alone that do not take part
};

/// In the ledger's order: by direction, then by kind.
using RoundShape = std::vector<MessageShape>;

/// The messages of any round; t = 0 is what precedes the first. Empty if nothing is ever sent.
/// Where the workers sum, the values of a scheme's update and aggregate go around a ring instead,
/// and the aggregate to those that are absent.
[[nodiscard]] RoundShape round_shape(const Settings& settings, const Dimensions& dimensions,
                                     const Round& round);

// The messages of which the schemes' rounds consist.

/// A list of exactly K positions up, with B = block_size or round(1 / phi). It is the change of the
/// last vote if the settings say so and there is one.
[[nodiscard]] MessageShape vote_shape(const Settings& settings, const Dimensions& dimensions,
                                      const Round& round);
/// K values up, quantised if the settings say so.
[[nodiscard]] MessageShape update_shape(const Settings& settings, const Dimensions& dimensions);
/// A list of exactly K positions down. It is the difference from the last mask if the settings say
/// so and there is one.
[[nodiscard]] MessageShape mask_shape(const Settings& settings, const Dimensions& dimensions,
                                      const Round& round);
/// K values down, quantised if the settings say so.
[[nodiscard]] MessageShape aggregate_shape(const Settings& settings, const Dimensions& dimensions);

}  // namespace mvsgd::sim
