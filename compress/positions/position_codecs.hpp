// The table of every code of positions that a run can send.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// A row of position_codecs(). Its codecs say whether sets of equally many positions take equally
/// many bits (is_data_dependent()).
struct PositionCodecKind {
  std::uint8_t id;        ///< id of its codecs, and in the headers of their messages
  std::string_view name;  ///< as in the setting position_codec
  bool has_blocks;        ///< whether make() looks at `block`

  /// Makes the codec of lists of about `count` of n positions, in blocks of `block` coordinates.
  /// Throws std::invalid_argument if n = 0, n >= 2^32, or the code cannot have such blocks.
  std::unique_ptr<PositionCodec> (*make)(std::uint64_t n, std::uint64_t count, std::uint64_t block);

  /// Makes the codec with parameter() = `parameter`; null if the code has no codec with it. Throws
  /// std::invalid_argument if this n cannot have it.
  std::unique_ptr<PositionCodec> (*read)(std::uint64_t n, std::uint32_t parameter);
};

/// All codes, the paper's first. RankCodec and DeltaCodec are not among them, since each is made
/// from a list that both ends have.
[[nodiscard]] std::span<const PositionCodecKind> position_codecs();

/// The row with this name. Throws std::invalid_argument, listing the names, if there is none.
[[nodiscard]] const PositionCodecKind& position_codec_named(std::string_view name);

/// The codec that a message's header names. Throws comm::DecodeError if none has this id, or none
/// has this d and parameter.
[[nodiscard]] std::unique_ptr<PositionCodec> make_position_codec(std::uint8_t id, std::uint64_t d,
                                                                 std::uint32_t parameter);

}  // namespace mvsgd::compress
