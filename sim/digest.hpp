// The digest that says whether two runs are the same.
#pragma once

#include <span>
#include <string>

namespace mvsgd::sim {

/// SHA-256 of the floats' IEEE bits, four bytes each, least significant first, as 64 hexadecimal
/// digits.
[[nodiscard]] std::string sha256(std::span<const float> values);

}  // namespace mvsgd::sim
