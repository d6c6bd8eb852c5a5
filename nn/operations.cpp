#include "nn/operations.hpp"

#include <stdexcept>
#include <utility>

// A record keeps the gradient handles of its arguments and only those values that the backward
// kernel reads. Everything else is freed as soon as the forward pass is done with it.

namespace mvsgd::nn {

Variable conv2d(Tape& tape, const Variable& x, const Parameter& w, const Conv2dOptions& options) {
  Backend& backend = tape.backend();
  return tape.record(backend.conv2d(x.value(), w.value, options),
                     [&backend, x = x.value(), dx = x.gradient(), w, options](Gradient& result) {
                       const Tensor dy = result.take(backend);
                       backend.conv2d_backward_weights(x, dy, w.gradient, w.into, options);
                       if (dx)
                         dx->add(backend,
                                 backend.conv2d_backward_data(dy, w.value, x.shape, options));
                     });
}

Variable batch_norm(Tape& tape, const Variable& x, const BatchNorm& norm, BatchNormMode mode,
                    const BatchNormOptions& options) {
  return batch_norm(tape, x, Variable(Tensor{}), norm, mode, options);
}

Variable batch_norm(Tape& tape, const Variable& x, const Variable& residual, const BatchNorm& norm,
                    BatchNormMode mode, const BatchNormOptions& options) {
  Backend& backend = tape.backend();
  if (mode == BatchNormMode::running) {
    if (tape.recording()) {
      throw std::logic_error("batch_norm: running statistics on a tape that records");
    }
    return Variable(backend.batch_norm_evaluate(x.value(), norm.gamma.value, norm.beta.value,
                                                norm.running, residual.value(), options));
  }
  const RunningStatistics updated =
      mode == BatchNormMode::update ? norm.running : RunningStatistics{};
  BatchNormForward forward = backend.batch_norm_train(x.value(), norm.gamma.value, norm.beta.value,
                                                      updated, residual.value(), options);
  Tensor y = forward.y;
  return tape.record(std::move(y), [&backend, x = x.value(), dx = x.gradient(),
                                    dresidual = residual.gradient(), gamma = norm.gamma,
                                    dbeta = norm.beta.gradient, forward = std::move(forward),
                                    options](Gradient& result) mutable {
    auto [dy, more] = result.take_terms();
    BatchNormGradients terms = backend.batch_norm_backward(
        std::move(dy), more, std::move(x), gamma.value, forward, gamma.gradient, dbeta, options);
    if (dx) dx->add(backend, std::move(terms.dx));
    if (dresidual) dresidual->add(backend, std::move(terms.dresidual));
  });
}

Variable global_average_pool(Tape& tape, const Variable& x) {
  Backend& backend = tape.backend();
  return tape.record(backend.global_average_pool(x.value()),
                     [&backend, x = x.value(), dx = x.gradient()](Gradient& result) {
                       const Tensor dy = result.take(backend);
                       if (dx) dx->add(backend, backend.global_average_pool_backward(dy, x));
                     });
}

Variable linear(Tape& tape, const Variable& x, const Parameter& w, const Parameter& b) {
  Backend& backend = tape.backend();
  return tape.record(
      backend.linear(x.value(), w.value, b.value),
      [&backend, x = x.value(), dx = x.gradient(), w, db = b.gradient](Gradient& result) {
        const Tensor dy = result.take(backend);
        backend.linear_backward_weights(x, dy, w.gradient, db);
        if (dx) dx->add(backend, backend.linear_backward_data(dy, w.value));
      });
}

Loss softmax_cross_entropy(Tape& tape, const Variable& logits,
                           std::span<const std::uint8_t> labels) {
  CrossEntropy result = tape.backend().softmax_cross_entropy(logits.value(), labels);
  return {.value = result.loss,
          .correct = result.correct,
          .logits = logits,
          .dlogits = std::move(result.dlogits)};
}

void backward(Tape& tape, const Loss& loss) { tape.backward(loss.logits, loss.dlogits); }

}  // namespace mvsgd::nn
