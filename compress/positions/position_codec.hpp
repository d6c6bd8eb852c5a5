// The contract of every code of a set of positions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "comm/bits.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::compress {

/// A lossless code of sets of positions in [0, d). The bits are a function of the set alone.
///
/// Decoders are total: any bits give a set or a comm::DecodeError. If they give a set, its encoding
/// has exactly the bits that were read.
class PositionCodec {
 public:
  virtual ~PositionCodec() = default;
  PositionCodec& operator=(const PositionCodec&) = delete;

  /// The value of the header's position_codec. Ids are never reused.
  [[nodiscard]] virtual std::uint8_t id() const = 0;

  /// The value of the header's block_size. With d, it is all that a decoder needs to know. 0 if the
  /// code has no parameter.
  [[nodiscard]] virtual std::uint32_t parameter() const = 0;

  /// Whether sets of equally many positions may take different numbers of bits.
  [[nodiscard]] virtual bool is_data_dependent() const { return false; }

  /// The size that encode() will write. Throws as encode() does.
  [[nodiscard]] virtual comm::Bits size(std::span<const Index> positions) const = 0;

  /// Appends `positions`, which must be strictly increasing and less than d. Throws
  /// std::invalid_argument if they are not; `out` is then unchanged.
  virtual void encode(std::span<const Index> positions, comm::BitWriter& out) const = 0;

  /// Reads one set of exactly `count` positions, strictly increasing and less than d. Throws
  /// comm::DecodeError if the bits are not what encode() writes for such a set. It does so before
  /// it allocates more than a set of d coordinates, or a stream of the remaining bits, can hold.
  [[nodiscard]] virtual std::vector<Index> decode(comm::BitReader& in,
                                                  std::uint64_t count) const = 0;

 protected:
  PositionCodec() = default;
  PositionCodec(const PositionCodec&) = default;
};

}  // namespace mvsgd::compress
