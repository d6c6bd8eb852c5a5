// How a fuzz target says that something does not hold: libFuzzer and GoogleTest both stop at it.
#pragma once

#include <stdexcept>
#include <string>

namespace mvsgd::fuzz {

inline void check(bool holds, const char* what) {
  if (!holds) throw std::logic_error(std::string("fuzz: does not hold: ") + what);
}

}  // namespace mvsgd::fuzz
