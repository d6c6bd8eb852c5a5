// The error for files that cannot be used.
#pragma once

#include <stdexcept>

namespace mvsgd::sim {

/// A file or directory that cannot be read, written or understood. Exit code 3.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mvsgd::sim
