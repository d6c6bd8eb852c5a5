// Messages: a fixed header, then fields of bits, each counted under its name. comm/README.md draws
// the wire format, and is enough to decode a dump.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/bit_stream.hpp"
#include "comm/bits.hpp"

namespace mvsgd::comm {

/// What a message is. The values are on the wire; they are never reused.
enum class Kind : std::uint8_t {
  dense = 1,      ///< up: a worker's whole model difference (warm-up, eq 4)
  vote = 2,       ///< up: supp S_top(|D|, K), Algorithm 1 line 10; with add-drop the first one
  add = 3,        ///< up: coordinates added to the previous vote, Algorithm 2 line 12
  drop = 4,       ///< up: coordinates dropped from it, Algorithm 2 line 14
  mask = 5,       ///< down: supp M_t, Algorithm 1 line 16; with top-K the union of the votes
  update = 6,     ///< up: the values of M (x) D in increasing coordinate, Algorithm 1 line 21,
                  ///< as float32 or quantised (section 4.3.2); with top-K at the vote
  aggregate = 7,  ///< down: the mean of the updates, Algorithm 1 line 27
  model = 8,      ///< down: the initial parameters
  buffers = 9,    ///< up: batch-norm running statistics, for the server's evaluation
  reduce = 10,    ///< across: a block's sum over the workers in the ring up to its sender
  gather = 11,    ///< across: a block's sum over all of them
};

inline constexpr std::array kAllKinds = {Kind::dense,   Kind::vote,   Kind::add,       Kind::drop,
                                         Kind::mask,    Kind::update, Kind::aggregate, Kind::model,
                                         Kind::buffers, Kind::reduce, Kind::gather};

/// The meaning of a message's bit. Every bit of every message belongs to exactly one field.
enum class Field : std::uint8_t {
  positions,
  values,       ///< float32 values, or the codes of quantised ones
  level_means,  ///< the magnitudes to which the codes of quantised values refer, eqs 17 and 18
  header,
  padding,
  bn_buffers,
  initial_model,
};
inline constexpr std::array kAllFields = {Field::positions,    Field::values,  Field::level_means,
                                          Field::header,       Field::padding, Field::bn_buffers,
                                          Field::initial_model};
inline constexpr std::size_t kFields = kAllFields.size();

enum class Direction : std::uint8_t {
  up,      ///< worker to server
  down,    ///< server to worker
  across,  ///< worker to worker
};
inline constexpr std::array kAllDirections = {Direction::up, Direction::down, Direction::across};
/// Those between a worker and the server.
inline constexpr std::array kServerDirections = {Direction::up, Direction::down};

/// Whether a message of this kind goes from worker to worker. All others go to the server or come
/// from it.
[[nodiscard]] constexpr bool goes_across(Kind kind) {
  return kind == Kind::reduce || kind == Kind::gather;
}

/// A value for each direction.
template <typename Value>
class ByDirection {
 public:
  ByDirection() = default;
  ByDirection(Value up, Value down) : values_{std::move(up), std::move(down), Value()} {}

  [[nodiscard]] Value& operator[](Direction direction) {
    return values_[static_cast<std::size_t>(direction)];
  }
  [[nodiscard]] const Value& operator[](Direction direction) const {
    return values_[static_cast<std::size_t>(direction)];
  }
  friend bool operator==(const ByDirection&, const ByDirection&) = default;

 private:
  std::array<Value, kAllDirections.size()> values_{};
};

/// The names used in ledger.csv and in messages to people.
[[nodiscard]] std::string_view name(Kind kind);
[[nodiscard]] std::string_view name(Field field);
[[nodiscard]] std::string_view name(Direction direction);

/// The bits of one message, or of many, by field.
class FieldBits {
 public:
  [[nodiscard]] Bits& operator[](Field field) { return bits_[static_cast<std::size_t>(field)]; }
  [[nodiscard]] Bits operator[](Field field) const {
    return bits_[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] Bits total() const;
  FieldBits& operator+=(const FieldBits& other);
  friend bool operator==(const FieldBits&, const FieldBits&) = default;

 private:
  std::array<Bits, kFields> bits_;
};

/// The first kHeaderBits of every message. With them a dump can be decoded without the run's
/// settings.
struct Header {
  Kind kind{};
  std::uint8_t value_bits = 0;      ///< q: 32, quantised 1 to 8, 0 if the message has no values
  std::uint8_t position_codec = 0;  ///< 0 none, else compress/positions/position_codec.hpp's id()
  std::uint32_t sender = 0;         ///< worker 0..N-1, or N for the server
  std::uint32_t round = 0;          ///< t; 0 before the first round
  std::uint32_t dimension = 0;      ///< d, or the length of the vector that the message is about
  std::uint32_t count = 0;          ///< positions, values, or both
  /// B of the position code; q = 1: values a scale; of reduce and gather: the block's number.
  std::uint32_t block_size = 0;

  friend bool operator==(const Header&, const Header&) = default;
};
inline constexpr Bits kHeaderBits{192};

/// A message as it goes on the wire, with its sender's count of fields. The count does not travel:
/// the receiver makes its own, and the ledger compares the two.
struct Message {
  Header header;
  std::shared_ptr<const std::vector<std::byte>> bytes;
  FieldBits fields;
};

/// Builds one message. Bits go to the field named last:
///
///     MessageWriter writer({.kind = Kind::vote, ...});
///     codec.encode(positions, writer.field(Field::positions));
///     Message message = std::move(writer).finish();
class MessageWriter {
 public:
  explicit MessageWriter(const Header& header);

  /// The stream. Bits appended from now on are counted as `field`.
  [[nodiscard]] BitWriter& field(Field field);

  /// Pads with zero bits to a whole byte and closes the message.
  [[nodiscard]] Message finish() &&;

 private:
  void count_open_field();

  Header header_;
  BitWriter stream_;
  FieldBits fields_;
  Field open_ = Field::header;
  Bits counted_;
};

/// Reads one message and counts the bits it consumes, by field. Does not own the bytes.
class MessageReader {
 public:
  /// Reads the header. Throws DecodeError if the bytes are too few for one, the format version is
  /// not ours, or the kind is unknown.
  explicit MessageReader(std::span<const std::byte> bytes);

  [[nodiscard]] const Header& header() const { return header_; }

  /// The stream. Bits consumed from now on are counted as `field`.
  [[nodiscard]] BitReader& field(Field field);

  /// Consumes the padding and returns the count. Throws DecodeError if more than 7 bits remain or
  /// one of them is 1.
  FieldBits finish();

 private:
  void count_open_field();

  BitReader stream_;
  Header header_;
  FieldBits fields_;
  Field open_ = Field::header;
  Bits counted_;
};

}  // namespace mvsgd::comm
