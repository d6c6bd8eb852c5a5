#include "nn/cuda/repeated_step.hpp"

namespace mvsgd::nn::cuda {

BatchResult CudaRepeatedStep::run(const Tensor& images, std::span<const std::uint8_t> labels,
                                  const Step& step) {
  const auto [found, first] = by_shape_.try_emplace(images.shape);
  if (first) return step(images, labels);
  std::optional<Recorded>& recorded = found->second;
  if (!recorded) recorded = record(images, labels, step);
  if (!recorded->work) return step(images, labels);
  const Stream& stream = *backend_->stream_;
  copy_on_device(stream, storage(recorded->images).data(), plain_data(images),
                 static_cast<std::size_t>(elements(images.shape)) * sizeof(float));
  recorded->rows->write(labels);
  recorded->work->launch(stream);
  return recorded->rows->read();
}

CudaRepeatedStep::Recorded CudaRepeatedStep::record(const Tensor& images,
                                                    std::span<const std::uint8_t> labels,
                                                    const Step& step) {
  Recorded recorded{.images = backend_->make(images.shape, false),
                    .rows = std::make_unique<LossRows>(backend_->stream_, labels.size()),
                    .work = {}};
  const std::string text = "step " + to_string(images.shape) + ": ";
  const CudaBackend::Recording recording(*backend_, *recorded.rows);
  try {
    recorded.work = std::make_unique<RecordedWork>(
        *backend_->stream_, [&] { static_cast<void>(step(recorded.images, labels)); });
    backend_->steps_.push_back(text + "one graph");
  } catch (const BackendError& error) {
    backend_->steps_.push_back(text + "kernel by kernel, for " + error.what());
  }
  return recorded;
}

}  // namespace mvsgd::nn::cuda
