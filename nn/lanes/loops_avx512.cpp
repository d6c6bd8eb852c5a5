// The loops for Isa::avx512.
#include "nn/lanes/loops_of.hpp"

namespace mvsgd::nn::lanes {

template struct LoopsOf<Isa::avx512>;

}  // namespace mvsgd::nn::lanes
