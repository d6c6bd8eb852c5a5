// Lists of positions that are chosen in each layer by itself: one code after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compress/positions/position_codec.hpp"

namespace mvsgd::compress {

/// The part of such a list that is in one layer.
struct ListInLayer {
  std::uint64_t size = 0;  ///< coordinates of the layer
  /// Positions that a list has in the layer; the most if the codec counts them.
  std::uint64_t count = 0;
  /// The code of positions from the layer's first coordinate on, and below `size`. Null: nothing is
  /// sent of the layer, whose coordinates are all in the list (count = size), or none (count = 0).
  std::shared_ptr<const PositionCodec> codec{};
};

/// Codes sets of positions in [0, d) as their parts in layers of d_1, d_2, ... coordinates, in this
/// order: each part by a codec of its own, relative to the layer's first coordinate. So a list has
/// the bits of its parts together. Where a list may have any number of positions in a layer, up to
/// a largest one, each part begins with that number, in as many bits as the largest one has.
///
/// Example: layers of 8, 2 and 8 coordinates, of which 2, 2 and 1 are in each list, in the block
/// code with B = 4. The set {1, 6, 8, 9, 15} takes 13 bits, none of them for the second layer,
/// which is whole in every list:
///
///     layer      0                  1      2
///     block      0         1        -      0    1
///     positions  1         6        8 9    -    15
///     bits       1 '01' 0  1 '10' 0        0    1 '01' 0
///
/// (offsets written as numbers; that of 15 is 15 - 10 - 4 = 1). If they are counted, at most 3, 0
/// and 3 a layer, {1, 15} takes 14 bits: the number 1 in 2 bits before each of the two parts.
class LayerCodec final : public PositionCodec {
 public:
  /// Added to the value of Header::position_codec of the code of which the parts are.
  static constexpr std::uint8_t kByLayer = 64;

  /// `code` and `parameter` are the id and the parameter that a list of this code has without
  /// layers. `counted`: lists may have fewer positions in a layer than its count.
  ///
  /// Throws std::invalid_argument if there are no coordinates or 2^32 and more, a count is larger
  /// than its layer, or a layer without a codec has a count that is neither 0 nor its size.
  LayerCodec(std::uint8_t code, std::uint32_t parameter, std::vector<ListInLayer> layers,
             bool counted);

  [[nodiscard]] std::uint8_t id() const override;
  [[nodiscard]] std::uint32_t parameter() const override { return parameter_; }
  [[nodiscard]] bool is_data_dependent() const override;

  /// Here and below: also throws std::invalid_argument unless each layer has its number of
  /// positions. Cost: that of the parts' codecs, and a binary search for each layer.
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override;
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override;
  /// Also throws comm::DecodeError if a layer has too many positions, or all have not `count`.
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override;

 private:
  /// Calls visit(layer, part) for each layer of which something is sent, in order; `part` is
  /// relative to its first coordinate.
  template <typename Visit>
  void for_each_part(std::span<const Index> positions, const Visit& visit) const;

  std::uint8_t code_;
  std::uint32_t parameter_;
  std::vector<ListInLayer> layers_;
  bool counted_;
  std::uint64_t d_ = 0;
};

}  // namespace mvsgd::compress
