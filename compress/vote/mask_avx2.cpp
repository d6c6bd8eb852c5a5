// The passes of a majority vote for AVX2.
#include "compress/vote/mask_kernel.hpp"

namespace mvsgd::compress {

template struct MaskPasses<Isa::avx2>;

}  // namespace mvsgd::compress
