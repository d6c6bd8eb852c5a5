// Every code of positions that a run can send, in one table.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// One of position_codecs(). Whether sets of equally many positions take equally many bits is what
/// its codecs say (is_data_dependent()).
struct PositionCodecKind {
  std::uint8_t id;        ///< of its codecs, and of the headers of what they code
  std::string_view name;  ///< as the setting position_codec spells it
  bool has_blocks;        ///< whether make() looks at `block`

  /// The codec of lists of about `count` of n positions, in blocks of `block` coordinates. Throws
  /// std::invalid_argument if n = 0, n >= 2^32, or it cannot have such blocks.
  std::unique_ptr<PositionCodec> (*make)(std::uint64_t n, std::uint64_t count, std::uint64_t block);

  /// The codec of parameter() = `parameter`; null if it has none. Throws std::invalid_argument if
  /// it cannot be for this n.
  std::unique_ptr<PositionCodec> (*read)(std::uint64_t n, std::uint32_t parameter);
};

/// All codes, the paper's first. RankCodec and DeltaCodec are not among them: each is made from a
/// list that both ends have.
[[nodiscard]] std::span<const PositionCodecKind> position_codecs();

/// The one of this name. Throws std::invalid_argument, with the names that there are, if there is
/// none.
[[nodiscard]] const PositionCodecKind& position_codec_named(std::string_view name);

/// The codec that a message's header names. Throws comm::DecodeError if there is none of this id,
/// or none for this d and parameter.
[[nodiscard]] std::unique_ptr<PositionCodec> make_position_codec(std::uint8_t id, std::uint64_t d,
                                                                 std::uint32_t parameter);

}  // namespace mvsgd::compress
