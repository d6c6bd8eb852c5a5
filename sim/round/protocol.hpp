// The messages of a round, as their senders write them and their receivers read them. Each payload
// has one pair of functions, so that both ends are on one page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comm/transport.hpp"
#include "compress/positions/position_codec.hpp"
#include "compress/select/layers.hpp"
#include "compress/values/quantizer.hpp"
#include "sim/plan/round_shape.hpp"

namespace mvsgd::sim {

/// The codec of a list of positions, given what both ends already have: for a vote or a drop the
/// worker's last vote, for a mask the last mask. `previous` is empty in the first sparse round.
using CodecGiven = std::function<std::shared_ptr<const compress::PositionCodec>(
    std::span<const compress::Index> previous)>;

/// The bits that the law gives a list under the same `previous`, where they depend on the list;
/// none where its count alone tells them. Counted by sim/law, and not by the codec.
using LawGiven = std::function<std::optional<comm::Bits>(
    std::span<const compress::Index> list, std::span<const compress::Index> previous)>;

/// What both ends know of a run before its first message.
struct Protocol {
  /// One kind of position list.
  struct Positions {
    CodecGiven codec;
    LawGiven law;
    std::uint32_t least = 0;  ///< how many positions the list may have
    std::uint32_t most = 0;
    std::uint32_t universe = 0;  ///< d, or K if positions are ranks in a vote
  };

  std::uint32_t workers = 0;
  std::uint32_t d = 0;
  std::uint32_t k = 0;     ///< K = ceil(phi d); with selection = layer the sum of K_l
  std::uint32_t k_ad = 0;  ///< K_ad = ceil(phi_ad d), at most K; or the sum over the layers
  std::vector<compress::Layer> layers{};  ///< with selection = layer: d_l and K_l; else empty
  std::vector<std::uint32_t> k_ads{};     ///< [layers]: K_ad of each
  std::map<comm::Kind, Positions> lists;  ///< the lists of the scheme's sparse rounds
  /// The code of a sparse round's values.
  struct Values {
    std::shared_ptr<const compress::Quantizer> quantizer{};  ///< none: float32
    bool by_entropy = false;  ///< their codes are coded by their entropy
  };
  Values update;     ///< each worker's
  Values aggregate;  ///< the server's

  /// The code of updates or of aggregates.
  [[nodiscard]] const Values& values(comm::Kind kind) const;

  /// Throws std::invalid_argument if the scheme has no such list.
  [[nodiscard]] const Positions& positions(comm::Kind kind) const;
};

/// The protocol of rounds from which `absent` workers are absent. `layers` is a d where no layer is
/// chosen by itself. Throws UsageError if no run with d parameters can have these settings.
[[nodiscard]] Protocol make_protocol(const Settings& settings, const Layers& layers,
                                     std::uint32_t absent = 0);

/// The protocol of each round of a run: rounds differ in K where the warm-up has stairs, and in the
/// workers that take part.
class Protocols {
 public:
  /// Throws UsageError if no run with d parameters can have these settings.
  Protocols(const Settings& settings, const Layers& layers, std::span<const Round> rounds);
  /// One for all rounds, none of which is on a stair.
  explicit Protocols(const Protocol& last) : by_stair_{{{0, 0}, last}} {}

  [[nodiscard]] const Protocol& of(const Round& round) const {
    return by_stair_.at({round.stair, round.absent});
  }
  /// That of the rounds after a warm-up in which all workers take part.
  [[nodiscard]] const Protocol& last() const { return by_stair_.at({0, 0}); }

 private:
  /// By Round::stair and Round::absent.
  std::map<std::pair<std::uint32_t, std::uint32_t>, Protocol> by_stair_;
};

/// Identifies a message: its kind, its round, and of those across its block.
struct Envelope {
  comm::Kind kind{};
  std::uint32_t round = 0;
  std::uint32_t block = 0;
};

/// Writes a set of positions (vote, add, drop, mask). `previous` is the argument of CodecGiven.
[[nodiscard]] comm::Message encode_positions(const Protocol& protocol, std::uint32_t sender,
                                             Envelope envelope,
                                             std::span<const compress::Index> positions,
                                             std::span<const compress::Index> previous = {});

/// Receives a set of positions. Throws comm::DecodeError naming the sender if the message is
/// malformed or has fewer or more positions than its kind allows.
[[nodiscard]] std::vector<compress::Index> receive_positions(
    const Protocol& protocol, comm::Transport& transport, std::uint32_t from, Envelope envelope,
    std::span<const compress::Index> previous = {});

/// Writes float32 values in the field of their kind.
[[nodiscard]] comm::Message encode_values(const Protocol& protocol, std::uint32_t sender,
                                          Envelope envelope, std::span<const float> values);

/// Receives exactly values.size() values. Throws comm::DecodeError naming the sender if it cannot.
void receive_values(const Protocol& protocol, comm::Transport& transport, std::uint32_t from,
                    Envelope envelope, std::span<float> values);

/// Receives exactly `count` values. Memory for them is allocated when the message has arrived.
[[nodiscard]] std::vector<float> receive_values(const Protocol& protocol,
                                                comm::Transport& transport, std::uint32_t from,
                                                Envelope envelope, std::size_t count);

/// Marks the values of an update that are at coordinates of the sender's own vote: 1 for each
/// member of `at` that is also in `vote`, else 0. Both are increasing. Empty if the code of values
/// does not use the marks, or if there is no vote.
[[nodiscard]] std::vector<std::uint8_t> own_marks(const Protocol& protocol,
                                                  std::span<const compress::Index> at,
                                                  std::span<const compress::Index> vote);

/// Writes an update's or a sparse round's aggregate's values, quantised by the quantiser of their
/// kind. Without one they are sent by encode_values().
[[nodiscard]] comm::Message encode_quantized(const Protocol& protocol, std::uint32_t sender,
                                             Envelope envelope,
                                             const compress::Quantized& quantized,
                                             std::span<const std::uint8_t> own = {});

/// Receives exactly values.size() values of an update or of a sparse round's aggregate, quantised
/// if their kind has a quantiser. Throws comm::DecodeError naming the sender if it cannot. If the
/// length of the code depends on the values, returns the bits that the law gives these values.
std::optional<comm::Bits> receive_sparse_values(const Protocol& protocol,
                                                comm::Transport& transport, std::uint32_t from,
                                                Envelope envelope, std::span<float> values,
                                                std::span<const std::uint8_t> own = {});

/// The bits that the law gives quantised values of this kind (sim/law/value_lengths.hpp); none if
/// their number alone tells them.
[[nodiscard]] std::optional<comm::Bits> law_of_quantized(const Protocol& protocol, comm::Kind kind,
                                                         const compress::Quantized& quantized,
                                                         std::span<const std::uint8_t> own = {});

}  // namespace mvsgd::sim
