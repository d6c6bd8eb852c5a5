#include "sim/files/digest.hpp"

#include <algorithm>

#include "comm/bit_stream.hpp"
#include "data/checksum.hpp"

namespace mvsgd::sim {
namespace {

void put(std::span<const float> values, comm::BitWriter& out) { out.put_floats(values); }

void put(std::span<const std::uint32_t> values, comm::BitWriter& out) {
  for (const std::uint32_t value : values) out.put(value, 32);
}

/// Hashes in parts, so that a model is not held twice.
template <typename Value>
std::string sha256_of(std::span<const Value> values) {
  constexpr std::size_t kPart = std::size_t{1} << 16;
  data::Checksum checksum(data::Hash::sha256);
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), kPart);
    comm::BitWriter stream;
    put(values.first(count), stream);
    checksum.add(stream.take());
    values = values.subspan(count);
  }
  return checksum.hex();
}

}  // namespace

std::string sha256(std::span<const float> values) { return sha256_of(values); }

std::string sha256(std::span<const std::uint32_t> values) { return sha256_of(values); }

}  // namespace mvsgd::sim
