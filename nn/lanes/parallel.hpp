// How the loops' work is shared among threads.
#pragma once

#include <cstdint>

#include "nn/lanes/loops.hpp"

namespace mvsgd::nn::lanes {

/// A number of OpenMP's threads.
class Threads {
 public:
  explicit Threads(int count) : count_(count) {}
  [[nodiscard]] int count() const { return count_; }

  /// Calls f(range, thread) for consecutive ranges of [0, count), one a thread. No bit of a range's
  /// result may depend on another range.
  template <typename F>
  void share(std::int64_t count, const F& f) const {
    if (count_ == 1) return f(Range{0, count}, std::int64_t{0});
#if defined(_OPENMP)
#pragma omp parallel for num_threads(count_) schedule(static)
#endif
    for (int t = 0; t < count_; ++t) {
      f(Range{count * t / count_, count * (t + 1) / count_}, std::int64_t{t});
    }
  }

 private:
  int count_;
};

}  // namespace mvsgd::nn::lanes
