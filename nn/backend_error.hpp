// What a backend throws when its library or the machine refuses.
#pragma once

#include <stdexcept>

namespace mvsgd::nn {

/// A library that a backend calls has refused. what() has the operation, the problem string, the
/// library and its reason.
class BackendError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What was asked for is not to be had on this machine, or with this library. what() has what, and
/// where it is.
class UnavailableError : public BackendError {
 public:
  using BackendError::BackendError;
};

}  // namespace mvsgd::nn
