#include "nn/cuda/loss_rows.hpp"

#include <vector>

#include "nn/cuda/kernels.hpp"
#include "nn/cuda/storage.hpp"

namespace mvsgd::nn::cuda {

LossRows::LossRows(const std::shared_ptr<const Stream>& stream, std::size_t rows)
    : rows_(rows),
      labels_(stream, rows),
      loss_(stream, rows * sizeof(double)),
      correct_(stream, rows) {}

void LossRows::write(std::span<const std::uint8_t> labels) const {
  copy_to_device(*labels_.stream(), labels_.as<void>(), labels.data(), rows_);
}

void LossRows::compute(const Tensor& logits, const Tensor& dlogits) const {
  kernels::cross_entropy(static_cast<std::int64_t>(rows_), logits.shape[1], plain_data(logits),
                         labels_.as<std::uint8_t>(),
                         {.dlogits = storage(dlogits).data(),
                          .loss = loss_.as<double>(),
                          .correct = correct_.as<std::uint8_t>()},
                         labels_.stream()->get());
}

BatchResult LossRows::read() const {
  const Stream& stream = *labels_.stream();
  std::vector<double> losses(rows_);
  std::vector<std::uint8_t> correct(rows_);
  copy_to_host(stream, losses.data(), loss_.as<void>(), rows_ * sizeof(double));
  copy_to_host(stream, correct.data(), correct_.as<void>(), rows_);
  BatchResult result;
  for (const double loss : losses) result.loss += loss;
  for (const std::uint8_t one : correct) result.correct += one;
  result.loss /= static_cast<double>(rows_);
  return result;
}

}  // namespace mvsgd::nn::cuda
