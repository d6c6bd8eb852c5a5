#include "compress/positions/position_codecs.hpp"

#include <stdexcept>
#include <string>

#include "compress/positions/block_position_codec.hpp"
#include "compress/positions/elias_fano_codec.hpp"
#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/radix_codec.hpp"
#include "compress/positions/rans_codec.hpp"
#include "compress/positions/rice_codec.hpp"

namespace mvsgd::compress {
namespace {

using Made = std::unique_ptr<PositionCodec>;

/// A code whose parameter is the size of its blocks.
template <typename Codec>
constexpr PositionCodecKind of_blocks(std::string_view name) {
  return {.id = Codec::kId,
          .name = name,
          .has_blocks = true,
          .make = [](std::uint64_t n, std::uint64_t, std::uint64_t block) -> Made {
            return std::make_unique<Codec>(n, block);
          },
          .read = [](std::uint64_t n, std::uint32_t parameter) -> Made {
            return std::make_unique<Codec>(n, parameter);
          }};
}

/// A code that needs only n.
template <typename Codec>
constexpr PositionCodecKind without_parameter(std::string_view name) {
  return {.id = Codec::kId,
          .name = name,
          .has_blocks = false,
          .make = [](std::uint64_t n, std::uint64_t, std::uint64_t) -> Made {
            return std::make_unique<Codec>(n);
          },
          .read = [](std::uint64_t n, std::uint32_t parameter) -> Made {
            return parameter == 0 ? std::make_unique<Codec>(n) : nullptr;
          }};
}

/// Its parameter depends on the count.
constexpr PositionCodecKind kRice{
    .id = RiceCodec::kId,
    .name = "rice",
    .has_blocks = false,
    .make = [](std::uint64_t n, std::uint64_t count, std::uint64_t) -> Made {
      return std::make_unique<RiceCodec>(n, std::uint64_t{1} << rice_parameter(n, count));
    },
    .read = [](std::uint64_t n, std::uint32_t parameter) -> Made {
      return std::make_unique<RiceCodec>(n, parameter);
    }};

constexpr PositionCodecKind kCodecs[] = {of_blocks<BlockPositionCodec>("block"),
                                         without_parameter<EliasFanoCodec>("elias-fano"),
                                         kRice,
                                         of_blocks<RadixCodec>("radix"),
                                         without_parameter<EntropyCodec>("entropy"),
                                         without_parameter<RansCodec>("rans")};

}  // namespace

std::span<const PositionCodecKind> position_codecs() { return kCodecs; }

const PositionCodecKind& position_codec_named(std::string_view name) {
  std::string names;
  for (const PositionCodecKind& kind : kCodecs) {
    if (kind.name == name) return kind;
    names += std::string(names.empty() ? "" : ", ") + std::string(kind.name);
  }
  throw std::invalid_argument("one of " + names + " is wanted");
}

std::unique_ptr<PositionCodec> make_position_codec(std::uint8_t id, std::uint64_t d,
                                                   std::uint32_t parameter) {
  for (const PositionCodecKind& kind : kCodecs) {
    if (kind.id != id) continue;
    try {
      if (auto codec = kind.read(d, parameter)) return codec;
    } catch (const std::invalid_argument& e) {
      throw comm::DecodeError(e.what());
    }
  }
  throw comm::DecodeError("position codec " + std::to_string(id) + " with block_size " +
                          std::to_string(parameter) + " is unknown");
}

}  // namespace mvsgd::compress
