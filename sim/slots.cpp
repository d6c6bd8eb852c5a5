#include "sim/slots.hpp"

#include <stdexcept>

namespace mvsgd::sim {

Slots::Slots(std::size_t count) : count_(count) {
  if (count == 0) throw std::invalid_argument("Slots: 0 slots");
  for (std::size_t i = count; i > 0; --i) free_.push_back(i - 1);
}

std::size_t Slots::take() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return !free_.empty(); });
  const std::size_t index = free_.back();
  free_.pop_back();
  return index;
}

Slots::Lease::Lease(Slots& slots) : slots_(&slots), index_(slots.take()) {}

Slots::Lease::~Lease() {
  {
    const std::lock_guard lock(slots_->mutex_);
    slots_->free_.push_back(index_);
  }
  slots_->freed_.notify_one();
}

}  // namespace mvsgd::sim
