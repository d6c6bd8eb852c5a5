// A worker's operators on flat arrays, for a backend that keeps these where it computes: what a
// worker does to theta and its error memory between its local steps and its messages, so that only
// what is sent and received crosses to the host.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "nn/flat_results.hpp"
#include "nn/tensor.hpp"

namespace mvsgd::nn {

/// Coordinates of a flat array, strictly increasing.
using Coordinates = std::span<const std::uint32_t>;

/// b_0, ..., b_(L-1), falling; L a power of two from 2 to 128.
using Boundaries = std::function<std::vector<double>(const Extremes&)>;

/// Made by a backend (Backend::flat_operators()), one a worker. One thread at a time, any thread.
///
/// Tensors are upload()'s, or plain ones of a backend of the same device, which nobody else uses
/// during the call: what their backend was asked for before comes before, what it is asked for
/// afterwards after. Each product, sum and difference is rounded once. All throw
/// std::invalid_argument if sizes do not fit together or a coordinate is beyond its array, and
/// BackendError if a library refuses.
class FlatOperators {
 public:
  FlatOperators() = default;
  virtual ~FlatOperators() = default;
  FlatOperators(const FlatOperators&) = delete;
  FlatOperators& operator=(const FlatOperators&) = delete;

  /// A tensor [values.size()].
  [[nodiscard]] virtual Tensor upload(std::span<const float> values) = 0;
  virtual void write(const Tensor& to, std::span<const float> from) = 0;
  virtual void read(const Tensor& from, std::span<float> to) = 0;
  virtual void copy(const Tensor& to, const Tensor& from) = 0;

  virtual void fill_zero(const Tensor& x) = 0;
  virtual void scale(const Tensor& x, float factor) = 0;
  virtual void accumulate(const Tensor& y, const Tensor& x) = 0;  ///< y += x
  /// e <- (theta_h - theta_0) + e: Algorithm 1 line 9.
  virtual void add_difference(const Tensor& theta_h, const Tensor& theta_0, const Tensor& e) = 0;

  /// The first i where x[i] is NaN or infinite; x's size if there is none.
  [[nodiscard]] virtual std::int64_t first_not_finite(const Tensor& x) = 0;
  /// Eqs 6 and 9. Throws std::invalid_argument if k > d or if x is not finite.
  [[nodiscard]] virtual Largest top_k(const Tensor& x, std::int64_t k) = 0;

  /// values[j] = x[at[j]].
  virtual void gather(const Tensor& x, Coordinates at, std::span<float> values) = 0;
  /// x[at[j]] -= values[j]: Algorithm 1 line 22.
  virtual void subtract(const Tensor& x, Coordinates at, std::span<const float> values) = 0;
  /// y[at[j]] += values[j].
  virtual void scatter_add(const Tensor& y, Coordinates at, std::span<const float> values) = 0;

  /// Eq 18 of x[at]: level l = 1..L-1 has the magnitudes in (b_l, b_(l-1)], level L the rest. A
  /// level's mean is that of its magnitudes summed in double in increasing index, 0 if it has none.
  /// Throws std::invalid_argument if a value is not finite.
  [[nodiscard]] virtual LevelCodes quantize(const Tensor& x, Coordinates at,
                                            const Boundaries& boundaries) = 0;
};

}  // namespace mvsgd::nn
