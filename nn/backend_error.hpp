// What a backend throws when its library or the machine refuses.
#pragma once

#include <stdexcept>

namespace mvsgd::nn {

/// A library that a backend calls has refused. what() names the operation, the problem string, the
/// library and its reason.
class BackendError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// This machine or library does not have what was asked for. what() says what is missing, and where
/// it can be had.
class UnavailableError : public BackendError {
 public:
  using BackendError::BackendError;
};

}  // namespace mvsgd::nn
