#include "sim/plan/round_shape.hpp"

#include <algorithm>
#include <tuple>

#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using comm::Kind;

MessageShape whole(Direction way, Kind kind, std::uint64_t values) {
  return {.way = way, .kind = kind, .least = values, .most = values};
}

MessageShape k_positions(Direction way, Kind kind, const Settings& settings,
                         const Dimensions& dimensions) {
  MessageShape shape{
      .way = way,
      .kind = kind,
      .least = dimensions.k,
      .most = dimensions.k,
      .share = settings.phi.to_double(),
      .universe = dimensions.d,
      .block = settings.block_size > 0 ? settings.block_size : settings.phi.rounded_reciprocal()};
  for (const auto& [d, k, k_ad] : dimensions.layers) {
    shape.parts.push_back({.size = d, .universe = k < d ? d : 0, .most = k});
  }
  return shape;
}

MessageShape k_values(Direction way, Kind kind, const Settings& settings,
                      const Dimensions& dimensions, std::uint32_t value_bits) {
  return {.way = way,
          .kind = kind,
          .least = dimensions.k,
          .most = dimensions.k,
          .share = settings.phi.to_double(),
          .value_bits = value_bits,
          .by_entropy = settings.codes_by_entropy(value_bits),
          .block = value_bits == 1 ? settings.quantizer_block : 0};
}

/// The same round where the workers that take part sum their values themselves: these go around a
/// ring, and the aggregate only to those that are absent.
void sum_across(const Settings& settings, const Round& round, RoundShape& shape) {
  MessageShape& aggregate = *std::ranges::find(shape, Kind::aggregate, &MessageShape::kind);
  MessageShape blocks = aggregate;
  blocks.way = Direction::across;
  blocks.counted_by = CountedBy::place;
  aggregate.is_for_absent = true;
  std::erase_if(shape, [&](const MessageShape& m) {
    return m.kind == Kind::dense || m.kind == Kind::update ||
           (m.is_for_absent && round.absent == 0);
  });
  if (settings.workers - round.absent == 1) return;
  for (const Kind kind : {Kind::reduce, Kind::gather}) {
    blocks.kind = kind;
    shape.push_back(blocks);
  }
}

}  // namespace

Dimensions dimensions(const Settings& settings, const Layers& layers, std::uint64_t buffers) {
  const auto of = [&](std::uint64_t d) -> LayerDimensions {
    const std::uint64_t k = settings.phi.ceil_times(d);
    return {.d = d, .k = k, .k_ad = std::min(k, settings.phi_ad.ceil_times(d))};
  };
  Dimensions all{.workers = settings.workers, .d = layers.d(), .buffers = buffers};
  if (settings.selection == Selection::global) {
    all.k = of(all.d).k;
    all.k_ad = of(all.d).k_ad;
    return all;
  }
  for (const std::uint64_t d : layers.sizes()) {
    LayerDimensions layer = of(d);
    if (d < settings.dense_below) layer.k = d;
    if (layer.k == d) layer.k_ad = 0;  // there is nothing to add
    all.k += layer.k;
    all.k_ad += layer.k_ad;
    all.layers.push_back(layer);
  }
  return all;
}

MessageShape vote_shape(const Settings& settings, const Dimensions& dimensions,
                        const Round& round) {
  MessageShape shape = k_positions(Direction::up, Kind::vote, settings, dimensions);
  const bool changes = settings.vote_codec == VoteCoding::delta && !round.first_sparse;
  shape.given = changes ? Given::changed_vote : Given::nothing;
  return shape;
}

MessageShape update_shape(const Settings& settings, const Dimensions& dimensions) {
  return k_values(Direction::up, Kind::update, settings, dimensions, settings.value_bits);
}

MessageShape mask_shape(const Settings& settings, const Dimensions& dimensions,
                        const Round& round) {
  MessageShape shape = k_positions(Direction::down, Kind::mask, settings, dimensions);
  const bool differs = settings.mask_codec == MaskCoding::delta && !round.first_sparse;
  shape.given = differs ? Given::last_mask : Given::nothing;
  return shape;
}

MessageShape aggregate_shape(const Settings& settings, const Dimensions& dimensions) {
  return k_values(Direction::down, Kind::aggregate, settings, dimensions, settings.aggregate_bits);
}

RoundShape round_shape(const Settings& settings, const Dimensions& dimensions, const Round& round) {
  const Scheme& scheme = *settings.scheme;
  if (!scheme.sends()) return {};
  if (round.t == 0) return {whole(Direction::down, Kind::model, dimensions.d)};
  RoundShape shape;
  if (round.dense) {
    shape = {whole(Direction::up, Kind::dense, dimensions.d),
             whole(Direction::down, Kind::aggregate, dimensions.d)};
  } else {
    shape = scheme.shape(settings, dimensions, round);
  }
  if (settings.reduces()) sum_across(settings, round, shape);
  if (round.evaluate && settings.bn_eval() == BatchNormEvaluation::average) {
    shape.push_back(whole(Direction::up, Kind::buffers, dimensions.buffers));
  }
  std::ranges::sort(shape, {}, [](const MessageShape& m) { return std::tuple(m.way, m.kind); });
  return shape;
}

}  // namespace mvsgd::sim
