#include "sim/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compress/block_position_codec.hpp"
#include "compress/fractional_quantizer.hpp"
#include "compress/scaled_sign.hpp"
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

/// `read` takes the fields of `message`, which is then closed; whatever is wrong with them, the
/// error says whose they are.
template <typename Read>
void read_body(comm::Incoming& message, const Read& read) {
  try {
    read();
    message.close();
  } catch (const comm::DecodeError& e) {
    const comm::Header& header = message.header();
    throw comm::DecodeError(fmt::format("{} of round {} from rank {}: {}", comm::name(header.kind),
                                        header.round, header.sender, e.what()));
  }
}

comm::Header positions_header(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                              std::size_t count) {
  const compress::PositionCodec& codec = *protocol.positions(envelope.kind).codec;
  return {.kind = envelope.kind,
          .position_codec = codec.id(),
          .sender = sender,
          .round = envelope.round,
          .dimension = protocol.d,
          .count = static_cast<std::uint32_t>(count),
          .block_size = codec.parameter()};
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

comm::Header update_header(const Protocol& protocol, std::uint32_t sender, std::uint32_t round,
                           std::size_t count) {
  comm::Header header = values_header(protocol, sender, {comm::Kind::update, round}, count);
  if (protocol.quantizer) {
    header.value_bits = static_cast<std::uint8_t>(protocol.quantizer->value_bits());
    if (header.value_bits == 1) {
      header.block_size = protocol.quantizer_block > 0 ? protocol.quantizer_block : header.count;
    }
  }
  return header;
}

std::shared_ptr<const compress::Quantizer> make_quantizer(const Settings& settings) {
  if (settings.value_bits == kFloatBits) return nullptr;
  if (settings.quantizer == QuantizerKind::scaled_sign) {
    return std::make_shared<compress::ScaledSign>(settings.quantizer_block);
  }
  return std::make_shared<compress::FractionalQuantizer>(settings.value_bits);
}

}  // namespace

const Protocol::Positions& Protocol::positions(comm::Kind kind) const {
  switch (kind) {
    case comm::Kind::add:
    case comm::Kind::drop:
      return changes;
    case comm::Kind::mask:
      return masks;
    default:
      return votes;
  }
}

Protocol make_protocol(const Settings& settings, std::uint64_t d) {
  const auto k = static_cast<std::uint32_t>(settings.phi.ceil_times(d));
  const auto k_ad =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(k, settings.phi_ad.ceil_times(d)));
  const auto coded = [&](std::uint64_t block_size, Counts counts) {
    return Protocol::Positions{
        .codec = std::make_shared<compress::BlockPositionCodec>(d, block_size), .counts = counts};
  };
  Protocol protocol{.workers = settings.workers,
                    .d = static_cast<std::uint32_t>(d),
                    .k = k,
                    .k_ad = k_ad,
                    .votes = coded(settings.phi.rounded_reciprocal(), {k, k}),
                    .changes = coded(settings.phi_ad.rounded_reciprocal(), {0, k_ad}),
                    .masks = {},
                    .quantizer = make_quantizer(settings),
                    .quantizer_block = settings.quantizer_block};
  protocol.masks = protocol.votes;
  if (settings.scheme == Scheme::top_k) {
    const std::uint64_t most = std::min(d, std::uint64_t{settings.workers} * k);
    protocol.masks = coded(settings.phi.rounded_reciprocal(settings.workers),
                           {k, static_cast<std::uint32_t>(most)});
  }
  return protocol;
}

comm::Message encode_positions(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                               std::span<const compress::Index> positions) {
  comm::MessageWriter writer(positions_header(protocol, sender, envelope, positions.size()));
  protocol.positions(envelope.kind).codec->encode(positions, writer.field(comm::Field::positions));
  return std::move(writer).finish();
}

std::vector<compress::Index> receive_positions(const Protocol& protocol, comm::Transport& transport,
                                               std::uint32_t from, Envelope envelope) {
  const Protocol::Positions& expected = protocol.positions(envelope.kind);
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  const std::uint32_t count =
      std::clamp(message.header().count, expected.counts.least, expected.counts.most);
  check_header(message.header(), positions_header(protocol, from, envelope, count));
  std::vector<compress::Index> positions;
  read_body(message, [&] {
    positions = expected.codec->decode(message.field(comm::Field::positions), count);
  });
  return positions;
}

comm::Message encode_values(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                            std::span<const float> values) {
  comm::MessageWriter writer(values_header(protocol, sender, envelope, values.size()));
  writer.field(values_field(envelope.kind)).put_floats(values);
  return std::move(writer).finish();
}

void receive_values(const Protocol& protocol, comm::Transport& transport, std::uint32_t from,
                    Envelope envelope, std::span<float> values) {
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  check_header(message.header(), values_header(protocol, from, envelope, values.size()));
  read_body(message, [&] { message.field(values_field(envelope.kind)).get_floats(values); });
}

comm::Message encode_update(const Protocol& protocol, std::uint32_t sender, std::uint32_t round,
                            std::span<float> values) {
  if (!protocol.quantizer) {
    return encode_values(protocol, sender, {comm::Kind::update, round}, values);
  }
  const compress::Quantizer& quantizer = *protocol.quantizer;
  const compress::Quantized quantized = quantizer.quantize(values);
  comm::MessageWriter writer(update_header(protocol, sender, round, values.size()));
  compress::encode_codes(quantized.codes, quantizer.value_bits(),
                         writer.field(comm::Field::values));
  compress::encode_magnitudes(quantized.magnitudes, writer.field(comm::Field::level_means));
  quantizer.recover(quantized, values);
  return std::move(writer).finish();
}

void receive_update(const Protocol& protocol, comm::Transport& transport, std::uint32_t from,
                    std::uint32_t round, std::span<float> values) {
  if (!protocol.quantizer) {
    receive_values(protocol, transport, from, {comm::Kind::update, round}, values);
    return;
  }
  const compress::Quantizer& quantizer = *protocol.quantizer;
  comm::Incoming message = transport.receive(from, comm::Kind::update, round);
  check_header(message.header(), update_header(protocol, from, round, values.size()));
  compress::Quantized quantized;
  read_body(message, [&] {
    quantized.codes = compress::decode_codes(message.field(comm::Field::values), values.size(),
                                             quantizer.value_bits());
    quantized.magnitudes = compress::decode_magnitudes(message.field(comm::Field::level_means),
                                                       quantizer.magnitudes(values.size()));
  });
  quantizer.recover(quantized, values);
}

}  // namespace mvsgd::sim
