// Every quantiser of a worker's values, in one table.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "compress/values/quantizer.hpp"

namespace mvsgd::compress {

/// One of quantizers(). A header tells quantisers apart by the bits of a value alone, so no two
/// kinds have a number of bits in common.
struct QuantizerKind {
  std::string_view name;      ///< as the setting quantizer spells it
  std::string_view equation;  ///< of the paper
  unsigned least_bits;        ///< q
  unsigned most_bits;
  bool has_blocks;  ///< whether make() looks at `block`

  /// For q bits a value and, where it has blocks, one scale for `block` values; 0: one for all.
  std::unique_ptr<Quantizer> (*make)(unsigned value_bits, std::size_t block);

  [[nodiscard]] constexpr bool has(unsigned value_bits) const {
    return least_bits <= value_bits && value_bits <= most_bits;
  }
};

/// All kinds. The first is the one of settings that name none.
[[nodiscard]] std::span<const QuantizerKind> quantizers();

/// The one of this name. Throws std::invalid_argument, with the names that there are, if there is
/// none.
[[nodiscard]] const QuantizerKind& quantizer_named(std::string_view name);

/// The one of this q. Throws std::invalid_argument if there is none.
[[nodiscard]] const QuantizerKind& quantizer_of(unsigned value_bits);

/// The quantiser that a header of these value_bits and block_size names. Throws
/// std::invalid_argument if there is none.
[[nodiscard]] std::unique_ptr<Quantizer> make_quantizer(unsigned value_bits, std::size_t block);

}  // namespace mvsgd::compress
