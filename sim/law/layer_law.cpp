#include "sim/law/layer_law.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace mvsgd::sim {
namespace {

constexpr std::uint8_t kBlock = 1;

/// The members of `list` in [begin, begin + size), less `begin`.
std::vector<std::uint32_t> within(Coordinates list, std::uint64_t begin, std::uint64_t size) {
  const auto from = std::lower_bound(list.begin(), list.end(), begin);
  const auto to = std::lower_bound(from, list.end(), begin + size);
  std::vector<std::uint32_t> part(from, to);
  for (std::uint32_t& i : part) i -= static_cast<std::uint32_t>(begin);
  return part;
}

}  // namespace

std::uint64_t layer_law(std::uint64_t layer, std::uint64_t digits, unsigned places,
                        std::uint64_t dense_below) {
  if (layer < dense_below) return layer;
  // From the last decimal place to the first, so that no product is too large: ceil((ceil(x) + n) /
  // 10) is ceil((x + n) / 10).
  std::uint64_t kept = 0;
  for (; places > 0; --places, digits /= 10) kept = (kept + digits % 10 * layer + 9) / 10;
  kept += digits * layer;
  if (kept > layer) {
    throw std::invalid_argument("layer_law: " + std::to_string(kept) + " of " +
                                std::to_string(layer));
  }
  return kept;
}

comm::Bits count_law(std::uint64_t most) {
  std::uint64_t bits = 0;
  for (; most > 0; most /= 2) ++bits;
  return comm::Bits(bits);
}

std::optional<comm::Bits> layers_law(const LawConstants& law, std::uint8_t code,
                                     std::span<const PartOfList> parts, bool counted,
                                     std::uint64_t k, std::uint64_t block_size) {
  if (counted && code != kBlock) return std::nullopt;
  comm::Bits bits;
  for (const PartOfList& part : parts) {
    if (part.n == 0) {
      if (counted) k -= std::min(k, part.most);  // a whole layer, or none of it
      continue;
    }
    const auto of_part =
        position_law_of_code(law, code, part.n, counted ? 0 : part.most, block_size);
    if (!of_part) return std::nullopt;
    bits += *of_part;
    if (counted) bits += count_law(part.most);
  }
  // In eq 14 a position costs the same wherever it is, and blocks cost the same whatever is in
  // them.
  if (counted) bits += position_law(law, 0, k, block_size);
  return bits;
}

comm::Bits law_of_layers(std::span<const PartOfList> parts, bool counted, Coordinates list,
                         Coordinates previous, const LawOfPart& law_of_part) {
  comm::Bits bits;
  std::uint64_t begin = 0;
  for (const PartOfList& part : parts) {
    if (part.n > 0) {
      if (counted) bits += count_law(part.most);
      bits += law_of_part(part, within(list, begin, part.size), within(previous, begin, part.size));
    }
    begin += part.size;
  }
  return bits;
}

}  // namespace mvsgd::sim
