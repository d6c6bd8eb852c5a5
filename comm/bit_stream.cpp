#include "comm/bit_stream.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

namespace mvsgd::comm {
namespace {

constexpr unsigned kWordBits = 64;
constexpr std::size_t kWordBytes = 8;
constexpr unsigned kFloatBits = 32;

constexpr bool kHostIsLittleEndian = std::endian::native == std::endian::little;

// The `count` <= 8 bytes at `from` as an integer, the first one lowest.
std::uint64_t load_little_endian(const std::byte* from, std::size_t count) {
  std::uint64_t word = 0;
  if constexpr (kHostIsLittleEndian) {
    std::memcpy(&word, from, count);
  } else {
    for (std::size_t i = 0; i < count; ++i)
      word |= std::to_integer<std::uint64_t>(from[i]) << 8 * i;
  }
  return word;
}

std::array<std::byte, kWordBytes> little_endian(std::uint64_t word) {
  if constexpr (kHostIsLittleEndian) return std::bit_cast<std::array<std::byte, kWordBytes>>(word);
  std::array<std::byte, kWordBytes> bytes;
  for (std::size_t i = 0; i < kWordBytes; ++i) bytes[i] = static_cast<std::byte>(word >> 8 * i);
  return bytes;
}

void check_width(const char* who, unsigned width) {
  if (width > kWordBits) {
    throw std::invalid_argument(std::string(who) + ": width " + std::to_string(width) + " > 64");
  }
}

[[noreturn]] void throw_too_few(std::uint64_t wanted, std::uint64_t at, std::uint64_t size) {
  throw DecodeError("BitReader: " + std::to_string(wanted) + " bits wanted at bit " +
                    std::to_string(at) + " of " + std::to_string(size));
}

}  // namespace

void BitWriter::append_pending(std::size_t bytes) {
  const auto word = little_endian(pending_);
  bytes_.insert(bytes_.end(), word.data(), word.data() + bytes);
  pending_ = 0;
  pending_bits_ = 0;
}

void BitWriter::put(std::uint64_t value, unsigned width) {
  check_width("BitWriter::put", width);
  if (width < kWordBits && value >> width != 0) {
    throw std::invalid_argument("BitWriter::put: " + std::to_string(value) + " has more than " +
                                std::to_string(width) + " bits");
  }
  const unsigned used = pending_bits_;
  const std::uint64_t low = value << used;
  if (used + width < kWordBits) {
    pending_ |= low;
    pending_bits_ = used + width;
    return;
  }
  const auto word = little_endian(pending_ | low);
  bytes_.insert(bytes_.end(), word.begin(), word.end());
  pending_ = used == 0 ? 0 : value >> (kWordBits - used);
  pending_bits_ = used + width - kWordBits;
}

void BitWriter::put_floats(std::span<const float> values) {
  reserve(Bits(kFloatBits * std::uint64_t{values.size()}));
  if (kHostIsLittleEndian && pending_bits_ % 8 == 0) {
    append_pending(pending_bits_ / 8);
    const auto bytes = std::as_bytes(values);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  } else {
    for (const float value : values) put(std::bit_cast<std::uint32_t>(value), kFloatBits);
  }
}

void BitWriter::put_all(BitWriter other) {
  reserve(other.size());
  if (pending_bits_ % 8 == 0) {
    append_pending(pending_bits_ / 8);
    bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
    pending_ = other.pending_;
    pending_bits_ = other.pending_bits_;
    return;
  }
  const Bits size = other.size();
  const std::vector<std::byte> bytes = other.take();
  BitReader in(bytes, size);
  while (in.remaining() >= Bits(kWordBits)) put(in.get(kWordBits), kWordBits);
  const auto rest = static_cast<unsigned>(in.remaining().count());
  put(in.get(rest), rest);
}

void BitWriter::reserve(Bits more) {
  const std::size_t needed = (size() + more).bytes_ceil();
  // Capacity at least doubles, so that the total cost of many small reservations is linear.
  if (needed > bytes_.capacity()) bytes_.reserve(std::max(needed, 2 * bytes_.capacity()));
}

std::vector<std::byte> BitWriter::take() {
  append_pending(Bits(pending_bits_).bytes_ceil());
  return std::exchange(bytes_, {});
}

BitReader::BitReader(std::span<const std::byte> bytes, Bits size)
    : bytes_(bytes), size_(size.count()) {
  if (size > Bits::of_bytes(bytes.size())) {
    throw DecodeError("BitReader: " + std::to_string(size_) + " bits wanted of " +
                      std::to_string(bytes.size()) + " bytes");
  }
}

std::uint64_t BitReader::get(unsigned width) {
  check_width("BitReader::get", width);
  if (width > size_ - position_) throw_too_few(width, position_, size_);
  if (width == 0) return 0;
  const std::size_t first = position_ / 8;
  const auto skipped = static_cast<unsigned>(position_ % 8);
  const std::size_t loaded = std::min(kWordBytes, bytes_.size() - first);
  std::uint64_t value = load_little_endian(bytes_.data() + first, loaded) >> skipped;
  if (skipped + width > kWordBits) {
    value |= std::to_integer<std::uint64_t>(bytes_[first + kWordBytes]) << (kWordBits - skipped);
  }
  position_ += width;
  return value & (~std::uint64_t{0} >> (kWordBits - width));
}

std::uint64_t BitReader::peek_near_end() const {
  BitReader ahead = *this;
  return ahead.get(static_cast<unsigned>(std::min<std::uint64_t>(kWordBits, size_ - position_)));
}

void BitReader::refuse(std::uint64_t wanted) const { throw_too_few(wanted, position_, size_); }

void BitReader::get_floats(std::span<float> values) {
  if (values.size() > (size_ - position_) / kFloatBits) {
    throw_too_few(kFloatBits * std::uint64_t{values.size()}, position_, size_);
  }
  if (kHostIsLittleEndian && position_ % 8 == 0) {
    const auto bytes = bytes_.subspan(position_ / 8, values.size_bytes());
    std::copy(bytes.begin(), bytes.end(), std::as_writable_bytes(values).begin());
    position_ += 8 * std::uint64_t{bytes.size()};
  } else {
    for (float& value : values) {
      value = std::bit_cast<float>(static_cast<std::uint32_t>(get(kFloatBits)));
    }
  }
}

}  // namespace mvsgd::comm
