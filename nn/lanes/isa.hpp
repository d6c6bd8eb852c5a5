// The instruction sets for which this backend's loops are compiled. All of them compute the same
// bits; a parameter chooses which runs.
#pragma once

#include <cstdint>
#include <string_view>

namespace mvsgd::nn::lanes {

/// portable is the compiler's default for this architecture. Where that has no fused multiply-add,
/// it is a function call.
enum class Isa : std::uint8_t { portable, avx2, avx512 };

/// "portable", "avx2" or "avx512".
[[nodiscard]] std::string_view name(Isa isa);

/// Whether this build has loops for `isa` and this processor runs them.
[[nodiscard]] bool supports(Isa isa);

/// The last supported one of the list above.
[[nodiscard]] Isa best_isa();

}  // namespace mvsgd::nn::lanes
