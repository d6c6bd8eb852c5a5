#include "sim/verify/recorded_wire.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "compress/positions/change_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/positions/rank_codec.hpp"
#include "compress/positions/ranks.hpp"
#include "compress/positions/rans_codec.hpp"
#include "compress/values/code_entropy.hpp"
#include "compress/values/half_precision.hpp"
#include "compress/values/quantizers.hpp"
#include "sim/verify/short_run.hpp"

namespace mvsgd::sim {
namespace {

using compress::Index;

bool is_list(comm::Kind kind) {
  return kind == comm::Kind::vote || kind == comm::Kind::mask || kind == comm::Kind::add ||
         kind == comm::Kind::drop;
}

/// `vote` is the sender's last vote. In these runs, a vote sent whole has the code of the masks.
std::shared_ptr<const compress::PositionCodec> codec_of(const comm::Header& header,
                                                        const std::vector<Index>& vote) {
  if (header.position_codec == compress::ChangeCodec::kId) {
    return std::make_shared<compress::ChangeCodec>(
        header.dimension, vote, std::make_shared<compress::RansCodec>(header.dimension));
  }
  std::shared_ptr<const compress::PositionCodec> codec =
      compress::make_position_codec(header.position_codec, header.dimension, header.block_size);
  if (header.kind == comm::Kind::drop && header.dimension == vote.size()) {
    return std::make_shared<compress::RankCodec>(codec, vote);
  }
  if (header.kind == comm::Kind::add && header.dimension + vote.size() == kShortD) {
    return std::make_shared<compress::OutsideRankCodec>(codec, vote, kShortD);
  }
  return codec;
}

/// Copies a quantised message's codes, or halves, from one stream to the other. `own` marks the
/// values at coordinates that their sender has voted for.
compress::Quantized copy_codes(comm::BitReader& in, comm::BitWriter& out,
                               const comm::Header& header, const std::vector<std::uint8_t>& own,
                               std::uint8_t wire_code) {
  compress::Quantized copied;
  const unsigned q = header.value_bits;
  if (header.position_codec == compress::kEntropyOfCodes) {
    copied.codes = compress::decode_codes_by_entropy(in, header.count, q, own);
    compress::encode_codes_by_entropy(copied.codes, q, own, out);
  } else if (q == compress::kHalfBits) {
    copied.halves = compress::decode_halves(in, header.count, wire_code);
    compress::encode_halves(copied.halves, out);
  } else {
    copied.codes = compress::decode_codes(in, header.count, q);
    compress::encode_codes(copied.codes, q, out);
  }
  return copied;
}

}  // namespace

void RecordedWire::add(std::uint32_t to, const comm::Message& message) {
  const std::lock_guard lock(mutex_);
  const comm::Header& header = message.header;
  const std::uint32_t worker = std::min(to, header.sender);
  const Key key{header.round, header.kind, worker};
  comm::MessageReader reader(*message.bytes);
  comm::MessageWriter writer(reader.header());
  std::vector<Index>& positions = positions_[key];
  std::vector<float>& values = values_[key];
  if (is_list(header.kind)) {
    positions = copy_list(reader, writer, worker);
  } else {
    values = copy_values(reader, writer, worker);
  }
  const comm::FieldBits fields = reader.finish();
  const comm::Message again = std::move(writer).finish();

  ++messages_;
  identical_ = identical_ && *again.bytes == *message.bytes;
  counted_ = counted_ && fields == message.fields &&
             fields.total() == comm::Bits::of_bytes(message.bytes->size());
}

std::vector<Index> RecordedWire::copy_list(comm::MessageReader& reader, comm::MessageWriter& writer,
                                           std::uint32_t worker) {
  const comm::Header& header = reader.header();
  const bool is_mask = header.kind == comm::Kind::mask;
  const std::vector<Index>& vote = votes_[worker];
  const auto codec = by_layer_
                         ? by_layer_->positions(header.kind).codec(is_mask ? masks_[worker] : vote)
                         : codec_of(header, vote);
  std::vector<Index> positions = codec->decode(reader.field(comm::Field::positions), header.count);
  codec->encode(positions, writer.field(comm::Field::positions));
  follow_vote(header.kind, worker, positions);
  if (is_mask) masks_[worker] = positions;
  return positions;
}

/// Algorithm 2 line 15. An add enters the vote only when the drops have left it.
void RecordedWire::follow_vote(comm::Kind kind, std::uint32_t worker,
                               const std::vector<Index>& positions) {
  std::vector<Index>& vote = votes_[worker];
  if (kind == comm::Kind::vote) vote = positions;
  if (kind == comm::Kind::add) added_[worker] = positions;
  if (kind == comm::Kind::drop) {
    vote = compress::changed_vote(vote, {.add = added_[worker], .drop = positions});
  }
}

std::vector<float> RecordedWire::copy_values(comm::MessageReader& reader,
                                             comm::MessageWriter& writer, std::uint32_t worker) {
  const comm::Header& header = reader.header();
  const comm::Field field =
      header.kind == comm::Kind::model ? comm::Field::initial_model : comm::Field::values;
  std::vector<float> values(header.count);
  if (header.value_bits == 32) {
    reader.field(field).get_floats(values);
    writer.field(field).put_floats(values);
    return values;
  }
  std::vector<std::uint8_t> own;  // the server has no vote
  if (header.position_codec == compress::kEntropyOfCodes && header.kind == comm::Kind::update) {
    own = compress::marks_of(positions(header.round, comm::Kind::mask, worker), votes_[worker]);
  }
  const auto quantizer =
      compress::make_quantizer(header.value_bits, header.block_size, header.position_codec);
  compress::Quantized quantized =
      copy_codes(reader.field(field), writer.field(field), header, own, quantizer->wire_code());
  quantized.magnitudes = compress::decode_magnitudes(reader.field(comm::Field::level_means),
                                                     quantizer->magnitudes(header.count));
  compress::encode_magnitudes(quantized.magnitudes, writer.field(comm::Field::level_means));
  quantizer->recover(quantized, values);
  return values;
}

}  // namespace mvsgd::sim
