// The loops for Isa::portable.
#include "nn/lanes/loops_of.hpp"

namespace mvsgd::nn::lanes {

template struct LoopsOf<Isa::portable>;

}  // namespace mvsgd::nn::lanes
