#include "nn/buffer_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace mvsgd::nn {

std::shared_ptr<BufferPool> BufferPool::make() {
  return std::shared_ptr<BufferPool>(new BufferPool());
}

namespace {

// The alignment of a buffer of `size` bytes. Large ones are asked for in the processor's large
// pages: a step goes through hundreds of megabytes, and 3 % of it is looking up small pages.
std::size_t alignment(std::size_t size) {
  constexpr std::size_t kLargePage = std::size_t{1} << 21U;
  return size >= 2 * kLargePage ? kLargePage : BufferPool::kAlignment;
}

float* allocate(std::size_t size) {
  void* const data = ::operator new(size, std::align_val_t(alignment(size)));
#if defined(__linux__)
  if (alignment(size) > BufferPool::kAlignment) {
    static_cast<void>(madvise(data, size, MADV_HUGEPAGE));  // a wish: without it, it is only slower
  }
#endif
  return static_cast<float*>(data);
}

}  // namespace

void BufferPool::Deleter::operator()(float* data) const {
  ::operator delete(data, std::align_val_t(alignment(size)));
}

std::shared_ptr<float> BufferPool::take(std::int64_t count) {
  const std::size_t lines = static_cast<std::size_t>(count) * sizeof(float) / kAlignment + 1;
  const std::size_t size = lines * kAlignment;
  Owner data;
  {
    const std::scoped_lock lock(mutex_);
    ++takes_;
    auto expired = free_.begin();
    for (; expired != free_.end() && expired->since + kIdleTakes < takes_; ++expired) {
      bytes_ -= expired->bytes;
      --buffers_;
    }
    free_.erase(free_.begin(), expired);

    // From the back: what was used last is likeliest to be in the cache.
    const auto found = std::find_if(free_.rbegin(), free_.rend(),
                                    [size](const Free& free) { return free.bytes == size; });
    if (found != free_.rend()) {
      data = std::move(found->data);
      free_.erase(std::next(found).base());
    } else {
      free_.reserve(buffers_ + 1);  // so that give_back() cannot fail
      data = Owner(allocate(size), Deleter{size});
      ++buffers_;
      bytes_ += size;
    }
  }
  return {data.release(),
          [pool = shared_from_this(), size](float* returned) { pool->give_back(size, returned); }};
}

std::size_t BufferPool::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

void BufferPool::give_back(std::size_t size, float* data) noexcept {
  const std::scoped_lock lock(mutex_);
  free_.push_back({.bytes = size, .since = takes_, .data = Owner(data, Deleter{size})});
}

}  // namespace mvsgd::nn
