// Memory of tensors, which is used again so that a steady training step allocates nothing large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace mvsgd::nn {

/// Buffers of floats. A buffer returns to a free list when its last owner lets go, and is then
/// handed out for a request of the same size.
///
/// A buffer keeps its pool alive, so tensors may outlive the backend that made them. Any thread may
/// let go of a buffer. Buffers that were not asked for in the last kIdleTakes requests are freed,
/// so those of an evaluation with another batch size do not stay through the training that follows.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  static constexpr std::size_t kAlignment = 64;  ///< bytes: a cache line, and any vector register
  /// A training step of ResNet-18 makes about 200 requests.
  static constexpr std::uint64_t kIdleTakes = 2000;

  [[nodiscard]] static std::shared_ptr<BufferPool> make();
  /// A pool that hands out null pointers and counts what it would have taken: what kernels need is
  /// known so before any of them runs.
  [[nodiscard]] static std::shared_ptr<BufferPool> rehearse();

  /// At least `count` floats, aligned and not initialised. Throws std::bad_alloc.
  [[nodiscard]] std::shared_ptr<float> take(std::int64_t count);

  /// The bytes that the pool has from the system, in use or free.
  [[nodiscard]] std::size_t bytes() const;
  /// What of the system's memory the buffers made so far lie in, once they are written: whole
  /// pages, of slabs large ones.
  [[nodiscard]] std::size_t resident() const;

 private:
  // Memory that buffers of a middle size share, one after another. It is freed with the last of
  // them.
  struct Slab {
    explicit Slab(std::byte* memory) : data(memory) {}
    ~Slab();
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;
    std::byte* data;
    std::size_t used = 0;
  };
  struct Deleter {
    std::size_t size;  // of the allocation, in which the buffer begins at `offset`
    std::size_t offset;
    std::shared_ptr<Slab> slab;  // the slab that holds it, if any
    void operator()(float* data) const;
  };
  using Owner = std::unique_ptr<float, Deleter>;
  struct Free {
    std::size_t bytes;
    std::uint64_t since;  // takes_ when it came back
    Owner data;
  };

  explicit BufferPool(bool rehearses) : rehearses_(rehearses) {}
  Owner make_buffer(std::size_t size);
  void give_back(std::size_t bytes, Owner data) noexcept;

  const bool rehearses_;
  mutable std::mutex mutex_;
  std::vector<Free> free_;      // longest idle first
  std::shared_ptr<Slab> slab_;  // the slab whose end is free
  std::uint64_t takes_ = 0;
  std::uint64_t allocations_ = 0;
  std::size_t buffers_ = 0;
  std::size_t bytes_ = 0;
  std::size_t resident_ = 0;
};

}  // namespace mvsgd::nn
