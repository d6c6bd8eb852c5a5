#include "tests/cuda_emulation/device.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <utility>
#include <vector>

#include "tests/cuda_emulation/fibers.hpp"

namespace mvsgd::cuda_emulation {
namespace {

constexpr std::size_t kArena = std::size_t{8} << 30;  // reserved, not used
constexpr std::size_t kGranularity = 256;             // bytes; the alignment of cudaMalloc
constexpr std::size_t kPage = 4096;

// A device's memory, which is out of reach except while the device works.
class Memory {
 public:
  Memory()
      : base_(static_cast<char*>(
            mmap(nullptr, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (base_ == MAP_FAILED) throw std::bad_alloc();
  }

  // Null if there is no room.
  char* take(std::size_t bytes) {
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
    return p;
  }

  // The bytes that p gives up; 0 if it has none. give_back() says when others may have them.
  std::size_t drop(char* p) {
    const auto found = live_.find(p);
    if (found == live_.end()) return 0;
    const std::size_t bytes = found->second;
    live_.erase(found);
    return bytes;
  }
  void give_back(char* p, std::size_t bytes) { free_.emplace(bytes, p); }

  [[nodiscard]] bool holds(const void* p, std::size_t bytes) const {
    const auto* const address = static_cast<const char*>(p);
    auto found = live_.upper_bound(const_cast<char*>(address));  // NOLINT: only a key
    if (found == live_.begin()) return false;
    --found;
    return address + bytes <= found->first + found->second;
  }

  void protect(int rights) const {
    const std::size_t used = (top_ + kPage - 1) / kPage * kPage;
    if (used > 0) mprotect(base_, used, rights);
  }

 private:
  char* base_;
  std::size_t top_ = 0;
  std::map<char*, std::size_t> live_;
  std::multimap<std::size_t, char*> free_;
};

}  // namespace

struct Graph {
  std::vector<std::function<void()>> works;
  std::map<char*, std::size_t> taken;       // taken and not given back
  std::multimap<std::size_t, char*> freed;  // which later works of the graph may take
  bool spoilt = false;
  bool launched = false;
};

namespace {

class Machine {
 public:
  std::recursive_mutex mutex;
  int devices = 1;
  bool alike = true;
  std::uint64_t bytes_from_host = 0;
  std::uint64_t launched_graphs = 0;
  bool refuses_capture = false;

  void seed(std::uint64_t value) { random_.seed(value); }

  std::uint64_t draw() { return random_(); }

  cudaStream_t make_stream(int device) {
    // Used only as a key. NOLINTNEXTLINE(performance-no-int-to-ptr)
    const auto stream = reinterpret_cast<cudaStream_t>(++streams_made_);
    queues_[stream].device = device;
    return stream;
  }

  cudaError_t remove_stream(cudaStream_t stream) {
    const cudaError_t status = finish(stream);
    queues_.erase(stream);
    return status;
  }

  [[nodiscard]] int device_of(cudaStream_t stream) const { return queues_.at(stream).device; }

  void enqueue(cudaStream_t stream, std::function<void()> work) {
    if (Graph* const graph = captured(stream)) {
      graph->works.push_back(std::move(work));
      return;
    }
    queues_.at(stream).works.push_back({.run = std::move(work), .mark = {}});
    // A real device works beside the host, so some of the work is done now. It is done in bursts,
    // since opening the memory is slow.
    if (random_() % 16 != 0) return;
    for (std::uint64_t left = random_() % 32; left > 0 && step_any(); --left) {
    }
    open(kNone);
  }

  bool begin_capture(cudaStream_t stream) {
    return captures_.try_emplace(stream, std::make_shared<Graph>()).second;
  }

  // A graph's memory stays its own for good, since nothing else needs it here.
  std::shared_ptr<Graph> end_capture(cudaStream_t stream) {
    const auto found = captures_.find(stream);
    if (found == captures_.end()) return nullptr;
    std::shared_ptr<Graph> graph = std::move(found->second);
    captures_.erase(found);
    return graph->spoilt ? nullptr : graph;
  }

  [[nodiscard]] Graph* captured(cudaStream_t stream) const {
    const auto found = captures_.find(stream);
    return found == captures_.end() ? nullptr : found->second.get();
  }

  bool launch_graph(const std::shared_ptr<Graph>& graph, cudaStream_t stream) {
    if (graph->launched && !graph->taken.empty()) return false;
    graph->launched = true;
    ++launched_graphs;
    for (const std::function<void()>& work : graph->works) enqueue(stream, work);
    return true;
  }

  void wait_for_mark(cudaStream_t stream, std::shared_ptr<const bool> mark) {
    queues_.at(stream).works.push_back({.run = [] {}, .mark = std::move(mark)});
  }

  cudaError_t finish(cudaStream_t stream) {
    while (!queues_.at(stream).works.empty()) step_any();
    open(kNone);
    return std::exchange(failure_, cudaSuccess);
  }

  [[nodiscard]] bool holds(const void* p, std::size_t bytes) const {
    return std::any_of(memories_.begin(), memories_.end(),
                       [&](const Memory& memory) { return memory.holds(p, bytes); });
  }

  void* allocate(std::size_t bytes, cudaStream_t stream) {
    bytes = (bytes + kGranularity - 1) / kGranularity * kGranularity;
    Memory& memory = memories_.at(static_cast<std::size_t>(device_of(stream)));
    Graph* const graph = captured(stream);
    char* const p = graph != nullptr ? take_for(*graph, memory, bytes) : memory.take(bytes);
    if (p != nullptr) enqueue(stream, [p, bytes] { std::memset(p, 0xff, bytes); });
    return p;
  }

  bool release(void* p, cudaStream_t stream) {
    Memory& memory = memories_.at(static_cast<std::size_t>(device_of(stream)));
    auto* const start = static_cast<char*>(p);
    if (Graph* const graph = captured(stream)) return give_back_to(*graph, start, stream);
    const std::size_t bytes = memory.drop(start);
    if (bytes == 0) return false;
    enqueue(stream, [&memory, start, bytes] {
      std::memset(start, 0xff, bytes);
      memory.give_back(start, bytes);
    });
    return true;
  }

 private:
  static constexpr int kNone = -1;

  static char* take_for(Graph& graph, Memory& memory, std::size_t bytes) {
    char* p = nullptr;
    if (const auto found = graph.freed.find(bytes); found != graph.freed.end()) {
      p = found->second;
      graph.freed.erase(found);
    } else {
      p = memory.take(bytes);
    }
    if (p != nullptr) graph.taken[p] = bytes;
    return p;
  }

  bool give_back_to(Graph& graph, char* start, cudaStream_t stream) {
    const auto found = graph.taken.find(start);
    if (found == graph.taken.end()) {
      graph.spoilt = true;
      return false;
    }
    const std::size_t bytes = found->second;
    graph.taken.erase(found);
    graph.freed.emplace(bytes, start);
    enqueue(stream, [start, bytes] { std::memset(start, 0xff, bytes); });
    return true;
  }

  struct Work {
    std::function<void()> run;
    std::shared_ptr<const bool> mark;  // the mark it waits for; null if none
  };
  struct Queue {
    int device = 0;
    std::deque<Work> works;

    [[nodiscard]] bool ready() const {
      return !works.empty() && (works.front().mark == nullptr || *works.front().mark);
    }
  };

  // Makes the memory of this device accessible, and that of no other.
  void open(int device) {
    if (open_ == device) return;
    if (open_ != kNone) memories_.at(static_cast<std::size_t>(open_)).protect(PROT_NONE);
    open_ = device;
    if (open_ == kNone) return;
    memories_.at(static_cast<std::size_t>(open_)).protect(PROT_READ | PROT_WRITE);
  }

  // Does the first work of some stream. False if none can be done.
  bool step_any() {
    std::vector<Queue*> ready;
    for (auto& [stream, queue] : queues_) {
      if (queue.ready()) ready.push_back(&queue);
    }
    if (ready.empty()) return false;
    Queue& queue = *ready[random_() % ready.size()];
    const Work work = std::move(queue.works.front());
    queue.works.pop_front();
    open(queue.device);
    try {
      work.run();
    } catch (const Deadlock&) {
      failure_ = cudaErrorLaunchTimeout;
    } catch (const std::exception&) {
      failure_ = cudaErrorLaunchFailure;
    }
    return true;
  }

  std::array<Memory, kMostDevices> memories_;
  int open_ = kNone;
  std::uintptr_t streams_made_ = 0;
  std::map<cudaStream_t, Queue> queues_;
  std::map<cudaStream_t, std::shared_ptr<Graph>> captures_;
  std::mt19937_64 random_{1};
  cudaError_t failure_ = cudaSuccess;
};

// Never destroyed: static objects may give back what they hold after main().
Machine& machine() {
  static Machine* const the_machine = new Machine;  // NOLINT(*-non-const-global-variables)
  return *the_machine;
}

int& device_of_this_thread() {
  static thread_local int device = 0;
  return device;
}

}  // namespace

void set_schedule(std::uint64_t seed) {
  const auto held = hold_device();
  machine().seed(seed);
}
void set_devices(int count, bool alike) {
  machine().devices = count;
  machine().alike = alike;
}
void refuse_capture(bool refuse) { machine().refuses_capture = refuse; }
std::uint64_t launched_graphs() {
  const auto held = hold_device();
  return machine().launched_graphs;
}
std::uint64_t bytes_from_host() {
  const auto held = hold_device();
  return machine().bytes_from_host;
}

std::unique_lock<std::recursive_mutex> hold_device() { return std::unique_lock(machine().mutex); }
std::uint64_t draw() { return machine().draw(); }
int devices() { return machine().devices; }
bool like_the_first() { return machine().alike || current_device() == 0; }
int current_device() { return device_of_this_thread(); }
void set_current_device(int device) { device_of_this_thread() = device; }
cudaStream_t make_stream() { return machine().make_stream(current_device()); }
cudaError_t remove_stream(cudaStream_t stream) { return machine().remove_stream(stream); }
void enqueue(cudaStream_t stream, std::function<void()> work) {
  machine().enqueue(stream, std::move(work));
}
bool enqueue_launch(cudaStream_t stream, std::function<void()> work) {
  if (machine().device_of(stream) != current_device()) return false;
  enqueue(stream, std::move(work));
  return true;
}
std::shared_ptr<const bool> mark(cudaStream_t stream) {
  auto made = std::make_shared<bool>(false);
  enqueue(stream, [made] { *made = true; });
  return made;
}
void wait_for_mark(cudaStream_t stream, std::shared_ptr<const bool> mark) {
  machine().wait_for_mark(stream, std::move(mark));
}
cudaError_t finish(cudaStream_t stream) { return machine().finish(stream); }
bool begin_capture(cudaStream_t stream) { return machine().begin_capture(stream); }
std::shared_ptr<Graph> end_capture(cudaStream_t stream) { return machine().end_capture(stream); }
bool is_captured(cudaStream_t stream) { return machine().captured(stream) != nullptr; }
bool refuses_capture() { return machine().refuses_capture; }
void spoil_capture(cudaStream_t stream) {
  if (Graph* const graph = machine().captured(stream)) graph->spoilt = true;
}
bool launch_graph(const std::shared_ptr<Graph>& graph, cudaStream_t stream) {
  return machine().launch_graph(graph, stream);
}
void count_from_host(std::size_t bytes) { machine().bytes_from_host += bytes; }
bool is_device(const void* p, std::size_t bytes) { return machine().holds(p, bytes); }
void* allocate(std::size_t bytes, cudaStream_t stream) { return machine().allocate(bytes, stream); }
bool release(void* p, cudaStream_t stream) { return machine().release(p, stream); }

}  // namespace mvsgd::cuda_emulation
