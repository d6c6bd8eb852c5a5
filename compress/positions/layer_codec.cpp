#include "compress/positions/layer_codec.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {
namespace {

unsigned count_bits(const ListInLayer& layer) {
  return static_cast<unsigned>(std::bit_width(layer.count));
}

}  // namespace

LayerCodec::LayerCodec(std::uint8_t code, std::uint32_t parameter, std::vector<ListInLayer> layers,
                       bool counted)
    : code_(code), parameter_(parameter), layers_(std::move(layers)), counted_(counted) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const auto& [size, count, codec] = layers_[l];
    if (count > size || (!codec && count > 0 && count < size)) {
      throw std::invalid_argument("LayerCodec: " + std::to_string(count) + " of " +
                                  std::to_string(size) + " positions in layer " +
                                  std::to_string(l));
    }
    d_ += size;
  }
  if (d_ == 0 || d_ > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument("LayerCodec: d = " + std::to_string(d_));
  }
}

std::uint8_t LayerCodec::id() const { return static_cast<std::uint8_t>(kByLayer + code_); }

bool LayerCodec::is_data_dependent() const {
  return std::ranges::any_of(layers_, [&](const ListInLayer& layer) {
    return layer.codec && (counted_ || layer.codec->is_data_dependent());
  });
}

template <typename Visit>
void LayerCodec::for_each_part(std::span<const Index> positions, const Visit& visit) const {
  check_positions("LayerCodec", positions, d_);
  std::vector<Index> part;
  std::uint64_t begin = 0;
  auto from = positions.begin();
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const ListInLayer& layer = layers_[l];
    const std::uint64_t end = begin + layer.size;
    const auto to = std::lower_bound(from, positions.end(), end,
                                     [](Index i, std::uint64_t bound) { return i < bound; });
    const auto count = static_cast<std::uint64_t>(to - from);
    const bool may_be_fewer = counted_ && layer.codec;
    if (may_be_fewer ? count > layer.count : count != layer.count) {
      throw std::invalid_argument("LayerCodec: " + std::to_string(count) + " positions in layer " +
                                  std::to_string(l) + ", not " + std::to_string(layer.count));
    }
    if (layer.codec) {
      part.assign(from, to);
      for (Index& i : part) i -= static_cast<Index>(begin);
      visit(layer, std::span<const Index>(part));
    }
    from = to;
    begin = end;
  }
}

comm::Bits LayerCodec::size(std::span<const Index> positions) const {
  comm::Bits bits;
  for_each_part(positions, [&](const ListInLayer& layer, std::span<const Index> part) {
    if (counted_) bits += comm::Bits(count_bits(layer));
    bits += layer.codec->size(part);
  });
  return bits;
}

void LayerCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  comm::BitWriter parts;  // so that `out` is unchanged if a codec throws
  for_each_part(positions, [&](const ListInLayer& layer, std::span<const Index> part) {
    if (counted_) parts.put(part.size(), count_bits(layer));
    layer.codec->encode(part, parts);
  });
  out.put_all(std::move(parts));
}

std::vector<Index> LayerCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  std::vector<Index> positions;
  std::uint64_t begin = 0;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const ListInLayer& layer = layers_[l];
    const auto first = static_cast<Index>(begin);
    begin += layer.size;
    if (!layer.codec) {
      for (std::uint64_t i = 0; i < layer.count; ++i) {
        positions.push_back(first + static_cast<Index>(i));
      }
      continue;
    }
    const std::uint64_t here = counted_ ? in.get(count_bits(layer)) : layer.count;
    if (here > layer.count) {
      throw comm::DecodeError("layer code: " + std::to_string(here) + " positions in layer " +
                              std::to_string(l) + ", at most " + std::to_string(layer.count) +
                              ", before bit " + std::to_string(in.position().count()));
    }
    for (const Index i : layer.codec->decode(in, here)) {
      if (i >= layer.size) {
        throw comm::DecodeError("layer code: position " + std::to_string(i) + " of layer " +
                                std::to_string(l) + ", which has " + std::to_string(layer.size));
      }
      positions.push_back(first + i);
    }
  }
  if (positions.size() == count) return positions;
  throw comm::DecodeError("layer code: " + std::to_string(positions.size()) +
                          " positions in all layers, not " + std::to_string(count));
}

}  // namespace mvsgd::compress
