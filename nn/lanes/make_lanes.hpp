// The lanes backend: own loops on images side by side in the lanes of vectors.
#pragma once

#include <memory>

#include "nn/backend_entry.hpp"
#include "nn/lanes/isa.hpp"

namespace mvsgd::nn {

struct LanesOptions {
  /// winograd, and table with float32: F(4x4, 3x3) in every 3x3 convolution of stride and padding
  /// 1, direct loops elsewhere.
  ConvolutionChoice convolution = ConvolutionChoice::table;
  lanes::Isa isa = lanes::best_isa();
  /// Convolutions take their arguments rounded to bfloat16, by nearest_bf16() of
  /// nn/lanes/tiles.hpp, and sum in float32; weights, statistics and everything else stay float32.
  /// With winograd the sums are float32's, and batch norm rounds its result y and its input's
  /// gradient dx, which convolutions read, as it writes them. With table and direct all
  /// convolutions are direct, and the tile unit sums them if the processor has one; elsewhere fused
  /// multiply-adds give its bits.
  bool bf16 = false;
};

/// Of the two definitions of bf16's sums, the one that is faster on this processor: `direct` where
/// the tile unit may be used, which it asks of Linux, else `winograd`. Their bits differ.
[[nodiscard]] ConvolutionChoice fastest_bf16_convolution();

/// A backend on the CPU, with no library but OpenMP. Throws std::invalid_argument unless this
/// processor has options.isa.
[[nodiscard]] std::unique_ptr<Backend> make_lanes_backend(const LanesOptions& options = {});

/// The entry has fp32 and bf16, no graphs, and every instruction set that lanes::supports(). Its
/// bits are the same on every processor, with every instruction set and any threads.
[[nodiscard]] BackendEntry lanes_entry();

}  // namespace mvsgd::nn
