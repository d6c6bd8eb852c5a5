// The pass of the top-K support for AVX-512.
#include "compress/select/top_k_kernel.hpp"

namespace mvsgd::compress {

template struct Kernel<Isa::avx512, Plain>;
template struct Kernel<Isa::avx512, Difference>;

}  // namespace mvsgd::compress
