// Digests that tell whether two runs have the same parameters.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace mvsgd::sim {

/// SHA-256 of the floats' IEEE bits, four bytes each, least significant first, as 64 hexadecimal
/// digits.
[[nodiscard]] std::string sha256(std::span<const float> values);

/// The same for integers.
[[nodiscard]] std::string sha256(std::span<const std::uint32_t> values);

}  // namespace mvsgd::sim
