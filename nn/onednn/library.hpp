// Every use of oneDNN in this backend goes through here: one engine, one stream, one scratchpad,
// one thread count, and a BackendError for what the library refuses.
#pragma once

#include <omp.h>
#include <dnnl.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nn/backend.hpp"
#include "nn/buffer_pool.hpp"

namespace mvsgd::nn {

/// Floats that a tensor of this layout takes in memory, padding included.
[[nodiscard]] inline std::int64_t floats(const dnnl::memory::desc& layout) {
  return static_cast<std::int64_t>((layout.get_size() + sizeof(float) - 1) / sizeof(float));
}

/// The result of f(). Turns a dnnl::error into a BackendError: "operation: oneDNN: reason".
template <typename F>
auto or_refuse(const std::string& operation, F f) {
  try {
    return f();
  } catch (const dnnl::error& error) {
    throw BackendError(operation + ": oneDNN: " + error.what());
  }
}

/// A primitive and the scratchpad that it needs.
struct Executable {
  dnnl::primitive primitive;
  dnnl::memory::desc scratchpad;
};

/// Throws dnnl::error, which callers turn into BackendError with the problem at hand.
class Library {
 public:
  Library();

  /// Everything from now on runs with `threads` threads. Primitives are made for a thread count, so
  /// their owners must make them again after a change.
  ///
  /// Throws UnavailableError if OpenMP gives the calling thread fewer: a primitive made for more
  /// would wait for the missing ones for ever.
  void set_threads(int threads);
  [[nodiscard]] int threads() const { return threads_; }

  [[nodiscard]] BufferPool& pool() const { return *pool_; }

  /// At least `size` floats, aligned to 64 bytes and not initialised. Valid until the next call of
  /// this or of execute().
  [[nodiscard]] float* scratch(std::int64_t size);

  /// Calls f(begin, end) for consecutive parts of [0, count), which the threads share. No bit of a
  /// part's result may depend on another part.
  template <typename F>
  void in_parallel(std::int64_t count, F f) const;

  /// A primitive descriptor with a scratchpad of ours. The library's own is shared among the
  /// primitives of the thread that made them, and executing one from another thread crashes (seen
  /// in 2.6.3).
  ///
  /// `arguments` are those of oneDNN 2's operation descriptor, which equal those of oneDNN 3's
  /// primitive descriptor. The two versions differ only here and in describe_backward().
  template <typename Primitive, typename... Arguments>
  [[nodiscard]] auto describe(const Arguments&... arguments) const {
    omp_set_num_threads(threads_);
#if DNNL_VERSION_MAJOR >= 3
    return typename Primitive::primitive_desc(engine_, arguments..., attributes_);
#else
    return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attributes_,
                                              engine_);
#endif
  }
  template <typename Primitive, typename Forward, typename... Arguments>
  [[nodiscard]] auto describe_backward(const Forward& forward,
                                       const Arguments&... arguments) const {
    omp_set_num_threads(threads_);
#if DNNL_VERSION_MAJOR >= 3
    return typename Primitive::primitive_desc(engine_, arguments..., forward, attributes_);
#else
    return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attributes_,
                                              engine_, forward);
#endif
  }

  /// The primitive of a descriptor made by the functions above.
  template <typename Primitive, typename Descriptor>
  [[nodiscard]] Executable compile(const Descriptor& descriptor) const {
    omp_set_num_threads(threads_);
    return {.primitive = Primitive(descriptor), .scratchpad = descriptor.scratchpad_desc()};
  }

  [[nodiscard]] dnnl::memory memory(const dnnl::memory::desc& layout, float* data) const {
    return {layout, engine_, data};
  }

  void execute(const Executable& executable, std::unordered_map<int, dnnl::memory> arguments);

  /// Copies or adds `source` to `target`, which has another layout. Padding in `target` gets zeros.
  void reorder(const dnnl::memory::desc& source_layout, float* source,
               const dnnl::memory::desc& target_layout, float* target, Into into = Into::overwrite);

 private:
  struct Reorder {
    dnnl::memory::desc source;
    dnnl::memory::desc target;
    Into into = Into::overwrite;
    Executable executable;
  };

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive_attr attributes_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::make();
  std::shared_ptr<float> scratch_;
  std::int64_t scratch_size_ = 0;
  std::vector<Reorder> reorders_;
  int threads_ = 1;
};

template <typename F>
void Library::in_parallel(std::int64_t count, F f) const {
  if (threads_ == 1) return f(0, count);
#pragma omp parallel for num_threads(threads_) schedule(static)
  for (int t = 0; t < threads_; ++t) f(count * t / threads_, count * (t + 1) / threads_);
}

}  // namespace mvsgd::nn
