// The messages of a round as their senders write and their receivers read them: one pair of
// functions a payload, so that both ends are one page.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/transport.hpp"
#include "compress/block_position_codec.hpp"

namespace mvsgd::sim {

/// What both ends know of a run before its first message.
struct Protocol {
  std::uint32_t workers = 0;
  std::uint32_t d = 0;
  std::uint32_t k = 0;
  compress::BlockPositionCodec positions{1, 1};
};

/// K = ceil(phi d), B = round(1 / phi).
[[nodiscard]] Protocol make_protocol(const struct Settings& settings, std::uint64_t d);

/// Which message of which round.
struct Envelope {
  comm::Kind kind{};
  std::uint32_t round = 0;
};

/// A set of positions (vote, mask).
[[nodiscard]] comm::Message encode_positions(const Protocol& protocol, std::uint32_t sender,
                                             Envelope envelope,
                                             std::span<const compress::Index> positions);

/// Receives a set of exactly K positions. Throws comm::DecodeError naming the sender otherwise.
[[nodiscard]] std::vector<compress::Index> receive_positions(const Protocol& protocol,
                                                             comm::Transport& transport,
                                                             std::uint32_t from, Envelope envelope);

/// float32 values under the field that their kind says.
[[nodiscard]] comm::Message encode_values(const Protocol& protocol, std::uint32_t sender,
                                          Envelope envelope, std::span<const float> values);

/// Receives exactly values.size() values. Throws comm::DecodeError naming the sender otherwise.
void receive_values(const Protocol& protocol, comm::Transport& transport, std::uint32_t from,
                    Envelope envelope, std::span<float> values);

}  // namespace mvsgd::sim
