// The parameter tensors of a model, as a run with `selection = layer` sees them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mvsgd::sim {

struct Settings;

/// The sizes of a model's parameter tensors, in their order in the flat array. In settings and on
/// the wire a tensor is a layer.
class Layers {
 public:
  /// One tensor of d parameters: what there is to know where no layer is chosen by itself. Not
  /// explicit, so that a d stands for it.
  Layers(std::uint64_t d);  // NOLINT(google-explicit-constructor)
  /// Throws std::invalid_argument if a size is 0, or if there is none.
  explicit Layers(std::vector<std::uint64_t> sizes);

  [[nodiscard]] std::uint64_t d() const { return d_; }
  [[nodiscard]] std::span<const std::uint64_t> sizes() const { return sizes_; }

 private:
  std::vector<std::uint64_t> sizes_;
  std::uint64_t d_ = 0;
};

/// The tensors of the settings' network.
[[nodiscard]] Layers network_layers(const Settings& settings);

}  // namespace mvsgd::sim
