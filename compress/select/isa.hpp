// The instruction sets that kernels are compiled for. Which one runs is a parameter: results do not
// depend on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace mvsgd::compress {

/// What a kernel may use. portable is what the compiler takes without being told of a processor.
enum class Isa : std::uint8_t { portable, avx2, avx512 };

/// "portable", "avx2" or "avx512".
[[nodiscard]] std::string_view name(Isa isa);

/// Whether this build has kernels for `isa` and this processor runs them.
[[nodiscard]] bool supports(Isa isa);

/// The last one of the list above that is supported.
[[nodiscard]] Isa best_isa();

}  // namespace mvsgd::compress
