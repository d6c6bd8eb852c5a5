// The instruction sets that this backend's loops are compiled for. All of them compute the same
// bits: which one runs is a parameter.
#pragma once

#include <cstdint>
#include <string_view>

namespace mvsgd::nn::lanes {

/// portable is what the compiler takes without being told of a processor; its fused multiply-adds
/// are calls where that has none.
enum class Isa : std::uint8_t { portable, avx2, avx512 };

/// "portable", "avx2" or "avx512".
[[nodiscard]] std::string_view name(Isa isa);

/// Whether this build has loops for `isa` and this processor runs them.
[[nodiscard]] bool supports(Isa isa);

/// The last one of the list above that is supported.
[[nodiscard]] Isa best_isa();

}  // namespace mvsgd::nn::lanes
