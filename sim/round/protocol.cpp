#include "sim/round/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/delta_codec.hpp"
#include "compress/positions/elias_fano_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/radix_codec.hpp"
#include "compress/positions/ranks.hpp"
#include "compress/positions/rice_codec.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/scaled_sign.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;

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

bool is_delta(const Protocol& protocol, comm::Kind kind, std::span<const Index> previous) {
  return protocol.positions(kind).given == Given::last_mask && !previous.empty();
}

bool is_ranked(const Protocol& protocol, comm::Kind kind) {
  return protocol.positions(kind).given == Given::last_vote;
}

comm::Header positions_header(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                              std::size_t count, std::span<const Index> previous) {
  const Protocol::Positions& list = protocol.positions(envelope.kind);
  const bool delta = is_delta(protocol, envelope.kind, previous);
  return {.kind = envelope.kind,
          .position_codec = delta ? compress::DeltaCodec::kId : list.codec->id(),
          .sender = sender,
          .round = envelope.round,
          .dimension = list.universe,
          .count = static_cast<std::uint32_t>(count),
          .block_size = delta ? 0 : list.codec->parameter()};
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

void read_values(const Protocol& protocol, comm::Incoming& message, std::uint32_t from,
                 Envelope envelope, std::span<float> values) {
  check_header(message.header(), values_header(protocol, from, envelope, values.size()));
  read_body(message, [&] { message.field(values_field(envelope.kind)).get_floats(values); });
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

/// The codec of lists of about `count` of n positions, in blocks of `block_size` where it has any.
std::shared_ptr<const compress::PositionCodec> make_codec(PositionCoding coding, std::uint64_t n,
                                                          std::uint64_t count,
                                                          std::uint64_t block_size) {
  switch (coding) {
    case PositionCoding::elias_fano:
      return std::make_shared<compress::EliasFanoCodec>(n);
    case PositionCoding::rice:
      return std::make_shared<compress::RiceCodec>(
          n, std::uint64_t{1} << compress::rice_parameter(n, count));
    case PositionCoding::radix:
      return std::make_shared<compress::RadixCodec>(n, block_size);
    case PositionCoding::entropy:
      return std::make_shared<compress::EntropyCodec>(n);
    default:
      return std::make_shared<compress::BlockPositionCodec>(n, block_size);
  }
}

}  // namespace

const Protocol::Positions& Protocol::positions(comm::Kind kind) const {
  const auto list = lists.find(kind);
  if (list != lists.end()) return list->second;
  throw std::invalid_argument(fmt::format("Protocol: this scheme has no {}", comm::name(kind)));
}

Protocol make_protocol(const Settings& settings, std::uint64_t d) {
  const Dimensions sizes = dimensions(settings, d, 0);
  Protocol protocol{.workers = settings.workers,
                    .d = static_cast<std::uint32_t>(d),
                    .k = static_cast<std::uint32_t>(sizes.k),
                    .k_ad = static_cast<std::uint32_t>(sizes.k_ad),
                    .lists = {},
                    .quantizer = make_quantizer(settings),
                    .quantizer_block = settings.quantizer_block};
  // Whatever the first sparse round has and a later one has not, and the other way round.
  for (const Round& round : plain_rounds(0, 2)) {
    for (const MessageShape& shape : settings.scheme->shape(settings, sizes, round)) {
      if (shape.universe == 0) continue;
      protocol.lists[shape.kind] = {
          .codec = make_codec(settings.position_codec, shape.universe, shape.most, shape.block),
          .least = static_cast<std::uint32_t>(shape.least),
          .most = static_cast<std::uint32_t>(shape.most),
          .universe = static_cast<std::uint32_t>(shape.universe),
          .given = shape.given};
    }
  }
  return protocol;
}

comm::Message encode_positions(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                               std::span<const Index> positions, std::span<const Index> previous) {
  comm::MessageWriter writer(
      positions_header(protocol, sender, envelope, positions.size(), previous));
  comm::BitWriter& out = writer.field(comm::Field::positions);
  if (is_delta(protocol, envelope.kind, previous)) {
    compress::DeltaCodec(protocol.d, {previous.begin(), previous.end()}).encode(positions, out);
  } else if (is_ranked(protocol, envelope.kind)) {
    protocol.positions(comm::Kind::drop)
        .codec->encode(compress::ranks_of(positions, previous), out);
  } else {
    protocol.positions(envelope.kind).codec->encode(positions, out);
  }
  return std::move(writer).finish();
}

std::vector<Index> receive_positions(const Protocol& protocol, comm::Transport& transport,
                                     std::uint32_t from, Envelope envelope,
                                     std::span<const Index> previous) {
  const Protocol::Positions& expected = protocol.positions(envelope.kind);
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  const std::uint32_t count = std::clamp(message.header().count, expected.least, expected.most);
  check_header(message.header(), positions_header(protocol, from, envelope, count, previous));
  std::vector<Index> positions;
  read_body(message, [&] {
    comm::BitReader& in = message.field(comm::Field::positions);
    if (is_delta(protocol, envelope.kind, previous)) {
      positions = compress::DeltaCodec(protocol.d, {previous.begin(), previous.end()}).decode(in);
    } else {
      positions = expected.codec->decode(in, count);
      if (is_ranked(protocol, envelope.kind)) {
        positions = compress::members_of(positions, previous);
      }
    }
  });
  return positions;
}

comm::Bits position_bits(const Protocol& protocol, comm::Kind kind,
                         std::span<const Index> positions, std::span<const Index> previous) {
  if (is_delta(protocol, kind, previous)) {
    std::vector<Index> left;
    std::ranges::set_difference(previous, positions, std::back_inserter(left));
    return compress::DeltaCodec(protocol.d, {previous.begin(), previous.end()}).size(left.size());
  }
  if (is_ranked(protocol, kind)) {
    return protocol.positions(comm::Kind::drop)
        .codec->size(compress::ranks_of(positions, previous));
  }
  return protocol.positions(kind).codec->size(positions);
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
  read_values(protocol, message, from, envelope, values);
}

std::vector<float> receive_values(const Protocol& protocol, comm::Transport& transport,
                                  std::uint32_t from, Envelope envelope, std::size_t count) {
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  std::vector<float> values(count);
  read_values(protocol, message, from, envelope, values);
  return values;
}

comm::Message encode_update(const Protocol& protocol, std::uint32_t sender, std::uint32_t round,
                            const compress::Quantized& quantized) {
  comm::MessageWriter writer(update_header(protocol, sender, round, quantized.codes.size()));
  compress::encode_codes(quantized.codes, protocol.quantizer->value_bits(),
                         writer.field(comm::Field::values));
  compress::encode_magnitudes(quantized.magnitudes, writer.field(comm::Field::level_means));
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
