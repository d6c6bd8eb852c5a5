// A worker's arrays on a device.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "compress/device/device_operators.hpp"
#include "sim/round/worker_arrays.hpp"

namespace mvsgd::sim {

/// By the operators of a device. In a sparse round votes, masks and values cross to the host and
/// back, and for add-drop the values of two votes; theta, e and D do not.
class DeviceArrays final : public WorkerArrays {
 public:
  struct Local {
    LocalResult result;           ///< without theta
    compress::DeviceArray theta;  ///< theta^(H), [d]; lives in the slot until its next run
  };
  /// H local steps from `theta` in a compute slot of the operators' device.
  using LocalSteps = std::function<Local(
      std::size_t slot, const Round& round, compress::DeviceOperators& operators,
      const compress::DeviceArray& theta, std::span<float> buffers)>;

  DeviceArrays(std::unique_ptr<compress::DeviceOperators> operators, LocalSteps steps)
      : operators_(std::move(operators)), steps_(std::move(steps)) {}

  void put(Values values) override;
  [[nodiscard]] Values take() override;
  LocalResult run(std::size_t slot, const Round& round, std::span<float> buffers) override;
  void add_difference() override;
  /// The support needs no hint.
  [[nodiscard]] compress::TopK add_difference_top_k(std::size_t k, float hint) override;
  void move_to_local() override;
  void rescale_error(float factor) override;
  [[nodiscard]] compress::VoteChange add_drop(std::span<const compress::Index> top,
                                              std::span<const compress::Index> previous,
                                              std::size_t k_ad) override;
  void gather(std::span<const compress::Index> mask, std::span<float> values) override;
  /// The fractional quantiser on the device, others on the host.
  [[nodiscard]] compress::Quantized quantize(std::span<const compress::Index> mask,
                                             const compress::Quantizer& quantizer) override;
  void subtract_sent(std::span<const compress::Index> mask, std::span<const float> sent) override;
  void scatter_add(std::span<const compress::Index> mask, std::span<const float> values) override;
  [[nodiscard]] std::span<const float> theta() override;
  [[nodiscard]] std::span<float> dense() override;
  void accept_dense() override;

 private:
  [[nodiscard]] std::vector<float> download(const compress::DeviceArray& x);

  std::unique_ptr<compress::DeviceOperators> operators_;
  LocalSteps steps_;
  compress::DeviceArray theta_;
  compress::DeviceArray e_;
  compress::DeviceArray theta_h_;
  std::vector<float> host_;  ///< what theta() and dense() show
};

}  // namespace mvsgd::sim
