#include "sim/round/device_arrays.hpp"

#include <algorithm>
#include <iterator>

#include "compress/positions/ranks.hpp"

namespace mvsgd::sim {

using compress::Index;

void DeviceArrays::put(Values values) {
  theta_ = operators_->upload(values.theta);
  e_ = operators_->upload(values.e);
}

WorkerArrays::Values DeviceArrays::take() {
  Values values{.theta = download(theta_), .e = download(e_)};
  theta_ = e_ = kept_error_ = {};
  return values;
}

void DeviceArrays::add_difference(const FlatView& theta_h) {
  operators_->add_difference(theta_h.device().array, theta_, e_);
}

compress::TopK DeviceArrays::add_difference_top_k(const FlatView& theta_h, std::size_t k,
                                                  float /*hint*/) {
  add_difference(theta_h);
  return operators_->top_k(e_, k);
}

compress::LayersTopK DeviceArrays::add_difference_layers_top_k(
    const FlatView& theta_h, std::span<const compress::Layer> layers,
    std::span<const float> hints) {
  add_difference(theta_h);
  return compress::layers_top_k(read_error(), layers, hints);
}

void DeviceArrays::move_to(const FlatView& theta_h) {
  operators_->copy(theta_, theta_h.device().array);
}

void DeviceArrays::keep_error() {
  if (kept_error_.size == e_.size) {
    operators_->copy(kept_error_, e_);
  } else {
    kept_error_ = operators_->upload(download(e_));
  }
}

void DeviceArrays::rescale_error(float factor) { operators_->scale(e_, factor); }

// Works on the members of the two supports alone, by their ranks. Ranks keep the order of
// coordinates.
compress::VoteChange DeviceArrays::add_drop(std::span<const Index> top,
                                            std::span<const Index> previous, std::size_t k_ad) {
  std::vector<Index> members;
  std::ranges::set_union(top, previous, std::back_inserter(members));
  std::vector<float> values(members.size());
  operators_->gather(e_, members, values);
  const auto ranks = [&](std::span<const Index> support) {
    return compress::ranks_of(support, members);
  };
  const compress::VoteChange change = compress::add_drop(values, ranks(top), ranks(previous), k_ad);
  return {.add = compress::members_of(change.add, members),
          .drop = compress::members_of(change.drop, members)};
}

void DeviceArrays::gather(std::span<const Index> mask, std::span<float> values) {
  operators_->gather(e_, mask, values);
}

compress::Quantized DeviceArrays::quantize(std::span<const Index> mask,
                                           const compress::Quantizer& quantizer) {
  if (quantizer.has_levels()) return operators_->quantize(e_, mask, quantizer);
  std::vector<float> values(mask.size());
  gather(mask, values);
  return quantizer.quantize(values);
}

void DeviceArrays::subtract_sent(std::span<const Index> mask, std::span<const float> sent) {
  operators_->subtract_sent(mask, sent, e_);
}

void DeviceArrays::scatter_add(std::span<const Index> mask, std::span<const float> values) {
  operators_->scatter_add(mask, values, theta_);
}

std::span<const float> DeviceArrays::read_theta() {
  host_ = download(theta_);
  return host_;
}

std::span<const float> DeviceArrays::read_error() {
  host_ = download(e_);
  return host_;
}

void DeviceArrays::clear_error() {
  operators_->fill_zero(e_);
  host_ = std::vector<float>();  // "= {}" would keep the memory
}

void DeviceArrays::add(std::span<const float> values) {
  operators_->accumulate(theta_, operators_->upload(values));
}

std::vector<float> DeviceArrays::download(const compress::DeviceArray& x) {
  std::vector<float> values(x.size);
  operators_->read(x, values);
  return values;
}

}  // namespace mvsgd::sim
