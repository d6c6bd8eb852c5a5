#include "compress/values/quantizers.hpp"

#include <stdexcept>
#include <string>

#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/half_precision.hpp"
#include "compress/values/scaled_sign.hpp"

namespace mvsgd::compress {
namespace {

using Made = std::unique_ptr<Quantizer>;

constexpr QuantizerKind kQuantizers[] = {
    {.name = "fractional",
     .equation = "eq 18",
     .least_bits = 2,
     .most_bits = 8,
     .has_blocks = false,
     .make = [](unsigned value_bits, std::size_t) -> Made {
       return std::make_unique<FractionalQuantizer>(value_bits);
     }},
    {.name = "scaled-sign",
     .equation = "eq 17",
     .least_bits = 1,
     .most_bits = 1,
     .has_blocks = true,
     .make = [](unsigned, std::size_t block) -> Made {
       return std::make_unique<ScaledSign>(block);
     }},
    {.name = kFloat16.name,
     .equation = "IEEE 754",
     .least_bits = kHalfBits,
     .most_bits = kHalfBits,
     .has_blocks = false,
     .make = [](unsigned, std::size_t) -> Made {
       return std::make_unique<HalfPrecision>(kFloat16);
     }},
    {.name = kBfloat16.name,
     .equation = "float32's upper half",
     .least_bits = kHalfBits,
     .most_bits = kHalfBits,
     .has_blocks = false,
     .make = [](unsigned, std::size_t) -> Made {
       return std::make_unique<HalfPrecision>(kBfloat16);
     }}};

}  // namespace

std::span<const QuantizerKind> quantizers() { return kQuantizers; }

const QuantizerKind& quantizer_named(std::string_view name) {
  std::string names;
  for (const QuantizerKind& kind : kQuantizers) {
    if (kind.name == name) return kind;
    names += std::string(names.empty() ? "" : ", ") + std::string(kind.name);
  }
  throw std::invalid_argument("one of " + names + " is wanted");
}

const QuantizerKind& quantizer_of(unsigned value_bits) {
  for (const QuantizerKind& kind : kQuantizers) {
    if (kind.has(value_bits)) return kind;
  }
  throw std::invalid_argument("quantizer_of: q = " + std::to_string(value_bits));
}

const QuantizerKind& quantizer_for(std::string_view name, unsigned value_bits) {
  const QuantizerKind& named = quantizer_named(name);
  return named.has(value_bits) ? named : quantizer_of(value_bits);
}

std::unique_ptr<Quantizer> make_quantizer(unsigned value_bits, std::size_t block,
                                          std::uint8_t code) {
  const bool is_bfloat = value_bits == kHalfBits && code == kBfloat16.code;
  return (is_bfloat ? quantizer_named(kBfloat16.name) : quantizer_of(value_bits))
      .make(value_bits, block);
}

}  // namespace mvsgd::compress
