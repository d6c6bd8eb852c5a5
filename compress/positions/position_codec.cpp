#include "compress/positions/position_codec.hpp"

#include <stdexcept>
#include <string>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/elias_fano_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/radix_codec.hpp"
#include "compress/positions/rice_codec.hpp"

namespace mvsgd::compress {

std::unique_ptr<PositionCodec> make_position_codec(std::uint8_t id, std::uint64_t d,
                                                   std::uint32_t parameter) {
  try {
    switch (id) {
      case BlockPositionCodec::kId:
        return std::make_unique<BlockPositionCodec>(d, parameter);
      case EliasFanoCodec::kId:
        if (parameter != 0) break;
        return std::make_unique<EliasFanoCodec>(d);
      case RiceCodec::kId:
        return std::make_unique<RiceCodec>(d, parameter);
      case RadixCodec::kId:
        return std::make_unique<RadixCodec>(d, parameter);
      case EntropyCodec::kId:
        if (parameter != 0) break;
        return std::make_unique<EntropyCodec>(d);
      default:
        break;
    }
  } catch (const std::invalid_argument& e) {
    throw comm::DecodeError(e.what());
  }
  throw comm::DecodeError("position codec " + std::to_string(id) + " with block_size " +
                          std::to_string(parameter) + " is unknown");
}

}  // namespace mvsgd::compress
