#include "nn/autograd.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace mvsgd::nn {

void Gradient::add(Backend& backend, Tensor term) {
  if (leaf_) {
    backend.accumulate(sum_, term);
  } else if (!sum_) {
    sum_ = std::move(term);
  } else {
    join(backend);
    last_ = std::move(term);
  }
}

Tensor Gradient::take(Backend& backend) {
  join(backend);
  return std::exchange(sum_, {});
}

void Gradient::join(Backend& backend) {
  if (!last_) return;
  // An operation may have given two gradients the same tensor as their first term. Adding to one
  // must not change the other.
  if (sum_.storage.use_count() > 1) {
    const Tensor own = backend.allocate(sum_.shape);
    backend.accumulate(own, sum_);
    sum_ = own;
  }
  backend.accumulate(sum_, last_);
  last_ = {};
}

Variable::Variable(Tensor value, Tensor gradient) : value_(std::move(value)) {
  if (value_.shape != gradient.shape) {
    throw std::invalid_argument("Variable: value " + to_string(value_.shape) + ", gradient " +
                                to_string(gradient.shape));
  }
  gradient_ = std::make_shared<Gradient>(std::move(gradient));
}

Variable Tape::record(Tensor value, Backward backward) {
  if (spent_) throw std::logic_error("record: the tape is spent");
  if (between_) between_();
  if (!recording()) return Variable(std::move(value));
  auto gradient = std::make_shared<Gradient>();
  records_.push_back({.gradient = gradient, .backward = std::move(backward)});
  return {std::move(value), std::move(gradient)};
}

void Tape::backward(const Variable& y, Tensor dy) {
  if (spent_) throw std::logic_error("backward: the tape is spent");
  if (!recording()) throw std::logic_error("backward: the tape does not record");
  const bool ours = std::any_of(records_.begin(), records_.end(), [&](const Record& record) {
    return record.gradient == y.gradient();
  });
  if (!ours) throw std::logic_error("backward: not a result of this tape");
  if (y.value().shape != dy.shape) {
    throw std::invalid_argument("backward: y " + to_string(y.value().shape) + ", dy " +
                                to_string(dy.shape));
  }
  spent_ = true;
  y.gradient()->add(*backend_, std::move(dy));
  while (!records_.empty()) {
    const Record record = std::move(records_.back());
    records_.pop_back();
    if (between_) between_();
    // Without a gradient, the path from the result does not lead to y.
    if (!record.gradient->empty()) record.backward(*record.gradient);
  }
}

}  // namespace mvsgd::nn
