#include "compress/select/layer_top_k.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

#include "compress/select/error_memory.hpp"
#include "compress/select/top_k_selection.hpp"

namespace mvsgd::compress {
namespace {

void check_arguments(const char* who, std::span<const Layer> layers, std::size_t d,
                     std::span<const float> hints) {
  check_layers(who, layers, d);
  if (hints.empty() || hints.size() == layers.size()) return;
  throw std::invalid_argument(std::string(who) + ": " + std::to_string(hints.size()) +
                              " hints for " + std::to_string(layers.size()) + " layers");
}

// `source_from(begin)` is the source whose first coordinate is `begin`, `x` what is ranked once a
// pass has been over it. If a layer has a value that is not finite, `finish(end)` does what passes
// over the layers behind it would have done.
template <typename SourceFrom, typename Finish>
LayersTopK select_each(const char* who, std::span<const Layer> layers, std::span<const float> hints,
                       std::span<const float> x, const SourceFrom& source_from,
                       const Finish& finish) {
  std::size_t kept = 0;
  for (const Layer& layer : layers) kept += layer.k;
  LayersTopK all;
  all.support.reserve(kept);
  all.magnitudes.reserve(layers.size());
  std::size_t begin = 0;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const auto& [size, k] = layers[l];
    try {
      const TopK top = select(who, source_from(begin), size, k,
                              TopKOptions{.hint = hints.empty() ? 0.0F : hints[l]});
      for (const Index i : top.support) all.support.push_back(static_cast<Index>(begin) + i);
      all.magnitudes.push_back(top.magnitude);
    } catch (const std::invalid_argument&) {
      finish(begin + size);
      for (std::size_t i = begin; i < begin + size; ++i) {
        if (!std::isfinite(x[i])) throw_not_finite(who, i, x[i]);
      }
      throw;
    }
    begin += size;
  }
  return all;
}

}  // namespace

LayersTopK layers_top_k(std::span<const float> x, std::span<const Layer> layers,
                        std::span<const float> hints) {
  constexpr const char* kWho = "layers_top_k";
  check_arguments(kWho, layers, x.size(), hints);
  return select_each(
      kWho, layers, hints, x, [&](std::size_t begin) { return Plain{.x = x.data() + begin}; },
      [](std::size_t) {});
}

LayersTopK add_difference_layers_top_k(std::span<const float> theta_h,
                                       std::span<const float> theta_0, std::span<float> e,
                                       std::span<const Layer> layers,
                                       std::span<const float> hints) {
  constexpr const char* kWho = "add_difference_layers_top_k";
  for (const std::size_t length : {theta_h.size(), theta_0.size()}) {
    if (length != e.size()) {
      throw std::invalid_argument(std::string(kWho) + ": lengths " + std::to_string(length) +
                                  " and " + std::to_string(e.size()));
    }
  }
  check_arguments(kWho, layers, e.size(), hints);
  return select_each(
      kWho, layers, hints, e,
      [&](std::size_t begin) {
        return Difference{.theta_h = theta_h.data() + begin,
                          .theta_0 = theta_0.data() + begin,
                          .e = e.data() + begin};
      },
      [&](std::size_t end) {
        add_difference(theta_h.subspan(end), theta_0.subspan(end), e.subspan(end));
      });
}

std::vector<Index> layers_top_k_by_sorting(std::span<const float> x,
                                           std::span<const Layer> layers) {
  check_layers("layers_top_k", layers, x.size());
  std::vector<Index> support;
  std::size_t begin = 0;
  for (const auto& [size, k] : layers) {
    for (const Index i : top_k_support_by_sorting(x.subspan(begin, size), k)) {
      support.push_back(static_cast<Index>(begin) + i);
    }
    begin += size;
  }
  return support;
}

}  // namespace mvsgd::compress
