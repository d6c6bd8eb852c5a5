// What is thrown when a count and its law differ.
#pragma once

#include <stdexcept>

namespace mvsgd::sim {

/// Measured and expected differ. what() names what, and both numbers. Exit code 1.
class CheckFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mvsgd::sim
