#include "compress/cuda/cuda_operators.hpp"

#include <array>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "compress/cuda/kernels.hpp"
#include "compress/cuda/make_cuda_operators.hpp"
#include "nn/cuda/check.hpp"
#include "nn/cuda/kernels.hpp"
#include "nn/cuda/storage.hpp"

namespace mvsgd::compress {
namespace cuda {
namespace {

using nn::cuda::DeviceBuffer;
using nn::cuda::Stream;

// Held as a tensor, so that a backend learns when operators write to its weights.
struct TensorMemory : DeviceMemory {
  explicit TensorMemory(nn::Tensor x) : tensor(std::move(x)) {}

  nn::Tensor tensor;
};

const nn::Tensor& tensor(const DeviceArray& x) {
  const auto* const found = dynamic_cast<const TensorMemory*>(x.memory.get());
  if (found == nullptr) throw std::invalid_argument("cuda: not an array of its operators");
  return found->tensor;
}

const float* data(const DeviceArray& x) { return nn::cuda::plain_data(tensor(x)); }
float* writable_data(const DeviceArray& x) { return nn::cuda::writable_data(tensor(x)); }

DeviceArray array_of(nn::Tensor x) {
  const auto size = static_cast<std::size_t>(nn::elements(x.shape));
  return {.size = size, .memory = std::make_shared<TensorMemory>(std::move(x))};
}

// Throws std::invalid_argument unless there are as many `values` as x has.
void check_size(const char* who, const DeviceArray& x, std::size_t values) {
  if (x.size == values) return;
  throw std::invalid_argument(std::string(who) + ": " + std::to_string(values) +
                              " values, and an array of " + std::to_string(x.size));
}

void check_mask(const char* who, const DeviceArray& x, std::span<const Index> mask,
                std::size_t values) {
  if (mask.size() != values) {
    throw std::invalid_argument(std::string(who) + ": " + std::to_string(mask.size()) +
                                " coordinates and " + std::to_string(values) + " values");
  }
  if (mask.empty() || mask.back() < x.size) return;
  throw std::invalid_argument(std::string(who) + ": coordinate " + std::to_string(mask.back()) +
                              " of an array of " + std::to_string(x.size));
}

std::int64_t count_of(const DeviceArray& x) { return static_cast<std::int64_t>(x.size); }
std::int64_t count_of(std::span<const Index> mask) { return std::ssize(mask); }
std::size_t bytes_of(const DeviceArray& x) { return x.size * sizeof(float); }

}  // namespace

/// Lives while an operator uses arrays: the thread uses their device, and streams wait for each
/// other.
class CudaOperators::Use {
 public:
  Use(const CudaOperators& operators, std::initializer_list<const DeviceArray*> arrays)
      : stream_(operators.stream_.get()) {
    nn::cuda::use_device(operators.device_);
    for (const DeviceArray* x : arrays) {
      const Stream& stream = *nn::cuda::storage(tensor(*x)).allocation->data->stream();
      if (&stream == stream_) continue;
      stream_->wait_for(stream);
      others_.push_back(&stream);
    }
  }
  /// Work given to other streams from now on comes after all work of this use.
  void end() const {
    for (const Stream* other : others_) other->wait_for(*stream_);
  }

 private:
  const Stream* stream_;
  std::vector<const Stream*> others_;
};

CudaOperators::CudaOperators(int device) : device_(device) {
  nn::cuda::use_device(device);
  stream_ = std::make_shared<const Stream>();
}

template <typename T>
std::unique_ptr<DeviceBuffer> CudaOperators::on_device(std::span<const T> values) const {
  auto buffer = std::make_unique<DeviceBuffer>(stream_, values.size_bytes());
  copy_to_device(*stream_, buffer->template as<void>(), values.data(), values.size_bytes());
  return buffer;
}

DeviceArray CudaOperators::upload(std::span<const float> values) {
  nn::cuda::use_device(device_);
  auto made = std::make_shared<nn::cuda::CudaStorage>();
  made->allocation = std::make_shared<nn::cuda::Allocation>();
  made->allocation->data = on_device(values);
  return array_of({.shape = {std::ssize(values)}, .storage = std::move(made)});
}

void CudaOperators::write(const DeviceArray& to, std::span<const float> from) {
  check_size("write", to, from.size());
  const Use use(*this, {&to});
  copy_to_device(*stream_, writable_data(to), from.data(), from.size_bytes());
  use.end();
}

void CudaOperators::read(const DeviceArray& from, std::span<float> to) {
  check_size("read", from, to.size());
  const Use use(*this, {&from});
  copy_to_host(*stream_, to.data(), data(from), to.size_bytes());
}

void CudaOperators::copy(const DeviceArray& to, const DeviceArray& from) {
  check_size("copy", to, from.size);
  const Use use(*this, {&to, &from});
  copy_on_device(*stream_, writable_data(to), data(from), bytes_of(to));
  use.end();
}

void CudaOperators::fill_zero(const DeviceArray& x) {
  const Use use(*this, {&x});
  nn::cuda::check(cudaMemsetAsync(writable_data(x), 0, bytes_of(x), stream_->get()), "fill_zero");
  use.end();
}

void CudaOperators::scale(const DeviceArray& x, float factor) {
  const Use use(*this, {&x});
  cuda::scale(count_of(x), factor, writable_data(x), stream_->get());
  use.end();
}

void CudaOperators::accumulate(const DeviceArray& y, const DeviceArray& x) {
  check_size("accumulate", y, x.size);
  const Use use(*this, {&y, &x});
  nn::cuda::kernels::add(count_of(y), writable_data(y), data(x), stream_->get());
  use.end();
}

void CudaOperators::add_difference(const DeviceArray& theta_h, const DeviceArray& theta_0,
                                   const DeviceArray& e) {
  check_size("add_difference", theta_h, e.size);
  check_size("add_difference", theta_0, e.size);
  const Use use(*this, {&theta_h, &theta_0, &e});
  cuda::add_difference(count_of(e), data(theta_h), data(theta_0), writable_data(e), stream_->get());
  use.end();
}

std::size_t CudaOperators::first_not_finite(const DeviceArray& x) {
  const Use use(*this, {&x});
  return static_cast<std::size_t>(cuda::first_not_finite(stream_, count_of(x), data(x)));
}

TopK CudaOperators::top_k(const DeviceArray& x, std::size_t k) {
  if (k > x.size) {
    throw std::invalid_argument("top_k: k = " + std::to_string(k) +
                                " of d = " + std::to_string(x.size));
  }
  const Use use(*this, {&x});
  TopK top{.support = std::vector<Index>(k)};
  top.magnitude =
      cuda::top_k(stream_, count_of(x), data(x), static_cast<std::int64_t>(k), top.support.data());
  return top;
}

void CudaOperators::gather(const DeviceArray& x, std::span<const Index> mask,
                           std::span<float> values) {
  check_mask("gather", x, mask, values.size());
  const Use use(*this, {&x});
  const auto positions = on_device(mask);
  const DeviceBuffer gathered(stream_, values.size_bytes());
  cuda::gather(count_of(mask), data(x), positions->as<Index>(), gathered.as<float>(),
               stream_->get());
  copy_to_host(*stream_, values.data(), gathered.as<void>(), values.size_bytes());
}

void CudaOperators::subtract_sent(std::span<const Index> mask, std::span<const float> sent,
                                  const DeviceArray& e) {
  check_mask("subtract_sent", e, mask, sent.size());
  const Use use(*this, {&e});
  cuda::subtract_sent(count_of(mask), on_device(mask)->as<Index>(), on_device(sent)->as<float>(),
                      writable_data(e), stream_->get());
  use.end();
}

void CudaOperators::scatter_add(std::span<const Index> mask, std::span<const float> values,
                                const DeviceArray& y) {
  check_mask("scatter_add", y, mask, values.size());
  const Use use(*this, {&y});
  cuda::scatter_add(count_of(mask), on_device(mask)->as<Index>(), on_device(values)->as<float>(),
                    writable_data(y), stream_->get());
  use.end();
}

Quantized CudaOperators::quantize(const DeviceArray& x, std::span<const Index> mask,
                                  const Quantizer& quantizer) {
  check_mask("quantize", x, mask, mask.size());
  if (!quantizer.has_levels()) throw std::invalid_argument("quantize: a quantiser without levels");
  const Use use(*this, {&x});
  const auto positions = on_device(mask);
  const DeviceBuffer values(stream_, mask.size() * sizeof(float));
  cuda::gather(count_of(mask), data(x), positions->as<Index>(), values.as<float>(), stream_->get());
  // The boundaries are a function of the extremes alone, so the quantiser needs no other value.
  const std::array<float, 2> ends = extremes(stream_, count_of(mask), values.as<float>());
  const std::vector<double> boundaries = quantizer.boundaries(ends);
  Quantized quantized{.codes = std::vector<std::uint8_t>(mask.size()),
                      .magnitudes = std::vector<float>(boundaries.size())};
  cuda::quantize(stream_, count_of(mask), values.as<float>(), ends, boundaries,
                 quantized.codes.data(), quantized.magnitudes.data());
  return quantized;
}

}  // namespace cuda

std::unique_ptr<DeviceOperators> make_cuda_operators(int device) {
  static_cast<void>(nn::cuda::device_count());  // throws if there is none
  return std::make_unique<cuda::CudaOperators>(device);
}

DeviceArray cuda_array(const nn::Tensor& x) {
  static_cast<void>(nn::cuda::plain_data(x));
  return cuda::array_of(x);
}

}  // namespace mvsgd::compress
