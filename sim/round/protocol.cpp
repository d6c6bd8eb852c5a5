#include "sim/round/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "compress/positions/change_codec.hpp"
#include "compress/positions/delta_codec.hpp"
#include "compress/positions/layer_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/positions/rank_codec.hpp"
#include "compress/positions/ranks.hpp"
#include "compress/values/code_entropy.hpp"
#include "compress/values/half_precision.hpp"
#include "compress/values/quantizers.hpp"
#include "sim/law/layer_law.hpp"
#include "sim/law/position_lengths.hpp"
#include "sim/law/value_lengths.hpp"
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

/// Checks all of a header but the sender, which the transport has checked.
void check_header(const comm::Incoming& message, comm::Header want) {
  const comm::Header& got = message.header();
  want.sender = got.sender;
  if (got == want) return;
  throw comm::DecodeError(
      fmt::format("{} of round {} from {}: header says q {}, codec {}, d {}, count {}, B {}; "
                  "expected q {}, "
                  "codec {}, d {}, count {}, B {}",
                  comm::name(got.kind), got.round, message.sender(), got.value_bits,
                  got.position_codec, got.dimension, got.count, got.block_size, want.value_bits,
                  want.position_codec, want.dimension, want.count, want.block_size));
}

/// Calls `read` for the fields of `message` and closes it. A DecodeError that arises is thrown
/// again with the message's kind, round and sender.
template <typename Read>
void read_body(comm::Incoming& message, const Read& read) {
  try {
    read();
    message.close();
  } catch (const comm::DecodeError& e) {
    const comm::Header& header = message.header();
    throw comm::DecodeError(fmt::format("{} of round {} from {}: {}", comm::name(header.kind),
                                        header.round, message.sender(), e.what()));
  }
}

comm::Header positions_header(const Protocol::Positions& list, const compress::PositionCodec& codec,
                              std::uint32_t sender, Envelope envelope, std::size_t count) {
  return {.kind = envelope.kind,
          .position_codec = codec.id(),
          .sender = sender,
          .round = envelope.round,
          .dimension = list.universe,
          .count = static_cast<std::uint32_t>(count),
          .block_size = codec.parameter()};
}

/// A message of buffers has their number as its dimension, all others have d.
comm::Header values_header(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                           std::size_t count) {
  const auto length = static_cast<std::uint32_t>(count);
  return {.kind = envelope.kind,
          .value_bits = kFloatBits,
          .sender = sender,
          .round = envelope.round,
          .dimension = envelope.kind == comm::Kind::buffers ? length : protocol.d,
          .count = length,
          .block_size = envelope.block};
}

void read_values(const Protocol& protocol, comm::Incoming& message, std::uint32_t from,
                 Envelope envelope, std::span<float> values) {
  check_header(message, values_header(protocol, from, envelope, values.size()));
  read_body(message, [&] { message.field(values_field(envelope.kind)).get_floats(values); });
}

comm::Header quantized_header(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                              std::size_t count) {
  const Protocol::Values& code = protocol.values(envelope.kind);
  comm::Header header = values_header(protocol, sender, envelope, count);
  header.value_bits = static_cast<std::uint8_t>(code.quantizer->value_bits());
  header.block_size = static_cast<std::uint32_t>(code.quantizer->block_size(count));
  header.position_codec = code.by_entropy ? compress::kEntropyOfCodes : code.quantizer->wire_code();
  return header;
}

/// The same codec, whatever is given.
CodecGiven always(std::shared_ptr<const compress::PositionCodec> codec) {
  return [codec = std::move(codec)](std::span<const Index>) { return codec; };
}

/// A codec for a subset of the given list: `of_ranks` codes its ranks there.
CodecGiven ranks_in_given(std::shared_ptr<const compress::PositionCodec> of_ranks) {
  return [of_ranks = std::move(of_ranks)](std::span<const Index> previous) {
    return std::make_shared<compress::RankCodec>(
        of_ranks, std::vector<Index>(previous.begin(), previous.end()));
  };
}

/// A codec for a set outside the given one, as ranks among the `others` of [0, d).
CodecGiven ranks_outside_given(std::uint64_t others,
                               std::shared_ptr<const compress::PositionCodec> of_ranks) {
  return [others, of_ranks = std::move(of_ranks)](std::span<const Index> previous) {
    return std::make_shared<compress::OutsideRankCodec>(
        of_ranks, std::vector<Index>(previous.begin(), previous.end()), others + previous.size());
  };
}

/// A codec for a set in [0, d) as the difference from the given one; `first` if none is given.
CodecGiven difference_from_given(std::uint64_t d,
                                 std::shared_ptr<const compress::PositionCodec> first) {
  return [d, first = std::move(first)](
             std::span<const Index> previous) -> std::shared_ptr<const compress::PositionCodec> {
    if (previous.empty()) return first;
    return std::make_shared<compress::DeltaCodec>(
        d, std::vector<Index>(previous.begin(), previous.end()));
  };
}

/// A codec for a set in [0, d) as the change of the given one; `whole` if none is given.
CodecGiven change_of_given(std::uint64_t d, std::shared_ptr<const compress::PositionCodec> whole) {
  return [d, whole = std::move(whole)](
             std::span<const Index> previous) -> std::shared_ptr<const compress::PositionCodec> {
    if (previous.empty()) return whole;
    return std::make_shared<compress::ChangeCodec>(
        d, std::vector<Index>(previous.begin(), previous.end()), whole);
  };
}

/// The codec of positions below `universe`.
CodecGiven codec_of(Given given, std::uint64_t universe,
                    const std::shared_ptr<const compress::PositionCodec>& codec) {
  switch (given) {
    case Given::last_mask:
      return difference_from_given(universe, codec);
    case Given::last_vote:
      return ranks_in_given(codec);
    case Given::all_but_vote:
      return ranks_outside_given(universe, codec);
    case Given::changed_vote:
      return change_of_given(universe, codec);
    case Given::nothing:
      break;
  }
  return always(codec);
}

/// The members of a set in each of `parts`, relative to its first coordinate.
std::vector<std::vector<Index>> in_parts(std::span<const Index> set,
                                         const std::vector<ListPart>& parts) {
  std::vector<std::vector<Index>> members;
  std::uint64_t begin = 0;
  auto at = set.begin();
  for (const ListPart& part : parts) {
    std::vector<Index>& here = members.emplace_back();
    for (; at != set.end() && *at < begin + part.size; ++at) {
      here.push_back(*at - static_cast<Index>(begin));
    }
    begin += part.size;
  }
  return members;
}

/// A codec for a list by layer. Each part that is sent has the code of `whole`, with its parameter.
CodecGiven codec_by_layer(const MessageShape& shape,
                          const std::shared_ptr<const compress::PositionCodec>& whole) {
  std::vector<CodecGiven> of_parts;
  for (const ListPart& part : shape.parts) {
    CodecGiven& of_part = of_parts.emplace_back();
    if (part.universe == 0) continue;
    of_part =
        codec_of(shape.given, part.universe,
                 compress::make_position_codec(whole->id(), part.universe, whole->parameter()));
  }
  return [given = shape.given, parts = shape.parts, of_parts = std::move(of_parts), whole,
          counted = shape.counted_by != CountedBy::settings](std::span<const Index> previous) {
    const auto before = in_parts(previous, parts);
    std::vector<compress::ListInLayer> layers;
    for (std::size_t l = 0; l < parts.size(); ++l) {
      layers.push_back({.size = parts[l].size, .count = parts[l].most});
      if (of_parts[l]) layers.back().codec = of_parts[l](before[l]);
    }
    const bool from_mask = given == Given::last_mask && !previous.empty();
    const bool from_vote = given == Given::changed_vote && !previous.empty();
    const std::uint8_t code = from_mask   ? compress::DeltaCodec::kId
                              : from_vote ? compress::ChangeCodec::kId
                                          : whole->id();
    return std::make_shared<compress::LayerCodec>(code, from_mask ? 0 : whole->parameter(),
                                                  std::move(layers), counted);
  };
}

LawGiven law_of(const MessageShape& shape, const compress::PositionCodec& codec) {
  const CodeOfPositions code{
      .code = codec.id(), .n = shape.universe, .block_size = codec.parameter()};
  const auto alone = [code](std::span<const Index> list) -> std::optional<comm::Bits> {
    if (position_law_of_code({}, code.code, code.n, list.size(), code.block_size)) {
      return std::nullopt;
    }
    return law_of_set({}, code, list);
  };
  return [=, given = shape.given](std::span<const Index> list, std::span<const Index> previous) {
    switch (given) {
      case Given::last_mask:
        return previous.empty() ? alone(list) : law_of_delta({}, code.n, previous, list);
      case Given::last_vote:
        return alone(ranks_within(previous, list));
      case Given::all_but_vote:
        return alone(ranks_without(previous, list));
      case Given::changed_vote:
        return previous.empty() ? alone(list) : law_of_change({}, code, previous, list);
      case Given::nothing:
        break;
    }
    return alone(list);
  };
}

LawGiven law_by_layer(const MessageShape& shape, const compress::PositionCodec& codec) {
  std::vector<PartOfList> parts;
  for (const ListPart& part : shape.parts) {
    parts.push_back({.size = part.size, .n = part.universe, .most = part.most});
  }
  const bool counted = shape.counted_by != CountedBy::settings;
  return [parts = std::move(parts), counted, given = shape.given, code = codec.id(),
          block = codec.parameter()](std::span<const Index> list,
                                     std::span<const Index> previous) -> std::optional<comm::Bits> {
    const bool differs = given == Given::last_mask || given == Given::changed_vote;
    const bool is_known = layers_law({}, code, parts, counted, list.size(), block).has_value();
    if (is_known && (!differs || previous.empty())) return std::nullopt;
    const auto of_part = [&](const PartOfList& part, Coordinates set, Coordinates before) {
      const CodeOfPositions of{.code = code, .n = part.n, .block_size = block};
      switch (given) {
        case Given::last_mask:
          if (!before.empty()) return law_of_delta({}, part.n, before, set);
          break;
        case Given::changed_vote:
          if (!before.empty()) return law_of_change({}, of, before, set);
          break;
        case Given::last_vote:
          return law_of_set({}, of, ranks_within(before, set));
        case Given::all_but_vote:
          return law_of_set({}, of, ranks_without(before, set));
        case Given::nothing:
          break;
      }
      return law_of_set({}, of, set);
    };
    return law_of_layers(parts, counted, list, previous, of_part);
  };
}

}  // namespace

const Protocol::Values& Protocol::values(comm::Kind kind) const {
  return kind == comm::Kind::update ? update : aggregate;
}

const Protocol::Positions& Protocol::positions(comm::Kind kind) const {
  const auto list = lists.find(kind);
  if (list != lists.end()) return list->second;
  throw std::invalid_argument(fmt::format("Protocol: this scheme has no {}", comm::name(kind)));
}

Protocol make_protocol(const Settings& settings, const Layers& layers, std::uint32_t absent) {
  const Dimensions sizes = dimensions(settings, layers, 0);
  Protocol protocol{.workers = settings.workers,
                    .d = static_cast<std::uint32_t>(sizes.d),
                    .k = static_cast<std::uint32_t>(sizes.k),
                    .k_ad = static_cast<std::uint32_t>(sizes.k_ad),
                    .lists = {},
                    .update = {},
                    .aggregate = {}};
  for (const LayerDimensions& layer : sizes.layers) {
    protocol.layers.push_back({.size = layer.d, .k = layer.k});
    protocol.k_ads.push_back(static_cast<std::uint32_t>(layer.k_ad));
  }
  // The first sparse round and a later one: each may have a list that the other does not have.
  for (Round round : plain_rounds(0, 2)) {
    round.absent = absent;
    for (const MessageShape& shape : settings.scheme->shape(settings, sizes, round)) {
      if (shape.universe == 0) {
        if (shape.value_bits == kFloatBits) continue;
        const auto q = static_cast<std::uint32_t>(shape.value_bits);
        const bool is_update = shape.kind == comm::Kind::update;
        Protocol::Values& code = is_update ? protocol.update : protocol.aggregate;
        code.quantizer = compress::quantizer_for(settings.quantizer, q).make(q, shape.block);
        code.by_entropy = shape.by_entropy;
        continue;
      }
      // Outside a large vote there are fewer coordinates than the K_ad that might be added.
      const std::uint64_t count = std::clamp<std::uint64_t>(shape.most, 1, shape.universe);
      const std::shared_ptr<const compress::PositionCodec> codec =
          compress::position_codec_named(settings.position_codec)
              .make(shape.universe, count, shape.block);
      const bool whole = shape.parts.empty();
      protocol.lists[shape.kind] = {
          .codec =
              whole ? codec_of(shape.given, shape.universe, codec) : codec_by_layer(shape, codec),
          .law = whole ? law_of(shape, *codec) : law_by_layer(shape, *codec),
          .least = static_cast<std::uint32_t>(shape.least),
          .most = static_cast<std::uint32_t>(shape.most),
          .universe = static_cast<std::uint32_t>(shape.universe)};
    }
  }
  return protocol;
}

Protocols::Protocols(const Settings& settings, const Layers& layers, std::span<const Round> rounds)
    : by_stair_{{{0, 0}, make_protocol(settings, layers)}} {
  for (const Round& round : rounds) {
    const std::pair key{round.stair, round.absent};
    if (by_stair_.contains(key)) continue;
    by_stair_.emplace(key, make_protocol(settings_in(settings, round), layers, round.absent));
  }
}

comm::Message encode_positions(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                               std::span<const Index> positions, std::span<const Index> previous) {
  const Protocol::Positions& list = protocol.positions(envelope.kind);
  const auto codec = list.codec(previous);
  comm::MessageWriter writer(positions_header(list, *codec, sender, envelope, positions.size()));
  codec->encode(positions, writer.field(comm::Field::positions));
  return std::move(writer).finish();
}

std::vector<Index> receive_positions(const Protocol& protocol, comm::Transport& transport,
                                     std::uint32_t from, Envelope envelope,
                                     std::span<const Index> previous) {
  const Protocol::Positions& list = protocol.positions(envelope.kind);
  const auto codec = list.codec(previous);
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  const std::uint32_t count = std::clamp(message.header().count, list.least, list.most);
  check_header(message, positions_header(list, *codec, from, envelope, count));
  std::vector<Index> positions;
  read_body(message,
            [&] { positions = codec->decode(message.field(comm::Field::positions), count); });
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
  read_values(protocol, message, from, envelope, values);
}

std::vector<float> receive_values(const Protocol& protocol, comm::Transport& transport,
                                  std::uint32_t from, Envelope envelope, std::size_t count) {
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  std::vector<float> values(count);
  read_values(protocol, message, from, envelope, values);
  return values;
}

std::vector<std::uint8_t> own_marks(const Protocol& protocol, std::span<const Index> at,
                                    std::span<const Index> vote) {
  if (!protocol.update.by_entropy || vote.empty()) return {};
  return compress::marks_of(at, vote);
}

comm::Message encode_quantized(const Protocol& protocol, std::uint32_t sender, Envelope envelope,
                               const compress::Quantized& quantized,
                               std::span<const std::uint8_t> own) {
  const Protocol::Values& code = protocol.values(envelope.kind);
  const unsigned q = code.quantizer->value_bits();
  comm::MessageWriter writer(quantized_header(protocol, sender, envelope, quantized.count()));
  comm::BitWriter& codes = writer.field(comm::Field::values);
  if (code.by_entropy) {
    compress::encode_codes_by_entropy(quantized.codes, q, own, codes);
  } else if (!quantized.halves.empty()) {
    compress::encode_halves(quantized.halves, codes);
  } else {
    compress::encode_codes(quantized.codes, q, codes);
  }
  compress::encode_magnitudes(quantized.magnitudes, writer.field(comm::Field::level_means));
  return std::move(writer).finish();
}

std::optional<comm::Bits> receive_sparse_values(const Protocol& protocol,
                                                comm::Transport& transport, std::uint32_t from,
                                                Envelope envelope, std::span<float> values,
                                                std::span<const std::uint8_t> own) {
  const Protocol::Values& code = protocol.values(envelope.kind);
  if (!code.quantizer) {
    receive_values(protocol, transport, from, envelope, values);
    return std::nullopt;
  }
  const compress::Quantizer& quantizer = *code.quantizer;
  const unsigned q = quantizer.value_bits();
  comm::Incoming message = transport.receive(from, envelope.kind, envelope.round);
  check_header(message, quantized_header(protocol, from, envelope, values.size()));
  compress::Quantized quantized;
  read_body(message, [&] {
    comm::BitReader& codes = message.field(comm::Field::values);
    if (code.by_entropy) {
      quantized.codes = compress::decode_codes_by_entropy(codes, values.size(), q, own);
    } else if (q == compress::kHalfBits) {
      quantized.halves = compress::decode_halves(codes, values.size(), quantizer.wire_code());
    } else {
      quantized.codes = compress::decode_codes(codes, values.size(), q);
    }
    quantized.magnitudes = compress::decode_magnitudes(message.field(comm::Field::level_means),
                                                       quantizer.magnitudes(values.size()));
  });
  quantizer.recover(quantized, values);
  return law_of_quantized(protocol, envelope.kind, quantized, own);
}

std::optional<comm::Bits> law_of_quantized(const Protocol& protocol, comm::Kind kind,
                                           const compress::Quantized& quantized,
                                           std::span<const std::uint8_t> own) {
  const Protocol::Values& code = protocol.values(kind);
  if (!code.by_entropy) return std::nullopt;
  return law_of_codes(quantized.codes, code.quantizer->value_bits(), own);
}

}  // namespace mvsgd::sim
