// Bit streams: the one place in this repository where bits become bytes.
//
// Order. Bit 0 of a stream is the least significant bit of its byte 0, bit 8 that of byte 1. A
// value of width w takes w consecutive bits, its least significant first. After put(0b101, 3) and
// put(0x1f, 5) the stream is the byte 0xfd:
//
//      stream bit    7 6 5 4 3   2 1 0
//                    1 1 1 1 1   1 0 1
//                    '- 0x1f -'  'b101'
//
// A float32 is its 32 IEEE 754 bits, as an integer. The order is part of the wire format
// (comm/README.md) and is the same on every host.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include "comm/bits.hpp"

namespace mvsgd::comm {

/// Bytes from a peer or a file break the format. what() names the bit or byte offset.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Appends values to a growing stream of bits.
class BitWriter {
 public:
  /// Appends the low `width` bits of `value`. Throws std::invalid_argument if width > 64 or value
  /// has a higher bit set; the stream is then unchanged.
  void put(std::uint64_t value, unsigned width);

  /// Appends the 32 bits of each value. Cost: a memcpy if the stream ends at a byte boundary.
  void put_floats(std::span<const float> values);

  /// Appends all bits of `other`.
  void put_all(BitWriter other);

  /// Makes room for `more` bits beyond those written, so that appending them does not reallocate.
  void reserve(Bits more);

  [[nodiscard]] Bits size() const { return Bits::of_bytes(bytes_.size()) + Bits(pending_bits_); }

  /// The bytes, the last one padded with zero bits. The writer is empty afterwards.
  [[nodiscard]] std::vector<std::byte> take();

 private:
  void append_pending(std::size_t bytes);

  // The stream is bytes_, then the low pending_bits_ < 64 bits of pending_, whose others are zero.
  std::vector<std::byte> bytes_;
  std::uint64_t pending_ = 0;
  unsigned pending_bits_ = 0;
};

/// Reads values back in the order they were put. Does not own the bytes: they must outlive it.
///
/// Total: for any bytes whatsoever each call returns a value or throws DecodeError. It never reads
/// past `size` (tests/fuzz/bit_stream_fuzz.cpp).
class BitReader {
 public:
  /// Throws DecodeError if `bytes` holds fewer than `size` bits.
  BitReader(std::span<const std::byte> bytes, Bits size);

  /// The next `width` bits. Throws std::invalid_argument if width > 64, DecodeError if fewer than
  /// `width` bits remain; the position is then unchanged.
  [[nodiscard]] std::uint64_t get(unsigned width);

  /// The next 64 bits, without consuming them; bits past the end are 0. Cost: one load of 8 bytes
  /// and one of a byte, except near the end.
  [[nodiscard]] std::uint64_t peek() const;

  /// Skips `more` bits. Throws DecodeError if fewer remain; the position is then unchanged.
  void skip(Bits more);

  /// Fills `values` with the next 32 * values.size() bits. Throws DecodeError if fewer remain; the
  /// position and `values` are then unchanged.
  void get_floats(std::span<float> values);

  [[nodiscard]] Bits position() const { return Bits(position_); }
  [[nodiscard]] Bits remaining() const { return Bits(size_ - position_); }

 private:
  [[nodiscard]] std::uint64_t peek_near_end() const;
  [[noreturn]] void refuse(std::uint64_t wanted) const;

  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;  // <= size_
  std::uint64_t size_ = 0;      // <= 8 * bytes_.size()
};

inline std::uint64_t BitReader::peek() const {
  constexpr std::uint64_t kNineBytes = 72;
  if (std::endian::native != std::endian::little || size_ - position_ < kNineBytes) {
    return peek_near_end();
  }
  const std::byte* const from = bytes_.data() + position_ / 8;
  const auto skipped = static_cast<unsigned>(position_ % 8);
  std::uint64_t low = 0;
  std::memcpy(&low, from, sizeof low);
  return low >> skipped | std::to_integer<std::uint64_t>(from[sizeof low]) << 1 << (63 - skipped);
}

inline void BitReader::skip(Bits more) {
  if (more.count() > size_ - position_) refuse(more.count());
  position_ += more.count();
}

}  // namespace mvsgd::comm
