// Range asymmetric numeral systems: codes symbols by probabilities that both ends have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/coder/rans_stream.hpp"
#include "compress/select/isa.hpp"

namespace mvsgd::compress {

/// The range variant of J. Duda, "Asymmetric numeral systems: entropy coding combining speed of
/// Huffman coding with compression rate of arithmetic coding", arXiv:1311.2540. States have 32 bits
/// and grow by words of 16; several take turns as in F. Giesen, "Interleaved entropy coders",
/// arXiv:1402.3392. This comment defines the code completely; all numbers are integers,
/// and division rounds down.
///
/// A row of frequencies f_0, f_1, ... sums to M = 2^bits. Symbol s has the slots c_s to
/// c_s + f_s - 1 of its row, where c_s is the sum of the frequencies before f_s. The caller chooses
/// the row of each symbol.
///
/// The stream is the state of each lane, 32 bits, lane 0 first, then words of 16 bits. Symbol i,
/// i = 0, 1, ..., is read in lane i mod `lanes`, whose state is x. s is the symbol of slot x mod M,
/// and x becomes f_s (x / M) + x mod M - c_s. If that is below 2^16, the next word w is taken and x
/// becomes 2^16 x + w. A state that is sent is 2^16 or more, and each lane ends with x = 2^16. That
/// leaves an encoder no choice. It goes backwards through the symbols from there: if x >= f_s
/// 2^(32 - bits), it moves the low 16 bits of x out as a word, and then makes x M (x / f_s) + x mod
/// f_s + c_s.
///
/// With bits = 2, f = {3, 1} and one lane the symbols {0, 1, 0, 0} take 32 bits, the state 621380:
///
///     x           621380   466035   116508   87381   65536
///     slot        0        3        0        1
///     symbol      0        1        0        0
///
/// Law: 32 bits a lane, of which 16 come back on average, and log2(M / f_s) a symbol. Rounding adds
/// less than 0.001 of that if M is 2^11 (Rans.CostsTheLogarithmsOfItsSlots).
class Rans {
 public:
  static constexpr unsigned kMostBits = 12;
  static constexpr std::size_t kMostSymbols = 256;  ///< of all rows together
  static constexpr std::size_t kManyLanes = 8;

  /// Rows of `symbols` frequencies each, one after another. `isa` says with which instructions
  /// kManyLanes lanes are coded; the bits do not depend on it.
  ///
  /// Throws std::invalid_argument if bits is 0 or more than kMostBits, there are no rows or more
  /// than kMostSymbols frequencies, a row does not sum to 2^bits, or `isa` is not supported.
  Rans(unsigned bits, std::size_t symbols, std::vector<std::uint32_t> frequencies,
       Isa isa = best_isa());

  /// Appends the symbols, each given as row * symbols + s, in `lanes` lanes, 1 or kManyLanes.
  ///
  /// Throws std::invalid_argument if a symbol has the frequency 0 or `lanes` is another number;
  /// `out` is then unchanged. Cost: O(count) time, 2 bytes of scratch a symbol.
  void encode(std::span<const std::uint8_t> symbols, std::size_t lanes, comm::BitWriter& out) const;

  /// Reads `count` symbols in the form that encode() takes. Symbol i is in row rows[i], or in row 0
  /// if `rows` is empty.
  ///
  /// Throws DecodeError if the bits, whatever they are, are not what encode() writes for these
  /// rows. Throws std::invalid_argument if there are neither 0 nor `count` rows, a row does not
  /// exist, or `lanes` is another number. It takes a byte a symbol, whatever the message has: the
  /// caller must know that the count is plausible.
  [[nodiscard]] std::vector<std::uint8_t> decode(comm::BitReader& in, std::size_t count,
                                                 std::span<const std::uint8_t> rows,
                                                 std::size_t lanes) const;

 private:
  template <std::size_t Lanes>
  [[nodiscard]] RansStream encode_in(std::span<const std::uint8_t> symbols) const;
  template <std::size_t Lanes, bool HasRows>
  std::vector<std::uint8_t> decode_in(comm::BitReader& in, std::size_t count,
                                      std::span<const std::uint8_t> rows) const;
  [[nodiscard]] std::vector<std::uint32_t> slots() const;
  [[nodiscard]] std::vector<std::uint32_t> packed_steps() const;

  Isa isa_;
  unsigned bits_;
  std::size_t symbols_;
  std::vector<RansStep> steps_;
};

}  // namespace mvsgd::compress
