#include "comm/mpi/buffers.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mvsgd::comm {

Buffers::Bytes Buffers::take(std::size_t size) {
  Bytes bytes;
  if (size < kLarge) {
    bytes.resize(size);
    return bytes;
  }
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& one) {
    return one.bytes.capacity() >= size && one.bytes.capacity() / 2 <= size;
  });
  if (found != kept_.rend()) {
    bytes = std::move(found->bytes);
    kept_.erase(std::next(found).base());
    size_ -= bytes.capacity();
  } else {
    // Others make place, before there is more.
    const std::size_t most = std::max(most_, read_ + size);
    std::size_t gone = 0;
    while (gone < kept_.size() && size_ + read_ + size > most) {
      size_ -= kept_[gone++].bytes.capacity();
    }
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(gone));
  }
  bytes.resize(size);
  read_ += bytes.capacity();
  most_ = std::max(most_, read_);
  return bytes;
}

SharedBytes Buffers::share(Bytes bytes) {
  if (bytes.size() < kLarge) return std::make_shared<const Bytes>(std::move(bytes));
  auto own = std::make_unique<Bytes>(std::move(bytes));
  return {own.release(), [all = shared_from_this()](Bytes* one) {
            const std::unique_ptr<Bytes> read(one);
            all->put(std::move(*read));
          }};
}

void Buffers::put(Bytes bytes) {
  if (bytes.size() < kLarge) return;
  const std::lock_guard lock(mutex_);
  read_ -= bytes.capacity();
  if (size_ + bytes.capacity() > kKept) return;
  size_ += bytes.capacity();
  kept_.push_back({std::move(bytes), Clock::now()});
}

void Buffers::forget(Clock::time_point before) {
  const std::lock_guard lock(mutex_);
  const auto later =
      std::ranges::find_if(kept_, [&](const Kept& one) { return one.since >= before; });
  for (auto one = kept_.begin(); one != later; ++one) size_ -= one->bytes.capacity();
  kept_.erase(kept_.begin(), later);
}

std::size_t Buffers::kept() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace mvsgd::comm
