#include "tests/cuda_emulation/device.hpp"

#include <sys/mman.h>

#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <new>
#include <random>
#include <utility>
#include <vector>

#include "tests/cuda_emulation/fibers.hpp"

namespace mvsgd::cuda_emulation {
namespace {

constexpr std::size_t kArena = std::size_t{8} << 30;  // reserved, not used
constexpr std::size_t kGranularity = 256;             // bytes; what cudaMalloc aligns to
constexpr std::size_t kPage = 4096;

class Device;
Device& device();

class Device {
 public:
  Device()
      : base_(static_cast<char*>(
            mmap(nullptr, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (base_ == MAP_FAILED) throw std::bad_alloc();
  }

  std::recursive_mutex mutex;
  int devices = 1;

  void seed(std::uint64_t value) { random_.seed(value); }

  std::uint64_t draw() { return random_(); }

  void enqueue(cudaStream_t stream, std::function<void()> work) {
    queues_[stream].push_back(std::move(work));
    // Real work goes on beside the host, so some of it is done now: in bursts, as access is dear.
    if (random_() % 16 != 0) return;
    const Access access;
    for (std::uint64_t left = random_() % 32; left > 0 && step_any(); --left) {
    }
  }

  cudaError_t finish(cudaStream_t stream) {
    const Access access;
    while (!queues_[stream].empty()) step_any();
    return std::exchange(failure_, cudaSuccess);
  }

  [[nodiscard]] bool holds(const void* p, std::size_t bytes) const {
    const auto* const address = static_cast<const char*>(p);
    auto found = live_.upper_bound(const_cast<char*>(address));  // NOLINT: a key only
    if (found == live_.begin()) return false;
    --found;
    return address + bytes <= found->first + found->second;
  }

  void* allocate(std::size_t bytes, cudaStream_t stream) {
    bytes = (bytes + kGranularity - 1) / kGranularity * kGranularity;
    char* p = nullptr;
    if (const auto found = free_.find(bytes); found != free_.end()) {
      p = found->second;
      free_.erase(found);
    } else {
      if (top_ + bytes > kArena) return nullptr;
      p = base_ + top_;
      top_ += bytes;
    }
    live_[p] = bytes;
    enqueue(stream, [p, bytes] { std::memset(p, 0xff, bytes); });
    return p;
  }

  bool release(void* p, cudaStream_t stream) {
    const auto found = live_.find(static_cast<char*>(p));
    if (found == live_.end()) return false;
    const auto [start, bytes] = *found;
    live_.erase(found);
    enqueue(stream, [this, start = start, bytes = bytes] {
      std::memset(start, 0xff, bytes);
      free_.emplace(bytes, start);
    });
    return true;
  }

  void open() {
    if (open_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--open_ == 0) protect(PROT_NONE);
  }

 private:
  void protect(int rights) {
    const std::size_t used = (top_ + kPage - 1) / kPage * kPage;
    if (used > 0) mprotect(base_, used, rights);
  }

  // The first work of some stream; false if there is none.
  bool step_any() {
    std::vector<std::deque<std::function<void()>>*> busy;
    for (auto& [stream, queue] : queues_) {
      if (!queue.empty()) busy.push_back(&queue);
    }
    if (busy.empty()) return false;
    auto& queue = *busy[random_() % busy.size()];
    const std::function<void()> work = std::move(queue.front());
    queue.pop_front();
    try {
      work();
    } catch (const Deadlock&) {
      failure_ = cudaErrorLaunchTimeout;
    } catch (const std::exception&) {
      failure_ = cudaErrorLaunchFailure;
    }
    return true;
  }

  char* base_;
  std::size_t top_ = 0;
  std::map<char*, std::size_t> live_;
  std::multimap<std::size_t, char*> free_;
  int open_ = 0;
  std::map<cudaStream_t, std::deque<std::function<void()>>> queues_;
  std::mt19937_64 random_{1};
  cudaError_t failure_ = cudaSuccess;
};

// Never destroyed: what static objects still hold may be given back after main().
Device& device() {
  static Device* const the_device = new Device;
  return *the_device;
}

}  // namespace

void set_schedule(std::uint64_t seed) {
  const auto held = hold_device();
  device().seed(seed);
}
void set_devices(int count) { device().devices = count; }

std::unique_lock<std::recursive_mutex> hold_device() { return std::unique_lock(device().mutex); }
std::uint64_t draw() { return device().draw(); }
int devices() { return device().devices; }
void enqueue(cudaStream_t stream, std::function<void()> work) {
  device().enqueue(stream, std::move(work));
}
cudaError_t finish(cudaStream_t stream) { return device().finish(stream); }
bool is_device(const void* p, std::size_t bytes) { return device().holds(p, bytes); }
void* allocate(std::size_t bytes, cudaStream_t stream) { return device().allocate(bytes, stream); }
bool release(void* p, cudaStream_t stream) { return device().release(p, stream); }
Access::Access() { device().open(); }
Access::~Access() { device().close(); }

}  // namespace mvsgd::cuda_emulation
