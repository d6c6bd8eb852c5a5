// A library that makes zeros of subnormals from the moment at which it is loaded, as each does that
// g++ 12 links with -ffast-math.
#if defined(__x86_64__)
#include <xmmintrin.h>

namespace {

[[gnu::constructor]] void flush_subnormals() {
  constexpr unsigned kFlush = 0x8000;
  constexpr unsigned kSubnormalsAreZero = 0x0040;
  _mm_setcsr(_mm_getcsr() | kFlush | kSubnormalsAreZero);
}

}  // namespace
#endif
