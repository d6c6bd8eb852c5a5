// What every code of a set of positions promises.
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
/// Decoders are total: any bits give a set or a comm::DecodeError, and every set that is read is
/// one whose encoding has the bits that were read.
class PositionCodec {
 public:
  virtual ~PositionCodec() = default;
  PositionCodec& operator=(const PositionCodec&) = delete;

  /// What the header's position_codec says; never reused.
  [[nodiscard]] virtual std::uint8_t id() const = 0;

  /// What the header's block_size says: with d, all that a decoder needs to know. 0 if the code has
  /// no parameter.
  [[nodiscard]] virtual std::uint32_t parameter() const = 0;

  /// Whether sets of equally many positions may take different numbers of bits.
  [[nodiscard]] virtual bool is_data_dependent() const { return false; }

  /// What encode() will write. Throws as it does.
  [[nodiscard]] virtual comm::Bits size(std::span<const Index> positions) const = 0;

  /// Appends `positions`, which must be strictly increasing and less than d.
  /// Throws std::invalid_argument if they are not, with `out` as it was.
  virtual void encode(std::span<const Index> positions, comm::BitWriter& out) const = 0;

  /// Reads one set of exactly `count` positions: strictly increasing, each less than d.
  /// Throws comm::DecodeError if the bits are not what encode() writes for such a set; before it
  /// allocates what no set of d coordinates, or no stream of the bits that remain, can hold.
  [[nodiscard]] virtual std::vector<Index> decode(comm::BitReader& in,
                                                  std::uint64_t count) const = 0;

 protected:
  PositionCodec() = default;
  PositionCodec(const PositionCodec&) = default;
};

}  // namespace mvsgd::compress
