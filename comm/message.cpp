#include "comm/message.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace mvsgd::comm {
namespace {

constexpr std::uint8_t kFormatVersion = 1;

void put_header(const Header& header, BitWriter& out) {
  out.put(kFormatVersion, 8);
  out.put(static_cast<std::uint8_t>(header.kind), 8);
  out.put(header.value_bits, 8);
  out.put(header.position_codec, 8);
  out.put(header.sender, 32);
  out.put(header.round, 32);
  out.put(header.dimension, 32);
  out.put(header.count, 32);
  out.put(header.block_size, 32);
}

std::uint8_t get_byte(BitReader& in) { return static_cast<std::uint8_t>(in.get(8)); }
std::uint32_t get_word(BitReader& in) { return static_cast<std::uint32_t>(in.get(32)); }

Kind get_kind(BitReader& in) {
  const std::uint8_t kind = get_byte(in);
  if (std::ranges::find(kAllKinds, static_cast<Kind>(kind)) == kAllKinds.end()) {
    throw DecodeError("message: unknown kind " + std::to_string(kind) + " at byte 1");
  }
  return static_cast<Kind>(kind);
}

Header get_header(BitReader& in) {
  if (in.remaining() < kHeaderBits) {
    throw DecodeError("message: " + std::to_string(in.remaining().count()) +
                      " bits, a header alone has " + std::to_string(kHeaderBits.count()));
  }
  if (const std::uint8_t version = get_byte(in); version != kFormatVersion) {
    throw DecodeError("message: format version " + std::to_string(version) + " at byte 0, not " +
                      std::to_string(kFormatVersion));
  }
  // A braced list is evaluated in the order written, which is the order on the wire.
  return {.kind = get_kind(in),
          .value_bits = get_byte(in),
          .position_codec = get_byte(in),
          .sender = get_word(in),
          .round = get_word(in),
          .dimension = get_word(in),
          .count = get_word(in),
          .block_size = get_word(in)};
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::dense:
      return "dense";
    case Kind::vote:
      return "vote";
    case Kind::add:
      return "add";
    case Kind::drop:
      return "drop";
    case Kind::mask:
      return "mask";
    case Kind::update:
      return "update";
    case Kind::aggregate:
      return "aggregate";
    case Kind::model:
      return "model";
    case Kind::buffers:
      return "buffers";
    case Kind::reduce:
      return "reduce";
    case Kind::gather:
      return "gather";
  }
  return "unknown";
}

std::string_view name(Field field) {
  switch (field) {
    case Field::positions:
      return "positions";
    case Field::values:
      return "values";
    case Field::level_means:
      return "level_means";
    case Field::header:
      return "header";
    case Field::padding:
      return "padding";
    case Field::bn_buffers:
      return "bn_buffers";
    case Field::initial_model:
      return "initial_model";
  }
  return "unknown";
}

std::string_view name(Direction direction) {
  switch (direction) {
    case Direction::up:
      return "up";
    case Direction::down:
      return "down";
    case Direction::across:
      return "across";
  }
  return "unknown";
}

Bits FieldBits::total() const {
  Bits sum;
  for (const Bits bits : bits_) sum += bits;
  return sum;
}

FieldBits& FieldBits::operator+=(const FieldBits& other) {
  for (std::size_t i = 0; i < kFields; ++i) bits_[i] += other.bits_[i];
  return *this;
}

MessageWriter::MessageWriter(const Header& header) : header_(header) {
  put_header(header_, stream_);
}

BitWriter& MessageWriter::field(Field field) {
  count_open_field();
  open_ = field;
  return stream_;
}

Message MessageWriter::finish() && {
  count_open_field();
  std::vector<std::byte> bytes = stream_.take();
  fields_[Field::padding] += Bits(Bits::of_bytes(bytes.size()).count() - counted_.count());
  return {.header = header_,
          .bytes = std::make_shared<const std::vector<std::byte>>(std::move(bytes)),
          .fields = fields_};
}

void MessageWriter::count_open_field() {
  fields_[open_] += Bits(stream_.size().count() - counted_.count());
  counted_ = stream_.size();
}

MessageReader::MessageReader(std::span<const std::byte> bytes)
    : stream_(bytes, Bits::of_bytes(bytes.size())), header_(get_header(stream_)) {}

BitReader& MessageReader::field(Field field) {
  count_open_field();
  open_ = field;
  return stream_;
}

FieldBits MessageReader::finish() {
  const Bits padding = stream_.remaining();
  if (padding > Bits(7)) {
    throw DecodeError("message: " + std::to_string(padding.count()) + " bits are left at bit " +
                      std::to_string(stream_.position().count()));
  }
  const std::uint64_t at = stream_.position().count();
  if (field(Field::padding).get(static_cast<unsigned>(padding.count())) != 0) {
    throw DecodeError("message: the padding at bit " + std::to_string(at) + " is not zero");
  }
  count_open_field();
  return fields_;
}

void MessageReader::count_open_field() {
  fields_[open_] += Bits(stream_.position().count() - counted_.count());
  counted_ = stream_.position();
}

}  // namespace mvsgd::comm
