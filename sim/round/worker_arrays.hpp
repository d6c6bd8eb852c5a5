// The two flat arrays that a worker carries from round to round, and Algorithm 1's operators on
// them.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "compress/select/top_k.hpp"
#include "compress/values/quantizer.hpp"
#include "compress/vote/add_drop.hpp"
#include "sim/round/local_update.hpp"

namespace mvsgd::sim {

/// theta_t and e_{n,t} of one worker, [d] each, wherever they are. One thread at a time.
///
/// Every operator gives the bits of the function of its name in compress/, which defines it.
class WorkerArrays {
 public:
  WorkerArrays() = default;
  virtual ~WorkerArrays() = default;
  WorkerArrays(const WorkerArrays&) = delete;
  WorkerArrays& operator=(const WorkerArrays&) = delete;

  /// theta_t and e_{n,t}; e is empty where nothing is ever sent.
  struct Values {
    std::vector<float> theta;
    std::vector<float> e;
  };
  virtual void put(Values values) = 0;
  /// What the arrays hold, which they no longer have.
  [[nodiscard]] virtual Values take() = 0;

  /// Local steps from theta_t in a compute slot, as LocalUpdate has them. Where theta^(H) is not on
  /// the host, the result has none. The slot must be held until add_difference(),
  /// add_difference_top_k() or move_to_local() has used it.
  virtual LocalResult run(std::size_t slot, const Round& round, std::span<float> buffers) = 0;
  /// e <- (theta^(H) - theta_t) + e: D of Algorithm 1 line 9.
  virtual void add_difference() = 0;
  [[nodiscard]] virtual compress::TopK add_difference_top_k(std::size_t k, float hint) = 0;
  /// theta <- theta^(H), for a worker that has nobody to talk to.
  virtual void move_to_local() = 0;

  virtual void rescale_error(float factor) = 0;
  /// Towards `top`, of e.
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

  /// All of theta, to read until the next call.
  [[nodiscard]] virtual std::span<const float> theta() = 0;
  /// All of e, to send in a dense round and then to receive into.
  [[nodiscard]] virtual std::span<float> dense() = 0;
  /// theta += what dense() has been filled with; e is 0, since all of it went out.
  virtual void accept_dense() = 0;
};

/// On the host, by compress/ itself.
class HostArrays final : public WorkerArrays {
 public:
  /// `update` must outlive it.
  HostArrays(LocalUpdate& update, std::uint32_t worker) : update_(&update), worker_(worker) {}

  void put(Values values) override { values_ = std::move(values); }
  [[nodiscard]] Values take() override { return std::exchange(values_, {}); }
  LocalResult run(std::size_t slot, const Round& round, std::span<float> buffers) override;
  void add_difference() override;
  [[nodiscard]] compress::TopK add_difference_top_k(std::size_t k, float hint) override;
  void move_to_local() override;
  void rescale_error(float factor) override;
  [[nodiscard]] compress::VoteChange add_drop(std::span<const compress::Index> top,
                                              std::span<const compress::Index> previous,
                                              std::size_t k_ad) override;
  void gather(std::span<const compress::Index> mask, std::span<float> values) override;
  [[nodiscard]] compress::Quantized quantize(std::span<const compress::Index> mask,
                                             const compress::Quantizer& quantizer) override;
  void subtract_sent(std::span<const compress::Index> mask, std::span<const float> sent) override;
  void scatter_add(std::span<const compress::Index> mask, std::span<const float> values) override;
  [[nodiscard]] std::span<const float> theta() override { return values_.theta; }
  [[nodiscard]] std::span<float> dense() override { return values_.e; }
  void accept_dense() override;

 private:
  LocalUpdate* update_;
  std::uint32_t worker_;
  Values values_;
  std::span<const float> theta_h_;  ///< in the slot
};

}  // namespace mvsgd::sim
