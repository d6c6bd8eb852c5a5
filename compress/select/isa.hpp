// The instruction sets for which kernels are compiled. A parameter chooses which runs; results do
// not depend on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace mvsgd::compress {

/// The instructions that a kernel may use. portable is the compiler's default for this
/// architecture.
enum class Isa : std::uint8_t { portable, avx2, avx512 };

/// "portable", "avx2" or "avx512".
[[nodiscard]] std::string_view name(Isa isa);

/// Whether this build has kernels for `isa` and this processor runs them.
[[nodiscard]] bool supports(Isa isa);

/// The last supported one of the list above.
[[nodiscard]] Isa best_isa();

}  // namespace mvsgd::compress
