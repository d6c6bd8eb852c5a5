// "Did you mean": the known name nearest to a misspelt one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mvsgd::sim {

/// The name in `candidates` nearest to `name` in edit distance, whatever letters are capitals; ""
/// if none is within max(2, a third of the name's length).
[[nodiscard]] std::string nearest(std::string_view name, std::span<const std::string> candidates);

/// ": did you mean 'NEAREST'?", or "" if none is near.
[[nodiscard]] std::string did_you_mean(std::string_view name,
                                       std::span<const std::string> candidates);

}  // namespace mvsgd::sim
