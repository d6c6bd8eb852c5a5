#include "nn/cuda/flat_operators.hpp"

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>

#include "nn/cuda/check.hpp"
#include "nn/cuda/kernels.hpp"
#include "nn/cuda/storage.hpp"
#include "nn/cuda/update.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn::cuda {
namespace {

void check_size(const char* who, const Tensor& x, std::size_t values) {
  if (elements(x.shape) == static_cast<std::int64_t>(values)) return;
  refuse(std::string(who) + ": " + std::to_string(values) + " values", {{"x", x.shape}});
}

void check_coordinates(const char* who, const Tensor& x, Coordinates at, std::size_t values) {
  if (at.size() != values) {
    throw std::invalid_argument(std::string(who) + ": " + std::to_string(at.size()) +
                                " coordinates and " + std::to_string(values) + " values");
  }
  if (at.empty() || at.back() < elements(x.shape)) return;
  refuse(std::string(who) + ": coordinate " + std::to_string(at.back()), {{"x", x.shape}});
}

std::size_t bytes_of(const Tensor& x) {
  return static_cast<std::size_t>(elements(x.shape)) * sizeof(float);
}

}  // namespace

/// While an operator uses tensors: its device is the thread's, and streams wait for each other.
class CudaFlatOperators::Use {
 public:
  Use(const CudaFlatOperators& operators, std::initializer_list<const Tensor*> tensors)
      : stream_(operators.stream_.get()) {
    use_device(operators.device_);
    for (const Tensor* x : tensors) {
      const Stream& stream = *storage(*x).allocation->data->stream();
      if (&stream == stream_) continue;
      stream_->wait_for(stream);
      others_.push_back(&stream);
    }
  }
  /// What other streams are given from now on comes after all of this.
  void end() const {
    for (const Stream* other : others_) other->wait_for(*stream_);
  }

 private:
  const Stream* stream_;
  std::vector<const Stream*> others_;
};

CudaFlatOperators::CudaFlatOperators(int device) : device_(device) {
  use_device(device);
  stream_ = std::make_shared<const Stream>();
}

template <typename T>
std::unique_ptr<DeviceBuffer> CudaFlatOperators::on_device(std::span<const T> values) const {
  auto buffer = std::make_unique<DeviceBuffer>(stream_, values.size_bytes());
  copy_to_device(*stream_, buffer->template as<void>(), values.data(), values.size_bytes());
  return buffer;
}

Tensor CudaFlatOperators::upload(std::span<const float> values) {
  use_device(device_);
  auto made = std::make_shared<CudaStorage>();
  made->allocation = std::make_shared<Allocation>();
  made->allocation->data = on_device(values);
  return {.shape = {static_cast<std::int64_t>(values.size())}, .storage = std::move(made)};
}

void CudaFlatOperators::write(const Tensor& to, std::span<const float> from) {
  check_size("write", to, from.size());
  const Use use(*this, {&to});
  copy_to_device(*stream_, writable_data(to), from.data(), from.size_bytes());
  use.end();
}

void CudaFlatOperators::read(const Tensor& from, std::span<float> to) {
  check_size("read", from, to.size());
  const Use use(*this, {&from});
  copy_to_host(*stream_, to.data(), plain_data(from), to.size_bytes());
}

void CudaFlatOperators::copy(const Tensor& to, const Tensor& from) {
  check_same("copy", to, from);
  const Use use(*this, {&to, &from});
  check(cudaMemcpyAsync(writable_data(to), plain_data(from), bytes_of(to), cudaMemcpyDeviceToDevice,
                        stream_->get()),
        "copy");
  use.end();
}

void CudaFlatOperators::fill_zero(const Tensor& x) {
  const Use use(*this, {&x});
  check(cudaMemsetAsync(writable_data(x), 0, bytes_of(x), stream_->get()), "fill_zero");
  use.end();
}

void CudaFlatOperators::scale(const Tensor& x, float factor) {
  const Use use(*this, {&x});
  cuda::scale(elements(x.shape), factor, writable_data(x), stream_->get());
  use.end();
}

void CudaFlatOperators::accumulate(const Tensor& y, const Tensor& x) {
  check_same("accumulate", y, x);
  const Use use(*this, {&y, &x});
  kernels::add(elements(y.shape), writable_data(y), plain_data(x), stream_->get());
  use.end();
}

void CudaFlatOperators::add_difference(const Tensor& theta_h, const Tensor& theta_0,
                                       const Tensor& e) {
  check_same("add_difference", theta_h, e);
  check_same("add_difference", theta_0, e);
  const Use use(*this, {&theta_h, &theta_0, &e});
  cuda::add_difference(elements(e.shape), plain_data(theta_h), plain_data(theta_0),
                       writable_data(e), stream_->get());
  use.end();
}

std::int64_t CudaFlatOperators::first_not_finite(const Tensor& x) {
  const Use use(*this, {&x});
  return cuda::first_not_finite(stream_, elements(x.shape), plain_data(x));
}

Largest CudaFlatOperators::top_k(const Tensor& x, std::int64_t k) {
  const Use use(*this, {&x});
  return cuda::top_k(stream_, elements(x.shape), plain_data(x), k);
}

void CudaFlatOperators::gather(const Tensor& x, Coordinates at, std::span<float> values) {
  check_coordinates("gather", x, at, values.size());
  const Use use(*this, {&x});
  const auto positions = on_device(at);
  const DeviceBuffer gathered(stream_, values.size_bytes());
  cuda::gather(static_cast<std::int64_t>(at.size()), plain_data(x), positions->as<std::uint32_t>(),
               gathered.as<float>(), stream_->get());
  copy_to_host(*stream_, values.data(), gathered.as<void>(), values.size_bytes());
}

void CudaFlatOperators::subtract(const Tensor& x, Coordinates at, std::span<const float> values) {
  check_coordinates("subtract", x, at, values.size());
  const Use use(*this, {&x});
  subtract_sent(static_cast<std::int64_t>(at.size()), on_device(at)->as<std::uint32_t>(),
                on_device(values)->as<float>(), writable_data(x), stream_->get());
  use.end();
}

void CudaFlatOperators::scatter_add(const Tensor& y, Coordinates at,
                                    std::span<const float> values) {
  check_coordinates("scatter_add", y, at, values.size());
  const Use use(*this, {&y});
  cuda::scatter_add(static_cast<std::int64_t>(at.size()), on_device(at)->as<std::uint32_t>(),
                    on_device(values)->as<float>(), writable_data(y), stream_->get());
  use.end();
}

LevelCodes CudaFlatOperators::quantize(const Tensor& x, Coordinates at,
                                       const Boundaries& boundaries) {
  check_coordinates("quantize", x, at, at.size());
  const Use use(*this, {&x});
  const auto count = static_cast<std::int64_t>(at.size());
  const auto positions = on_device(at);
  const DeviceBuffer values(stream_, at.size() * sizeof(float));
  cuda::gather(count, plain_data(x), positions->as<std::uint32_t>(), values.as<float>(),
               stream_->get());
  const Extremes ends = extremes(stream_, count, values.as<float>());
  return cuda::quantize(stream_, count, values.as<float>(), ends, boundaries(ends));
}

}  // namespace mvsgd::nn::cuda
