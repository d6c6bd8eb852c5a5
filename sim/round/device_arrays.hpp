// A worker's arrays on a device.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "compress/device/device_operators.hpp"
#include "sim/round/worker_arrays.hpp"

namespace mvsgd::sim {

/// The arrays on a device, changed by the device's operators. In a sparse round only votes, masks
/// and values cross between device and host, and with add-drop also the values at two votes. theta,
/// e and D stay on the device.
class DeviceArrays final : public WorkerArrays {
 public:
  explicit DeviceArrays(std::unique_ptr<compress::DeviceOperators> operators)
      : operators_(std::move(operators)) {}

  void put(Values values) override;
  [[nodiscard]] Values take() override;
  [[nodiscard]] FlatView theta() const override {
    return FlatView::OnDevice{.operators = operators_.get(), .array = theta_};
  }
  void add_difference(const FlatView& theta_h) override;
  /// Ignores the hint.
  [[nodiscard]] compress::TopK add_difference_top_k(const FlatView& theta_h, std::size_t k,
                                                    float hint) override;
  /// Reads D back and selects on the host.
  [[nodiscard]] compress::LayersTopK add_difference_layers_top_k(
      const FlatView& theta_h, std::span<const compress::Layer> layers,
      std::span<const float> hints) override;
  void move_to(const FlatView& theta_h) override;
  void keep_error() override;
  void return_to_kept_error() override { e_ = std::exchange(kept_error_, {}); }
  void rescale_error(float factor) override;
  [[nodiscard]] compress::VoteChange add_drop(std::span<const compress::Index> top,
                                              std::span<const compress::Index> previous,
                                              std::size_t k_ad) override;
  void gather(std::span<const compress::Index> mask, std::span<float> values) override;
  /// On the device if the quantiser has levels, else on the host.
  [[nodiscard]] compress::Quantized quantize(std::span<const compress::Index> mask,
                                             const compress::Quantizer& quantizer) override;
  void subtract_sent(std::span<const compress::Index> mask, std::span<const float> sent) override;
  void scatter_add(std::span<const compress::Index> mask, std::span<const float> values) override;
  [[nodiscard]] std::span<const float> read_theta() override;
  [[nodiscard]] std::span<const float> read_error() override;
  void clear_error() override;
  void add(std::span<const float> values) override;

 private:
  [[nodiscard]] std::vector<float> download(const compress::DeviceArray& x);

  std::unique_ptr<compress::DeviceOperators> operators_;
  compress::DeviceArray theta_;
  compress::DeviceArray e_;
  compress::DeviceArray kept_error_;
  std::vector<float> host_;  ///< what read_theta() and read_error() return
};

}  // namespace mvsgd::sim
