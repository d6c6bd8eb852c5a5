#include "nn/layout.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

#include "nn/tensor.hpp"

namespace mvsgd::nn {
namespace {

TEST(Tensor, ShapesAreCountedAndWritten) {
  EXPECT_EQ(elements({64, 3, 32, 32}), 196608);
  EXPECT_EQ(elements({}), 1);
  EXPECT_EQ(elements({5, 0}), 0);
  EXPECT_EQ(to_string({64, 3, 32, 32}), "64x3x32x32");
  EXPECT_EQ(to_string({10}), "10");
  EXPECT_EQ(to_string({}), "scalar");
}

Layout three_tensors() {
  Layout layout;
  layout.append("conv.weight", {2, 3, 1, 1});
  layout.append("norm.weight", {2});
  layout.append("scale", {});
  return layout;
}

TEST(Layout, PutsTensorsOneAfterTheOther) {
  const Layout layout = three_tensors();
  ASSERT_EQ(layout.entries().size(), 3U);
  EXPECT_EQ(layout.entries()[0].offset, 0);
  EXPECT_EQ(layout.entries()[1].offset, 6);
  EXPECT_EQ(layout.entries()[2].offset, 8);
  EXPECT_EQ(layout.size(), 9);
  EXPECT_EQ(Layout().size(), 0);
}

TEST(Layout, NamesTheEntryOfEveryElement) {
  const Layout layout = three_tensors();
  for (std::int64_t i = 0; i < 6; ++i) EXPECT_EQ(layout.at(i).name, "conv.weight") << i;
  for (std::int64_t i = 6; i < 8; ++i) EXPECT_EQ(layout.at(i).name, "norm.weight") << i;
  EXPECT_EQ(layout.at(8).name, "scale");
}

TEST(Layout, RefusesElementsOutsideAndEmptyTensors) {
  Layout layout = three_tensors();
  EXPECT_THROW(static_cast<void>(layout.at(-1)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(layout.at(9)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(Layout().at(0)), std::out_of_range);
  EXPECT_THROW(layout.append("empty", {3, 0}), std::invalid_argument);
  EXPECT_EQ(layout.size(), 9);
}

}  // namespace
}  // namespace mvsgd::nn
