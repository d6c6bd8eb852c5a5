#include "nn/buffer_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <new>
#include <utility>

namespace mvsgd::nn {

std::shared_ptr<BufferPool> BufferPool::make() {
  return std::shared_ptr<BufferPool>(new BufferPool(false));
}

std::shared_ptr<BufferPool> BufferPool::rehearse() {
  return std::shared_ptr<BufferPool>(new BufferPool(true));
}

namespace {

// A step touches dozens or hundreds of megabytes, and looking up small pages may take a tenth of a
// small network's time. So buffers from kSmall stand in the processor's large pages: those from
// kLarge each in its own, smaller ones in slabs that they share.
constexpr std::size_t kLargePage = std::size_t{1} << 21U;
constexpr std::size_t kSmall = std::size_t{1} << 14U;
constexpr std::size_t kLarge = 2 * kLargePage;
constexpr std::size_t kSlab = 2 * kLarge;
constexpr std::size_t kPage = 4096;

std::size_t round_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

std::size_t alignment(std::size_t size) {
  return size >= kLarge ? kLargePage : BufferPool::kAlignment;
}

// How far into its allocation the n-th buffer begins. Large allocations all begin at the same place
// of a page. A processor then takes a load for that of an earlier store whose address has the same
// last 12 bits, and waits: a loop over several activations takes up to four times as long.
std::size_t offset(std::uint64_t n) {
  constexpr std::uint64_t kPlaces = 12;
  constexpr std::size_t kApart = 5 * BufferPool::kAlignment;
  return static_cast<std::size_t>(n % kPlaces) * kApart;
}

void* allocate(std::size_t size) {
  void* const data = ::operator new(size, std::align_val_t(alignment(size)));
#if defined(__linux__)
  if (alignment(size) > BufferPool::kAlignment) {
    static_cast<void>(madvise(data, size, MADV_HUGEPAGE));  // if refused, only speed is lost
  }
#endif
  return data;
}

}  // namespace

BufferPool::Slab::~Slab() { ::operator delete(data, std::align_val_t(alignment(kSlab))); }

void BufferPool::Deleter::operator()(float* data) const {
  if (slab || data == nullptr) return;
  ::operator delete(reinterpret_cast<std::byte*>(data) - offset, std::align_val_t(alignment(size)));
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

    // From the back: the buffer used last is likeliest to be in the cache.
    const auto found = std::find_if(free_.rbegin(), free_.rend(),
                                    [size](const Free& free) { return free.bytes == size; });
    if (found != free_.rend()) {
      data = std::move(found->data);
      free_.erase(std::next(found).base());
    } else {
      free_.reserve(buffers_ + 1);  // so that give_back() cannot fail
      data = make_buffer(size);
      ++buffers_;
      bytes_ += size;
    }
  }
  Deleter deleter = data.get_deleter();
  return {data.release(),
          [pool = shared_from_this(), size, deleter = std::move(deleter)](float* returned) {
            pool->give_back(size, Owner(returned, deleter));
          }};
}

BufferPool::Owner BufferPool::make_buffer(std::size_t size) {
  const std::size_t skipped = offset(allocations_++);
  const std::size_t whole = skipped + size;
  if (size < kSmall || whole >= kLarge) {
    resident_ += size < kSmall ? whole : round_up(whole, kPage);
    Deleter deleter{whole, skipped, nullptr};
    if (rehearses_) return Owner(nullptr, std::move(deleter));
    std::byte* const all = static_cast<std::byte*>(allocate(whole));
    return Owner(reinterpret_cast<float*>(all + skipped), std::move(deleter));
  }
  // kPage is the page within which offset() places a buffer.
  std::size_t begin = slab_ ? round_up(slab_->used, kPage) : kSlab;
  if (begin + whole > kSlab) {
    slab_ = std::make_shared<Slab>(rehearses_ ? nullptr : static_cast<std::byte*>(allocate(kSlab)));
    begin = 0;
  }
  resident_ += round_up(begin + whole, kLargePage) - round_up(slab_->used, kLargePage);
  slab_->used = begin + whole;
  Deleter deleter{whole, skipped, slab_};
  if (rehearses_) return Owner(nullptr, std::move(deleter));
  return Owner(reinterpret_cast<float*>(slab_->data + begin + skipped), std::move(deleter));
}

std::size_t BufferPool::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

std::size_t BufferPool::resident() const {
  const std::scoped_lock lock(mutex_);
  return resident_;
}

void BufferPool::give_back(std::size_t bytes, Owner data) noexcept {
  const std::scoped_lock lock(mutex_);
  free_.push_back({.bytes = bytes, .since = takes_, .data = std::move(data)});
}

}  // namespace mvsgd::nn
