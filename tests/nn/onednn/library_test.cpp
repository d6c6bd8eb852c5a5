#include "nn/onednn/library.hpp"

#include <gtest/gtest.h>

#include <string>

namespace mvsgd::nn {
namespace {

// What ONEDNN_DEFAULT_FPMATH_MODE sets. It changes bits where the processor has a tile unit.
TEST(OneDnnLibrary, KeepsFloat32IfTheDefaultAllowsBfloat16) {
  dnnl_fpmath_mode_t before{};
  ASSERT_EQ(dnnl_get_default_fpmath_mode(&before), dnnl_success);
  ASSERT_EQ(dnnl_set_default_fpmath_mode(dnnl_fpmath_mode_any), dnnl_success);
  Library library;
  library.set_threads(1);
  const auto layout = [](const dnnl::memory::dims& extents) {
    return dnnl::memory::desc(extents, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
  };
  const dnnl::memory::dims ones{1, 1};
  const auto described = library.describe<dnnl::convolution_forward>(
      dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, layout({1, 16, 8, 8}),
      layout({16, 16, 3, 3}), layout({1, 16, 8, 8}), ones, ones, ones);
  EXPECT_EQ(described.get_primitive_attr().get_fpmath_mode(), dnnl::fpmath_mode::strict);
  dnnl_set_default_fpmath_mode(before);
}

TEST(OneDnnLibrary, SaysWhichOperationItRefused) {
  try {
    or_refuse("conv2d", [] { throw dnnl::error(dnnl_unimplemented, "no such stride"); });
    FAIL() << "nothing was refused";
  } catch (const BackendError& error) {
    EXPECT_EQ(std::string("conv2d: oneDNN: no such stride"), error.what());
  }
}

}  // namespace
}  // namespace mvsgd::nn
