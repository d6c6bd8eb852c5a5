#include "sim/round/worker_arrays.hpp"

#include <algorithm>

#include "compress/select/difference_top_k.hpp"
#include "compress/select/error_memory.hpp"
#include "compress/values/aggregate.hpp"

namespace mvsgd::sim {

void HostArrays::add_difference(const FlatView& theta_h) {
  compress::add_difference(theta_h.host(), values_.theta, values_.e);
}

compress::TopK HostArrays::add_difference_top_k(const FlatView& theta_h, std::size_t k,
                                                float hint) {
  return compress::add_difference_top_k(theta_h.host(), values_.theta, values_.e, k,
                                        {.hint = hint});
}

compress::LayersTopK HostArrays::add_difference_layers_top_k(
    const FlatView& theta_h, std::span<const compress::Layer> layers,
    std::span<const float> hints) {
  return compress::add_difference_layers_top_k(theta_h.host(), values_.theta, values_.e, layers,
                                               hints);
}

void HostArrays::move_to(const FlatView& theta_h) {
  std::ranges::copy(theta_h.host(), values_.theta.begin());
}

void HostArrays::rescale_error(float factor) {
  for (float& x : values_.e) x *= factor;
}

compress::VoteChange HostArrays::add_drop(std::span<const compress::Index> top,
                                          std::span<const compress::Index> previous,
                                          std::size_t k_ad) {
  return compress::add_drop(values_.e, top, previous, k_ad);
}

void HostArrays::gather(std::span<const compress::Index> mask, std::span<float> values) {
  compress::gather(values_.e, mask, values);
}

compress::Quantized HostArrays::quantize(std::span<const compress::Index> mask,
                                         const compress::Quantizer& quantizer) {
  std::vector<float> values(mask.size());
  compress::gather(values_.e, mask, values);
  return quantizer.quantize(values);
}

void HostArrays::subtract_sent(std::span<const compress::Index> mask, std::span<const float> sent) {
  compress::subtract_sent(mask, sent, values_.e);
}

void HostArrays::scatter_add(std::span<const compress::Index> mask, std::span<const float> values) {
  compress::scatter_add(mask, values, values_.theta);
}

void HostArrays::clear_error() { std::ranges::fill(values_.e, 0.0F); }

void HostArrays::add(std::span<const float> values) { compress::add_values(values, values_.theta); }

}  // namespace mvsgd::sim
