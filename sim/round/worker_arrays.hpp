// The two flat arrays that a worker carries from round to round, with Algorithm 1's operators on
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "compress/select/layer_top_k.hpp"
#include "compress/select/top_k.hpp"
#include "compress/values/quantizer.hpp"
#include "compress/vote/add_drop.hpp"
#include "sim/round/flat_view.hpp"

namespace mvsgd::sim {

/// theta_t and e_{n,t} of one worker, [d] each, on the host or on a device. One thread at a time.
///
/// Every operator gives the same bits as the function of its name in compress/, which defines it.
class WorkerArrays {
 public:
  WorkerArrays() = default;
  virtual ~WorkerArrays() = default;
  WorkerArrays(const WorkerArrays&) = delete;
  WorkerArrays& operator=(const WorkerArrays&) = delete;

  /// theta_t and e_{n,t}; e is empty if nothing is ever sent.
  struct Values {
    std::vector<float> theta;
    std::vector<float> e;
  };
  virtual void put(Values values) = 0;
  /// Hands over what the arrays hold.
  [[nodiscard]] virtual Values take() = 0;

  /// theta_t, from which local steps begin.
  [[nodiscard]] virtual FlatView theta() const = 0;
  /// e <- (theta_h - theta_t) + e, which is D of Algorithm 1 line 9. `theta_h` must be where
  /// theta() is.
  virtual void add_difference(const FlatView& theta_h) = 0;
  /// The same, and returns the top-K support of D.
  [[nodiscard]] virtual compress::TopK add_difference_top_k(const FlatView& theta_h, std::size_t k,
                                                            float hint) = 0;
  /// The same, and returns the top-K support in each layer. `hints` are [layers] or empty.
  [[nodiscard]] virtual compress::LayersTopK add_difference_layers_top_k(
      const FlatView& theta_h, std::span<const compress::Layer> layers,
      std::span<const float> hints) = 0;
  /// theta <- theta_h, for a worker that trains alone.
  virtual void move_to(const FlatView& theta_h) = 0;

  /// Keeps a copy of e, which replaces the one before.
  virtual void keep_error() = 0;
  /// e <- the copy that was kept.
  virtual void return_to_kept_error() = 0;

  virtual void rescale_error(float factor) = 0;
  /// The change of the vote `previous` towards `top`, by the magnitudes of e.
  [[nodiscard]] virtual compress::VoteChange add_drop(std::span<const compress::Index> top,
                                                      std::span<const compress::Index> previous,
                                                      std::size_t k_ad) = 0;
  /// values <- e at `mask`.
  virtual void gather(std::span<const compress::Index> mask, std::span<float> values) = 0;
  /// e at `mask`, quantised.
  [[nodiscard]] virtual compress::Quantized quantize(std::span<const compress::Index> mask,
                                                     const compress::Quantizer& quantizer) = 0;
  virtual void subtract_sent(std::span<const compress::Index> mask,
                             std::span<const float> sent) = 0;
  /// theta at `mask` += values.
  virtual void scatter_add(std::span<const compress::Index> mask,
                           std::span<const float> values) = 0;

  /// All of theta or of e on the host. Valid until the next call.
  [[nodiscard]] virtual std::span<const float> read_theta() = 0;
  [[nodiscard]] virtual std::span<const float> read_error() = 0;
  /// e <- 0.
  virtual void clear_error() = 0;
  /// theta += values, [d].
  virtual void add(std::span<const float> values) = 0;
};

/// Makes a worker's arrays.
using MakeArrays = std::function<std::unique_ptr<WorkerArrays>(std::uint32_t worker)>;

/// The arrays on the host, changed by compress/ itself.
class HostArrays final : public WorkerArrays {
 public:
  void put(Values values) override { values_ = std::move(values); }
  [[nodiscard]] Values take() override { return std::exchange(values_, {}); }
  [[nodiscard]] FlatView theta() const override { return std::span<const float>(values_.theta); }
  void add_difference(const FlatView& theta_h) override;
  [[nodiscard]] compress::TopK add_difference_top_k(const FlatView& theta_h, std::size_t k,
                                                    float hint) override;
  [[nodiscard]] compress::LayersTopK add_difference_layers_top_k(
      const FlatView& theta_h, std::span<const compress::Layer> layers,
      std::span<const float> hints) override;
  void move_to(const FlatView& theta_h) override;
  void keep_error() override { kept_error_ = values_.e; }
  void return_to_kept_error() override { values_.e = std::move(kept_error_); }
  void rescale_error(float factor) override;
  [[nodiscard]] compress::VoteChange add_drop(std::span<const compress::Index> top,
                                              std::span<const compress::Index> previous,
                                              std::size_t k_ad) override;
  void gather(std::span<const compress::Index> mask, std::span<float> values) override;
  [[nodiscard]] compress::Quantized quantize(std::span<const compress::Index> mask,
                                             const compress::Quantizer& quantizer) override;
  void subtract_sent(std::span<const compress::Index> mask, std::span<const float> sent) override;
  void scatter_add(std::span<const compress::Index> mask, std::span<const float> values) override;
  [[nodiscard]] std::span<const float> read_theta() override { return values_.theta; }
  [[nodiscard]] std::span<const float> read_error() override { return values_.e; }
  void clear_error() override;
  void add(std::span<const float> values) override;

 private:
  Values values_;
  std::vector<float> kept_error_;
};

}  // namespace mvsgd::sim
