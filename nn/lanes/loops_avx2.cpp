// The loops for Isa::avx2.
#include "nn/lanes/loops_of.hpp"

namespace mvsgd::nn::lanes {

template struct LoopsOf<Isa::avx2>;

}  // namespace mvsgd::nn::lanes
