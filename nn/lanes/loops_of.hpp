// The table of loops of one instruction set, for the sources compiled for one alone.
#pragma once

#include "nn/lanes/few_channels_loops.hpp"
#include "nn/lanes/norm_gradient_loops.hpp"
#include "nn/lanes/norm_loops.hpp"
#include "nn/lanes/winograd_gradient_loops.hpp"
#include "nn/lanes/winograd_loops.hpp"

namespace mvsgd::nn::lanes {

template <Isa Path>
const Loops LoopsOf<Path>::kTable{.packed_floats = Product<Path>::packed_floats,
                                  .pack = Product<Path>::pack,
                                  .direct = DirectLoops<Path>::direct,
                                  .round_to_bf16 = Product<Path>::round_to_bf16,
                                  .to_lanes = FewChannelsLoops<Path>::to_lanes,
                                  .transpose = DirectLoops<Path>::transpose,
                                  .direct_weights = DirectLoops<Path>::direct_weights,
                                  .direct_weights_of_few = FewChannelsLoops<Path>::weights,
                                  .winograd_packed_floats = WinogradPack<Path>::packed_floats,
                                  .winograd_scratch = WinogradLoops<Path>::scratch_floats,
                                  .winograd_pack = WinogradPack<Path>::pack,
                                  .winograd_at_once = WinogradLoops<Path>::at_once,
                                  .winograd = WinogradLoops<Path>::convolve,
                                  .winograd_arguments = WinogradGradientLoops<Path>::arguments,
                                  .winograd_multiply = WinogradGradientLoops<Path>::multiply,
                                  .winograd_gradients = WinogradGradientLoops<Path>::gradients,
                                  .moments = NormLoops<Path>::moments,
                                  .apply = NormLoops<Path>::apply,
                                  .gradient_sums = NormGradientLoops<Path>::gradient_sums,
                                  .input_gradient = NormGradientLoops<Path>::input_gradient};

}  // namespace mvsgd::nn::lanes
