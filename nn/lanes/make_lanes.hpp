// The lanes backend: own loops on images side by side in the lanes of vectors.
#pragma once

#include <memory>

#include "nn/backend_entry.hpp"
#include "nn/lanes/isa.hpp"

namespace mvsgd::nn {

struct LanesOptions {
  /// table and winograd: F(4x4, 3x3) in every 3x3 convolution of stride and padding 1.
  ConvolutionChoice convolution = ConvolutionChoice::table;
  lanes::Isa isa = lanes::best_isa();
  /// Convolutions take their arguments rounded to bfloat16 and sum in float32; weights, batch norm
  /// and everything else stay float32. All convolutions are direct. The tile unit computes them if
  /// the processor has one; elsewhere fused multiply-adds give its bits.
  bool bf16 = false;
};

/// A backend on the CPU, with no library but OpenMP. Throws std::invalid_argument unless this
/// processor has options.isa.
[[nodiscard]] std::unique_ptr<Backend> make_lanes_backend(const LanesOptions& options = {});

/// The entry has fp32 and bf16 (in which convolutions are direct), no graphs, and every instruction
/// set that lanes::supports(). Its bits are the same on every processor, with every instruction set
/// and any threads.
[[nodiscard]] BackendEntry lanes_entry();

}  // namespace mvsgd::nn
