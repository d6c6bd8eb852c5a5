// The passes of a majority vote for any processor.
#include "compress/vote/mask_kernel.hpp"

namespace mvsgd::compress {

template struct MaskPasses<Isa::portable>;

}  // namespace mvsgd::compress
