// Fuzzes LayerCodec::decode with any code in the layers: any bits are refused, or are what encode()
// writes for the set that was read.
//
// Input: the codec's id in a byte, its parameter in two, the count in two; 1 if positions are
// counted, and the number of layers (7 at most), in a byte each; of each layer its size in two
// bytes and its count in one, plus 128 if nothing is sent of it. Then the stream.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "compress/positions/layer_codec.hpp"
#include "compress/positions/position_codecs.hpp"
#include "tests/fuzz/code_check.hpp"

namespace {

using mvsgd::compress::LayerCodec;
using mvsgd::compress::ListInLayer;

constexpr std::size_t kPrefix = 7;
constexpr std::size_t kLayerBytes = 3;

std::optional<LayerCodec> codec_of(mvsgd::comm::BitReader& in, std::uint8_t id,
                                   std::uint32_t parameter, bool counted, std::size_t layers) {
  std::vector<ListInLayer> lists;
  for (std::size_t l = 0; l < layers; ++l) {
    ListInLayer& list = lists.emplace_back();
    list.size = in.get(16);
    const std::uint64_t count = in.get(8);
    list.count = count % 128;
    if (count >= 128) continue;
    try {
      list.codec = mvsgd::compress::make_position_codec(id, list.size, parameter);
    } catch (const mvsgd::comm::DecodeError&) {
      return std::nullopt;
    }
  }
  try {
    return LayerCodec(id, parameter, std::move(lists), counted);
  } catch (const std::invalid_argument&) {  // no layers that a model has
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = mvsgd::fuzz::code_input(data, size, kPrefix);
  if (!input) return 0;
  const auto id = static_cast<std::uint8_t>(input->prefix.get(8));
  const auto parameter = static_cast<std::uint32_t>(input->prefix.get(16));
  const std::uint64_t count = input->prefix.get(16);
  const bool counted = input->prefix.get(8) % 2 != 0;
  const std::size_t layers = input->prefix.get(8) % 8;
  auto body = mvsgd::fuzz::code_input(data + kPrefix, size - kPrefix, kLayerBytes * layers);
  if (!body) return 0;
  const auto codec = codec_of(body->prefix, id, parameter, counted, layers);
  if (codec) mvsgd::fuzz::check_code(*codec, body->stream, count);
  return 0;
}
