#include "sim/round/slots.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

namespace mvsgd::sim {

Slots::Slots(std::size_t count, std::size_t devices) : count_(count), devices_(devices) {
  if (devices == 0 || count < devices) {
    throw std::invalid_argument("Slots: " + std::to_string(count) + " slots on " +
                                std::to_string(devices) + " devices");
  }
  for (std::size_t i = count; i > 0; --i) free_.push_back(i - 1);
}

std::size_t Slots::take(const std::function<bool(std::size_t)>& fits) {
  std::unique_lock lock(mutex_);
  auto found = free_.rend();
  freed_.wait(lock, [&] {
    found = std::find_if(free_.rbegin(), free_.rend(), fits);
    return found != free_.rend();
  });
  const std::size_t index = *found;
  free_.erase(std::next(found).base());
  return index;
}

Slots::Lease::Lease(Slots& slots)
    : slots_(&slots), index_(slots.take([](std::size_t) { return true; })) {}

Slots::Lease::Lease(Slots& slots, std::uint32_t worker)
    : slots_(&slots), index_(slots.take([&](std::size_t slot) {
        return slot % slots.devices_ == worker % slots.devices_;
      })) {}

Slots::Lease::~Lease() {
  {
    const std::lock_guard lock(slots_->mutex_);
    slots_->free_.push_back(index_);
  }
  // With several devices, the thread that is woken may need a slot of another device.
  slots_->devices_ == 1 ? slots_->freed_.notify_one() : slots_->freed_.notify_all();
}

}  // namespace mvsgd::sim
