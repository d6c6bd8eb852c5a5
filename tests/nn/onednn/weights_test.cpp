#include "nn/onednn/weights.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nn/buffer_pool.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn::kernels {
namespace {

class Weights : public ::testing::TestWithParam<WeightShape> {
 protected:
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(shape_.outputs * shape_.inputs * shape_.taps);
  }
  // The place in OIhw16i16o of the weight of output o, input i and tap t.
  [[nodiscard]] std::size_t place(std::int64_t o, std::int64_t i, std::int64_t t) const {
    const std::int64_t block = o / 16 * (shape_.inputs / 16) + i / 16;
    return static_cast<std::size_t>(((block * shape_.taps + t) * 16 + i % 16) * 16 + o % 16);
  }
  // The definition: blocked[place(o, i, t)] = plain[o][i][t].
  [[nodiscard]] std::vector<float> packed(const std::vector<float>& plain) const {
    std::vector<float> blocked(plain.size());
    std::size_t at = 0;
    for (std::int64_t o = 0; o < shape_.outputs; ++o) {
      for (std::int64_t i = 0; i < shape_.inputs; ++i) {
        for (std::int64_t t = 0; t < shape_.taps; ++t) blocked[place(o, i, t)] = plain[at++];
      }
    }
    return blocked;
  }

  const WeightShape shape_ = GetParam();
  const std::vector<float> plain_ =
      testing::uniform(shape_.outputs * shape_.inputs * shape_.taps, 1);
};

INSTANTIATE_TEST_SUITE_P(Shapes, Weights,
                         ::testing::Values(WeightShape{16, 16, 1}, WeightShape{16, 16, 9},
                                           WeightShape{48, 32, 9}, WeightShape{32, 64, 1},
                                           WeightShape{16, 32, 5}),
                         [](const auto& tested) {
                           return "o" + std::to_string(tested.param.outputs) + "i" +
                                  std::to_string(tested.param.inputs) + "t" +
                                  std::to_string(tested.param.taps);
                         });

TEST_P(Weights, GoToBlocksAndBackElementByElement) {
  const auto count = static_cast<std::int64_t>(size());
  const std::shared_ptr<float> blocked = BufferPool::make()->take(count);
  pack(shape_, plain_.data(), blocked.get());
  EXPECT_EQ(std::vector<float>(blocked.get(), blocked.get() + count), packed(plain_));

  // A view of a flat array may begin anywhere: here one float past an aligned address.
  std::vector<float> flat(size() + 2, 7);
  unpack(shape_, blocked.get(), flat.data() + 1, Into::overwrite);
  EXPECT_EQ(flat.front(), 7);
  EXPECT_EQ(flat.back(), 7);
  EXPECT_EQ(std::vector<float>(flat.begin() + 1, flat.end() - 1), plain_);

  unpack(shape_, blocked.get(), flat.data() + 1, Into::add);
  std::vector<float> twice = plain_;
  for (float& value : twice) value += value;
  EXPECT_EQ(std::vector<float>(flat.begin() + 1, flat.end() - 1), twice);
}

}  // namespace
}  // namespace mvsgd::nn::kernels
