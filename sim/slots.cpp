#include "sim/slots.hpp"

#include <stdexcept>

namespace mvsgd::sim {

Slots::Slots(std::size_t count) : count_(count) {
  if (count == 0) throw std::invalid_argument("Slots: 0 slots");
  for (std::size_t i = count; i > 0; --i) free_.push_back(i - 1);
}

Slots::Lease::Lease(Slots& slots) : slots_(&slots) {
  std::unique_lock lock(slots.mutex_);
  slots.freed_.wait(lock, [&] { return !slots.free_.empty(); });
  index_ = slots.free_.back();
  slots.free_.pop_back();
}

Slots::Lease::~Lease() {
  {
    const std::lock_guard lock(slots_->mutex_);
    slots_->free_.push_back(index_);
  }
  slots_->freed_.notify_one();
}

}  // namespace mvsgd::sim
