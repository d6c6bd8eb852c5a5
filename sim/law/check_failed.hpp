// The error for a count that differs from its law.
#pragma once

#include <stdexcept>

namespace mvsgd::sim {

/// A measured value differs from the expected one. what() names it and gives both. Exit code 1.
class CheckFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mvsgd::sim
