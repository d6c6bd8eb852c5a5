#include "nn/lanes/loops.hpp"

#include <stdexcept>
#include <string>

namespace mvsgd::nn::lanes {

// Each is in the source that is compiled for its instruction set.
extern template struct LoopsOf<Isa::portable>;
#if defined(__x86_64__)
extern template struct LoopsOf<Isa::avx2>;
extern template struct LoopsOf<Isa::avx512>;
#endif

const Loops& loops(Isa isa) {
  if (!supports(isa)) {
    throw std::invalid_argument("lanes: no " + std::string(name(isa)) + " on this processor");
  }
#if defined(__x86_64__)
  if (isa == Isa::avx512) return LoopsOf<Isa::avx512>::kTable;
  if (isa == Isa::avx2) return LoopsOf<Isa::avx2>::kTable;
#endif
  return LoopsOf<Isa::portable>::kTable;
}

}  // namespace mvsgd::nn::lanes
