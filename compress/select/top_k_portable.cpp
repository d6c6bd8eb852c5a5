// The pass of the top-K support for any processor.
#include "compress/select/top_k_kernel.hpp"

namespace mvsgd::compress {

template struct Kernel<Isa::portable, Plain>;
template struct Kernel<Isa::portable, Difference>;

}  // namespace mvsgd::compress
