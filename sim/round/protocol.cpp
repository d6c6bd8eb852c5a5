#include "sim/round/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
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
  return protocol.mask_delta && kind == comm::Kind::mask && !previous.empty();
}

bool is_ranked(const Protocol& protocol, comm::Kind kind) {
  return kind == comm::Kind::drop && protocol.drops.universe != protocol.d;
}

comm::Header positions_header(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                              std::size_t count, std::span<const Index> previous) {
  const auto& [codec, counts, universe] = protocol.positions(envelope.kind);
  const bool delta = is_delta(protocol, envelope.kind, previous);
  return {.kind = envelope.kind,
          .position_codec = delta ? compress::DeltaCodec::kId : codec->id(),
          .sender = sender,
          .round = envelope.round,
          .dimension = universe,
          .count = static_cast<std::uint32_t>(count),
          .block_size = delta ? 0 : codec->parameter()};
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
  switch (kind) {
    case comm::Kind::add:
      return adds;
    case comm::Kind::drop:
      return drops;
    case comm::Kind::mask:
      return masks;
    default:
      return votes;
  }
}

Protocol make_protocol(const Settings& settings, std::uint64_t d) {
  const std::uint64_t k = settings.phi.ceil_times(d);
  const std::uint64_t k_ad = std::min(k, settings.phi_ad.ceil_times(d));
  const auto coded = [&](std::uint64_t n, std::uint64_t least, std::uint64_t most,
                         std::uint64_t block_size) {
    return Protocol::Positions{
        .codec = make_codec(settings.position_codec, n, most, block_size),
        .counts = {static_cast<std::uint32_t>(least), static_cast<std::uint32_t>(most)},
        .universe = static_cast<std::uint32_t>(n)};
  };
  const auto block_size = [&](std::uint32_t workers) {
    return settings.block_size > 0 ? settings.block_size : settings.phi.rounded_reciprocal(workers);
  };
  Protocol protocol;
  protocol.workers = settings.workers;
  protocol.d = static_cast<std::uint32_t>(d);
  protocol.k = static_cast<std::uint32_t>(k);
  protocol.k_ad = static_cast<std::uint32_t>(k_ad);
  protocol.votes = coded(d, k, k, block_size(1));
  protocol.adds = coded(d, 0, k_ad, settings.phi_ad.rounded_reciprocal());
  protocol.drops = protocol.adds;
  if (settings.drop_codec == DropCoding::rank) {
    protocol.drops = coded(k, 0, k_ad, (2 * k + k_ad) / (2 * k_ad));  // B = round(K / K_ad)
  }
  protocol.masks = protocol.votes;
  if (settings.scheme == Scheme::top_k) {
    protocol.masks = coded(d, k, std::min(d, settings.workers * k), block_size(settings.workers));
  }
  protocol.mask_delta = settings.mask_codec == MaskCoding::delta;
  protocol.quantizer = make_quantizer(settings);
  protocol.quantizer_block = settings.quantizer_block;
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
    protocol.drops.codec->encode(compress::ranks_of(positions, previous), out);
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
  const std::uint32_t count =
      std::clamp(message.header().count, expected.counts.least, expected.counts.most);
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
    return protocol.drops.codec->size(compress::ranks_of(positions, previous));
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
  check_header(message.header(), values_header(protocol, from, envelope, values.size()));
  read_body(message, [&] { message.field(values_field(envelope.kind)).get_floats(values); });
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
