// JSON of this program's types, and checks for input that the JSON library would let pass.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <istream>
#include <iterator>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "comm/message.hpp"

namespace mvsgd::sim {

/// Returns `text` if it has no NUL byte. The library takes a NUL byte for the end of the text and
/// never reads what follows.
///
/// Throws std::invalid_argument if there is a NUL byte. The error gives its offset in a file that
/// has `before` bytes before the text.
[[nodiscard]] inline std::string_view without_nul(std::string_view text, std::size_t before = 0) {
  if (const auto at = text.find('\0'); at != std::string_view::npos) {
    throw std::invalid_argument(fmt::format("a NUL byte at offset {}", before + at));
  }
  return text;
}

/// The whole contents of a file. Throws std::invalid_argument if it has a NUL byte.
[[nodiscard]] inline std::string json_text(std::istream& file) {
  std::string text{std::istreambuf_iterator<char>(file), {}};
  static_cast<void>(without_nul(text));
  return text;
}

/// The whole number that a JSON value holds. The library's own get() would also convert a fraction,
/// a negative number or one that is too large.
///
/// Throws std::invalid_argument if the value is no whole number, or is too large.
template <typename Unsigned, typename Json>
[[nodiscard]] Unsigned whole_number(const Json& value) {
  if (!value.is_number_unsigned()) {
    throw std::invalid_argument(fmt::format("a whole number is wanted, not {}",
                                            value.is_number() ? value.dump() : value.type_name()));
  }
  const std::uint64_t number = value.template get_ref<const std::uint64_t&>();
  if (number > std::numeric_limits<Unsigned>::max()) {
    throw std::invalid_argument(fmt::format("{} is too large", number));
  }
  return static_cast<Unsigned>(number);
}

/// What an exception says of JSON, without the name that the library begins its own ones with.
[[nodiscard]] std::string said_of_json(const std::exception& e);

enum class Zeros : bool { kept, left_out };

/// The bits of each field, by the field's name.
[[nodiscard]] nlohmann::ordered_json json_of(const comm::FieldBits& bits, Zeros zeros);

}  // namespace mvsgd::sim
