// How a fuzz target reports that a check fails: libFuzzer and GoogleTest both stop at it.
#pragma once

#include <stdexcept>
#include <string>

#include "comm/bit_stream.hpp"

namespace mvsgd::fuzz {

inline void check(bool holds, const char* what) {
  if (!holds) throw std::logic_error(std::string("fuzz: does not hold: ") + what);
}

/// Checks that `written`, which is spent, has exactly the bits that are left in `read`.
inline void check_same_bits(comm::BitReader read, comm::BitWriter& written) {
  check(written.size() == read.remaining(), "as much is written as was read");
  const auto bytes = written.take();
  comm::BitReader again(bytes, read.remaining());
  while (read.remaining() > comm::Bits(0)) {
    check(read.get(1) == again.get(1), "the bits are the same");
  }
}

}  // namespace mvsgd::fuzz
