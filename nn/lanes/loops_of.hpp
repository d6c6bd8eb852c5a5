// The table of loops of one instruction set, for the sources compiled for one alone.
#pragma once

#include "nn/lanes/few_channels_loops.hpp"
#include "nn/lanes/norm_gradient_loops.hpp"
#include "nn/lanes/norm_loops.hpp"
#include "nn/lanes/winograd_gradient_loops.hpp"
#include "nn/lanes/winograd_loops.hpp"

namespace mvsgd::nn::lanes {

template <Isa isa>
const Loops LoopsOf<isa>::table{.packed_floats = Product<isa>::packed_floats,
                                .pack = Product<isa>::pack,
                                .direct = DirectLoops<isa>::direct,
                                .round_to_bf16 = Product<isa>::round_to_bf16,
                                .to_lanes = FewChannelsLoops<isa>::to_lanes,
                                .transpose = DirectLoops<isa>::transpose,
                                .direct_weights = DirectLoops<isa>::direct_weights,
                                .direct_weights_of_few = FewChannelsLoops<isa>::weights,
                                .winograd_packed_floats = WinogradPack<isa>::packed_floats,
                                .winograd_scratch = WinogradLoops<isa>::scratch_floats,
                                .winograd_pack = WinogradPack<isa>::pack,
                                .winograd_at_once = WinogradLoops<isa>::at_once,
                                .winograd = WinogradLoops<isa>::convolve,
                                .winograd_arguments = WinogradGradientLoops<isa>::arguments,
                                .winograd_multiply = WinogradGradientLoops<isa>::multiply,
                                .winograd_gradients = WinogradGradientLoops<isa>::gradients,
                                .moments = NormLoops<isa>::moments,
                                .apply = NormLoops<isa>::apply,
                                .gradient_sums = NormGradientLoops<isa>::gradient_sums,
                                .input_gradient = NormGradientLoops<isa>::input_gradient};

}  // namespace mvsgd::nn::lanes
