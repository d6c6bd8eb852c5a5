// The messages of a round as their senders write and their receivers read them: one pair of
// functions a payload, so that both ends are one page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "comm/transport.hpp"
#include "compress/positions/position_codec.hpp"
#include "compress/values/quantizer.hpp"
#include "sim/plan/round_shape.hpp"

namespace mvsgd::sim {

/// The codec of a list of positions, given what both ends have already: for a drop the worker's
/// last vote, for a vote too, for a mask the last mask; both are empty in the first sparse round.
using CodecGiven = std::function<std::shared_ptr<const compress::PositionCodec>(
    std::span<const compress::Index> previous)>;

/// What both ends know of a run before its first message.
struct Protocol {
  /// One kind of position list.
  struct Positions {
    CodecGiven codec;
    std::uint32_t least = 0;  ///< how many positions it may have
    std::uint32_t most = 0;
    std::uint32_t universe = 0;  ///< d, or K where positions are ranks in a vote
  };

  std::uint32_t workers = 0;
  std::uint32_t d = 0;
  std::uint32_t k = 0;                    ///< K = ceil(phi d)
  std::uint32_t k_ad = 0;                 ///< K_ad = ceil(phi_ad d), and never more than K
  std::map<comm::Kind, Positions> lists;  ///< those of the scheme's sparse rounds
  std::shared_ptr<const compress::Quantizer> quantizer;  ///< of updates; none: float32
  bool values_by_entropy = false;  ///< the codes of updates are coded by their entropy

  /// Throws std::invalid_argument if the scheme has no such list.
  [[nodiscard]] const Positions& positions(comm::Kind kind) const;
};

/// Throws UsageError if the settings cannot be a run of d parameters.
[[nodiscard]] Protocol make_protocol(const Settings& settings, std::uint64_t d);

/// Which message of which round.
struct Envelope {
  comm::Kind kind{};
  std::uint32_t round = 0;
};

/// A set of positions (vote, add, drop, mask). `previous` is what CodecGiven takes.
[[nodiscard]] comm::Message encode_positions(const Protocol& protocol, std::uint32_t sender,
                                             Envelope envelope,
                                             std::span<const compress::Index> positions,
                                             std::span<const compress::Index> previous = {});

/// Receives a set of as many positions as its kind may have. Throws comm::DecodeError naming the
/// sender otherwise.
[[nodiscard]] std::vector<compress::Index> receive_positions(
    const Protocol& protocol, comm::Transport& transport, std::uint32_t from, Envelope envelope,
    std::span<const compress::Index> previous = {});

/// float32 values under the field that their kind says.
[[nodiscard]] comm::Message encode_values(const Protocol& protocol, std::uint32_t sender,
                                          Envelope envelope, std::span<const float> values);

/// Receives exactly values.size() values. Throws comm::DecodeError naming the sender otherwise.
void receive_values(const Protocol& protocol, comm::Transport& transport, std::uint32_t from,
                    Envelope envelope, std::span<float> values);

/// Receives exactly `count` values. They take no memory before the message is there.
[[nodiscard]] std::vector<float> receive_values(const Protocol& protocol,
                                                comm::Transport& transport, std::uint32_t from,
                                                Envelope envelope, std::size_t count);

/// Which values of an update are at coordinates that its sender votes for, a 1 for each that is:
/// the members of `at` that are in `vote` too, both increasing. Empty where the run's code of
/// values does not look at it, or there is no vote.
[[nodiscard]] std::vector<std::uint8_t> own_marks(const Protocol& protocol,
                                                  std::span<const compress::Index> at,
                                                  std::span<const compress::Index> vote);

/// A worker's sparse values, quantised by protocol.quantizer. A run without a quantiser sends them
/// by encode_values().
[[nodiscard]] comm::Message encode_update(const Protocol& protocol, std::uint32_t sender,
                                          std::uint32_t round, const compress::Quantized& quantized,
                                          std::span<const std::uint8_t> own = {});

/// Receives exactly values.size() values of an update, quantised where the run quantises. Throws
/// comm::DecodeError naming the sender otherwise. Returns what encode_update() would write of these
/// values, counted again, where that depends on them.
std::optional<comm::Bits> receive_update(const Protocol& protocol, comm::Transport& transport,
                                         std::uint32_t from, std::uint32_t round,
                                         std::span<float> values,
                                         std::span<const std::uint8_t> own = {});

}  // namespace mvsgd::sim
