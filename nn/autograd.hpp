// Reverse-mode differentiation: operations leave a record on a tape, and the tape is unwound once.
//
// The tape knows no operation. nn/operations.hpp computes values with the tape's backend, and
// records for each the function that passes the gradient of its result on to its arguments.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "nn/backend.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn {

/// A trainable tensor and the tensor that sums its gradient. Both are plain and have one shape; in
/// a network they are views of the two flat arrays.
struct Parameter {
  Tensor value;
  Tensor gradient;
  /// overwrite: convolutions replace what `gradient` held by their gradient. It is for a weight
  /// that a pass uses once, and spares clearing the gradient first.
  Into into = Into::add;
};

/// The gradient with respect to one value, a sum over the value's uses.
class Gradient {
 public:
  /// For a result: empty until the first term.
  Gradient() = default;
  /// For a leaf: terms are added to what `sum` holds, which its owner reads afterwards.
  explicit Gradient(Tensor sum) : sum_(std::move(sum)), leaf_(true) {}

  /// Adds a term. A result takes its first term as the sum, in whatever layout the term has.
  void add(Backend& backend, Tensor term);
  [[nodiscard]] bool empty() const { return !sum_; }
  /// Hands the sum over and is empty again.
  [[nodiscard]] Tensor take(Backend& backend);
  /// Hands over two tensors that add up to the sum. The second is empty if there was one term. For
  /// kernels that can add on the way.
  [[nodiscard]] std::pair<Tensor, Tensor> take_terms() {
    return {std::exchange(sum_, {}), std::exchange(last_, {})};
  }

 private:
  void join(Backend& backend);

  Tensor sum_;
  Tensor last_;  // the last term, not yet added; of a result only
  bool leaf_ = false;
};

/// What operations take and return. A handle: copies are the same value.
class Variable {
 public:
  /// A constant, such as the images: no gradient is computed with respect to it.
  explicit Variable(Tensor value) : value_(std::move(value)) {}
  /// A leaf: backward() adds its gradient to the plain tensor `gradient`.
  Variable(Tensor value, Tensor gradient);

  [[nodiscard]] const Tensor& value() const { return value_; }
  /// Null for a constant. An operation's record keeps this in place of the whole variable, so that
  /// the value can be freed.
  [[nodiscard]] const std::shared_ptr<Gradient>& gradient() const { return gradient_; }

 private:
  friend class Tape;
  Variable(Tensor value, std::shared_ptr<Gradient> gradient)
      : value_(std::move(value)), gradient_(std::move(gradient)) {}

  Tensor value_;
  std::shared_ptr<Gradient> gradient_;
};

enum class Recording : std::uint8_t {
  on,   ///< results can be differentiated; what their gradients need is kept
  off,  ///< values only, nothing is kept: evaluation
};

/// The operations of one forward pass, in order. Used by one thread; the backend must outlive it.
class Tape {
 public:
  /// Takes the gradient of an operation's result, which is not empty, and adds to those of its
  /// arguments. Called once, so it may hand on what it holds.
  using Backward = std::function<void(Gradient& dy)>;

  /// `between` is called after each operation of the forward pass and before each of the backward
  /// pass. If it throws, the pass ends with its exception.
  explicit Tape(Backend& backend, Recording recording = Recording::on,
                std::function<void()> between = {})
      : backend_(&backend), recording_(recording), between_(std::move(between)) {}

  [[nodiscard]] Backend& backend() const { return *backend_; }
  [[nodiscard]] bool recording() const { return recording_ == Recording::on; }

  /// The result of an operation, for nn/operations.hpp. `backward` is kept if the tape records.
  /// Throws std::logic_error if the tape is spent.
  [[nodiscard]] Variable record(Tensor value, Backward backward);

  /// Adds to the gradient of every leaf and parameter of this tape its share in `y`, weighted by
  /// `dy`. With dy = dL/dy this is the gradient of a loss L. dy has the shape of y and is not
  /// changed.
  ///
  /// Records are released one by one as they are used, and with them the activations that nothing
  /// else holds. The tape is then spent. Throws std::logic_error if the tape is spent already or
  /// does not record, or if y is not one of its results; std::invalid_argument if the shapes
  /// differ. If the backend or `between` throws, the gradients are incomplete and the tape is
  /// spent.
  void backward(const Variable& y, Tensor dy);

 private:
  struct Record {
    std::shared_ptr<Gradient> gradient;  // of the result
    Backward backward;
  };

  Backend* backend_;
  Recording recording_;
  std::function<void()> between_;
  bool spent_ = false;
  std::vector<Record> records_;
};

}  // namespace mvsgd::nn
