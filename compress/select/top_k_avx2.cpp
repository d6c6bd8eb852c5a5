// The pass of the top-K support for AVX2.
#include "compress/select/top_k_kernel.hpp"

namespace mvsgd::compress {

template struct Kernel<Isa::avx2, Plain>;
template struct Kernel<Isa::avx2, Difference>;

}  // namespace mvsgd::compress
