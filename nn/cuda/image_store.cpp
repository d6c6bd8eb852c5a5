#include "nn/cuda/image_store.hpp"

#include <stdexcept>
#include <string>

#include "nn/backend.hpp"
#include "nn/cuda/kernels.hpp"
#include "nn/cuda/storage.hpp"

namespace mvsgd::nn::cuda {
namespace {

std::int64_t count_of(const ImageBytes& images) {
  const auto bytes = static_cast<std::int64_t>(images.pixels.size());
  const std::int64_t side = images.side;
  if (side < 1 || bytes % (kernels::kColors * side * side) != 0 ||
      images.levels.size() != static_cast<std::size_t>(kernels::kColors * kernels::kByteValues)) {
    throw std::invalid_argument("hold_images: " + std::to_string(bytes) + " bytes of side " +
                                std::to_string(side) + ", " + std::to_string(images.levels.size()) +
                                " levels");
  }
  return bytes / (kernels::kColors * side * side);
}

}  // namespace

CudaImageStore::CudaImageStore(const ImageBytes& images)
    : side_(images.side),
      count_(count_of(images)),
      stream_(std::make_shared<const Stream>()),
      pixels_(stream_, images.pixels.size_bytes()),
      levels_(stream_, images.levels.size_bytes()) {
  copy_to_device(*stream_, pixels_.as<void>(), images.pixels.data(), images.pixels.size_bytes());
  copy_to_device(*stream_, levels_.as<void>(), images.levels.data(), images.levels.size_bytes());
  stream_->synchronize();
}

Tensor CudaImageStore::batch(Backend& backend, std::span<const Window> windows) const {
  for (const Window& window : windows) {
    if (window.image < count_) continue;
    throw std::invalid_argument("batch: image " + std::to_string(window.image) + " of " +
                                std::to_string(count_));
  }
  const auto count = static_cast<std::int64_t>(windows.size());
  Tensor images = backend.allocate({count, kernels::kColors, side_, side_});
  const std::shared_ptr<const Stream>& stream = storage(images).allocation->data->stream();
  const DeviceBuffer uploaded(stream, windows.size_bytes());
  copy_to_device(*stream, uploaded.as<void>(), windows.data(), windows.size_bytes());
  kernels::cut_windows(count, side_,
                       {.pixels = pixels_.as<const std::uint8_t>(),
                        .levels = levels_.as<const float>(),
                        .windows = uploaded.as<const Window>()},
                       storage(images).data(), stream->get());
  stream_->wait_for(*stream);  // lest they are given back while somebody reads them
  return images;
}

}  // namespace mvsgd::nn::cuda
