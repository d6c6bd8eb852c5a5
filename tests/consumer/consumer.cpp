// Uses the installed libraries as somebody else's program would: exit code 0 if their answers hold.
#include <array>
#include <cstdint>
#include <vector>

#include "comm/bit_stream.hpp"
#include "compress/positions/block_position_codec.hpp"
#include "compress/select/top_k.hpp"
#include "nn/resnet18.hpp"

int main() {
  using namespace mvsgd;
  constexpr std::array<float, 8> kGradient{0.5F, -3.0F, 0.0F, 2.0F, -0.25F, 1.0F, 0.0F, -2.0F};
  const std::vector<compress::Index> support = compress::top_k_support(kGradient, 3);

  const compress::BlockPositionCodec codec(kGradient.size(), 4);
  comm::BitWriter writer;
  codec.encode(support, writer);
  const comm::Bits size = writer.size();
  const std::vector<std::byte> bytes = writer.take();
  comm::BitReader reader(bytes, size);

  const bool codes = support == std::vector<compress::Index>{1, 3, 7} &&
                     codec.decode(reader) == support && size == codec.size(support.size());
  const bool knows_resnet18 = nn::resnet18_parameters({.width = 16}).size() == 701'466;
  return codes && knows_resnet18 ? 0 : 1;
}
