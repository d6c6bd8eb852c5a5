// The operators of this folder on arrays that stay on a device. With them a worker computes on
// theta and its error memory between its local steps and its messages, and only what is sent and
// received crosses to the host.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "compress/select/top_k.hpp"
#include "compress/values/quantizer.hpp"

namespace mvsgd::compress {

/// What an array is in a device's memory. Only the operators of that device know.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  virtual ~DeviceMemory() = default;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
};

/// [size] floats on a device. Copies share them.
struct DeviceArray {
  std::size_t size = 0;
  std::shared_ptr<DeviceMemory> memory;
};

/// Each worker has one. Used by one thread at a time, any thread.
///
/// Each operator gives the bits of the function with its name in select/ or values/, which defines
/// it. Arrays come from upload() or are others of the same device, and nobody else uses them during
/// the call. Work given for them earlier is done first, and work given later is done afterwards.
/// All throw std::invalid_argument if sizes do not fit together, a coordinate is beyond its array,
/// or an array is not of this device; and std::runtime_error if the device's library refuses.
class DeviceOperators {
 public:
  DeviceOperators() = default;
  virtual ~DeviceOperators() = default;
  DeviceOperators(const DeviceOperators&) = delete;
  DeviceOperators& operator=(const DeviceOperators&) = delete;

  [[nodiscard]] virtual DeviceArray upload(std::span<const float> values) = 0;
  virtual void write(const DeviceArray& to, std::span<const float> from) = 0;
  virtual void read(const DeviceArray& from, std::span<float> to) = 0;
  virtual void copy(const DeviceArray& to, const DeviceArray& from) = 0;

  virtual void fill_zero(const DeviceArray& x) = 0;
  virtual void scale(const DeviceArray& x, float factor) = 0;
  virtual void accumulate(const DeviceArray& y, const DeviceArray& x) = 0;  ///< y += x
  /// e <- (theta_h - theta_0) + e: Algorithm 1 line 9.
  virtual void add_difference(const DeviceArray& theta_h, const DeviceArray& theta_0,
                              const DeviceArray& e) = 0;

  /// The first i with x[i] NaN or infinite; x's size if there is none.
  [[nodiscard]] virtual std::size_t first_not_finite(const DeviceArray& x) = 0;
  /// Eqs 6 and 9. Throws std::invalid_argument if k > d or if x is not finite.
  [[nodiscard]] virtual TopK top_k(const DeviceArray& x, std::size_t k) = 0;

  /// values[j] = x[mask[j]]. Here and below `mask` is strictly increasing.
  virtual void gather(const DeviceArray& x, std::span<const Index> mask,
                      std::span<float> values) = 0;
  /// e[mask[j]] -= sent[j]: Algorithm 1 line 22.
  virtual void subtract_sent(std::span<const Index> mask, std::span<const float> sent,
                             const DeviceArray& e) = 0;
  /// y[mask[j]] += values[j].
  virtual void scatter_add(std::span<const Index> mask, std::span<const float> values,
                           const DeviceArray& y) = 0;

  /// Eq 18 for x at `mask`, with the quantiser's boundaries. Throws std::invalid_argument if it has
  /// no levels, or a value there is not finite.
  [[nodiscard]] virtual Quantized quantize(const DeviceArray& x, std::span<const Index> mask,
                                           const Quantizer& quantizer) = 0;
};

}  // namespace mvsgd::compress
