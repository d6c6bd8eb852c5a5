// The table of every quantiser of a worker's values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "compress/values/quantizer.hpp"

namespace mvsgd::compress {

/// A row of quantizers(). A header tells quantisers apart by the bits of a value, and those of 16
/// bits by Quantizer::wire_code().
struct QuantizerKind {
  std::string_view name;      ///< as in the setting quantizer
  std::string_view equation;  ///< in the paper
  unsigned least_bits;        ///< q
  unsigned most_bits;
  bool has_blocks;  ///< whether make() looks at `block`

  /// Makes one with q bits a value. If it has blocks, `block` values share a scale; 0: all values
  /// do.
  std::unique_ptr<Quantizer> (*make)(unsigned value_bits, std::size_t block);

  [[nodiscard]] constexpr bool has(unsigned value_bits) const {
    return least_bits <= value_bits && value_bits <= most_bits;
  }
};

/// All kinds. The first is the default of settings that name none.
[[nodiscard]] std::span<const QuantizerKind> quantizers();

/// The kind with this name. Throws std::invalid_argument, listing the names, if there is none.
[[nodiscard]] const QuantizerKind& quantizer_named(std::string_view name);

/// The first kind with this q. Throws std::invalid_argument if there is none.
[[nodiscard]] const QuantizerKind& quantizer_of(unsigned value_bits);

/// The kind with this name if it has this q, else the first that has. Throws std::invalid_argument
/// if there is none.
[[nodiscard]] const QuantizerKind& quantizer_for(std::string_view name, unsigned value_bits);

/// The quantiser that a header with these value_bits, block_size and position_codec names. Throws
/// std::invalid_argument if there is none.
[[nodiscard]] std::unique_ptr<Quantizer> make_quantizer(unsigned value_bits, std::size_t block,
                                                        std::uint8_t code = 0);

}  // namespace mvsgd::compress
