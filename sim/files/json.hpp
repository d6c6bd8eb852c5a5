// JSON of this program's own types, and whole numbers out of it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>

#include "comm/message.hpp"

namespace mvsgd::sim {

/// The number that a JSON value is. The library's own get() would make one of a fraction, a
/// negative number or one too large, too.
///
/// Throws the library's type_error if it is no whole number, std::invalid_argument if it is too
/// large.
template <typename Unsigned, typename Json>
[[nodiscard]] Unsigned whole_number(const Json& value) {
  const std::uint64_t number = value.template get_ref<const std::uint64_t&>();
  if (number > std::numeric_limits<Unsigned>::max()) {
    throw std::invalid_argument(fmt::format("{} is too large", number));
  }
  return static_cast<Unsigned>(number);
}

enum class Zeros : bool { kept, left_out };

/// The bits of each field by its name.
[[nodiscard]] nlohmann::ordered_json json_of(const comm::FieldBits& bits, Zeros zeros);

}  // namespace mvsgd::sim
