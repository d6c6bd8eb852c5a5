#include "sim/protocol.hpp"

#include <fmt/format.h>

#include <utility>

#include "sim/settings.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint8_t kFloatBits = 32;

comm::Field values_field(comm::Kind kind) {
  switch (kind) {
    case comm::Kind::model:
      return comm::Field::initial_model;
    case comm::Kind::buffers:
      return comm::Field::bn_buffers;
    default:
      return comm::Field::values;
  }
}

/// Everything in a header but who sent it, which the transport has checked.
void check_header(const comm::Header& got, comm::Header want) {
  want.sender = got.sender;
  if (got == want) return;
  throw comm::DecodeError(
      fmt::format("{} of round {} from rank {}: header says q {}, codec {}, d {}, count {}, B {}; "
                  "expected q {}, "
                  "codec {}, d {}, count {}, B {}",
                  comm::name(got.kind), got.round, got.sender, got.value_bits, got.position_codec,
                  got.dimension, got.count, got.block_size, want.value_bits, want.position_codec,
                  want.dimension, want.count, want.block_size));
}

comm::Header positions_header(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                              std::size_t count) {
  return {.kind = envelope.kind,
          .position_codec = compress::BlockPositionCodec::kId,
          .sender = sender,
          .round = envelope.round,
          .dimension = protocol.d,
          .count = static_cast<std::uint32_t>(count),
          .block_size = static_cast<std::uint32_t>(protocol.positions.block_size())};
}

/// The length of buffers is its own dimension; all other values are of the model.
comm::Header values_header(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                           std::size_t count) {
  const auto length = static_cast<std::uint32_t>(count);
  return {.kind = envelope.kind,
          .value_bits = kFloatBits,
          .sender = sender,
          .round = envelope.round,
          .dimension = envelope.kind == comm::Kind::buffers ? length : protocol.d,
          .count = length};
}

}  // namespace

Protocol make_protocol(const Settings& settings, std::uint64_t d) {
  const std::uint64_t k = settings.phi.ceil_times(d);
  return {.workers = settings.workers,
          .d = static_cast<std::uint32_t>(d),
          .k = static_cast<std::uint32_t>(k),
          .positions = compress::BlockPositionCodec(d, settings.phi.rounded_reciprocal())};
}

comm::Message encode_positions(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                               std::span<const compress::Index> positions) {
  comm::MessageWriter writer(positions_header(protocol, sender, envelope, positions.size()));
  comm::BitWriter& stream = writer.field(comm::Field::positions);
  stream.reserve(protocol.positions.size(positions.size()));
  protocol.positions.encode(positions, stream);
  return std::move(writer).finish();
}

std::vector<compress::Index> receive_positions(const Protocol& protocol, comm::Transport& transport,
                                               std::uint32_t from, Envelope envelope) {
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  check_header(message.header(), positions_header(protocol, from, envelope, protocol.k));
  auto positions = protocol.positions.decode(message.field(comm::Field::positions));
  if (positions.size() != protocol.k) {
    throw comm::DecodeError(fmt::format("{} of round {} from rank {}: {} positions, K = {}",
                                        comm::name(envelope.kind), envelope.round, from,
                                        positions.size(), protocol.k));
  }
  message.close();
  return positions;
}

comm::Message encode_values(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                            std::span<const float> values) {
  comm::MessageWriter writer(values_header(protocol, sender, envelope, values.size()));
  comm::BitWriter& stream = writer.field(values_field(envelope.kind));
  stream.reserve(kFloatBits * comm::Bits(values.size()));
  stream.put_floats(values);
  return std::move(writer).finish();
}

void receive_values(const Protocol& protocol, comm::Transport& transport, std::uint32_t from,
                    Envelope envelope, std::span<float> values) {
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  check_header(message.header(), values_header(protocol, from, envelope, values.size()));
  message.field(values_field(envelope.kind)).get_floats(values);
  message.close();
}

}  // namespace mvsgd::sim
