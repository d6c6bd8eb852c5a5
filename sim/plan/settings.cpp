#include "sim/plan/settings.hpp"

#include <fmt/format.h>

#include <span>
#include <string>
#include <vector>

#include "compress/positions/position_codecs.hpp"
#include "compress/values/quantizers.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

/// q and the quantiser fit together.
void check_quantizer(const Settings& s) {
  const compress::QuantizerKind& chosen = compress::quantizer_named(s.quantizer);
  // Where nothing is quantised, the first one stands for none.
  const bool none = s.value_bits == 32 && &chosen == &compress::quantizers().front();
  const bool fits = none || chosen.has(s.value_bits);
  if (!fits && chosen.least_bits == chosen.most_bits) {
    throw UsageError(fmt::format("quantizer = {}: value_bits = {} is wanted, not {}", chosen.name,
                                 chosen.least_bits, s.value_bits));
  }
  if (!fits) {
    throw UsageError(fmt::format("value_bits = {}: quantizer = {} is wanted; {} has {} to {}",
                                 s.value_bits, compress::quantizer_of(s.value_bits).name,
                                 chosen.name, chosen.least_bits, chosen.most_bits));
  }
  if (s.quantizer_block == 0 || chosen.has_blocks) return;
  std::vector<std::string> names;
  for (const compress::QuantizerKind& kind : compress::quantizers()) {
    if (kind.has_blocks) names.emplace_back(kind.name);
  }
  throw UsageError(fmt::format("quantizer_block = {}: only quantizer = {} has blocks",
                               s.quantizer_block, listed(names, "and")));
}

/// Only codes with blocks have their size.
void check_block_size(const Settings& s) {
  if (s.block_size == 0 || compress::position_codec_named(s.position_codec).has_blocks) return;
  std::vector<std::string> names;
  for (const compress::PositionCodecKind& kind : compress::position_codecs()) {
    if (kind.has_blocks) names.emplace_back(kind.name);
  }
  throw UsageError(fmt::format("block_size = {}: only position_codec = {} have blocks",
                               s.block_size, listed(names, "and")));
}

}  // namespace

data::Sampling Settings::sampling() const {
  return overrides.sampling.value_or(practice == Practice::authors ? data::Sampling::fresh
                                                                   : data::Sampling::permutation);
}

BatchNormEvaluation Settings::bn_eval() const {
  return overrides.bn_eval.value_or(practice == Practice::authors ? BatchNormEvaluation::batch
                                                                  : BatchNormEvaluation::average);
}

bool Settings::error_rescale_on_decay() const {
  return overrides.error_rescale_on_decay.value_or(scheme->rescales_error(*this));
}

void validate(const Settings& s) {
  s.scheme->check(s);
  if (s.scheme->sparse() == nullptr && s.value_bits != 32) {
    throw UsageError(fmt::format("value_bits = {}: only a sparse scheme quantises", s.value_bits));
  }
  check_quantizer(s);
  if (s.value_codec == ValueCoding::entropy && s.value_bits == 32) {
    throw UsageError("value_codec = entropy: only quantised values (value_bits = 1 to 8)");
  }
  check_block_size(s);
  if (s.vote_codec == VoteCoding::delta && !votes_whole(*s.scheme)) {
    throw UsageError(fmt::format("vote_codec = delta: only schemes {} send whole votes each round",
                                 names_of_schemes(votes_whole)));
  }
  if (s.drop_codec == DropCoding::rank && !drops(*s.scheme)) {
    throw UsageError(
        fmt::format("drop_codec = rank: only scheme {} drops", names_of_schemes(drops)));
  }
  if (s.mask_codec == MaskCoding::delta && !has_masks_of_k(*s.scheme)) {
    throw UsageError(fmt::format("mask_codec = delta: only masks of K coordinates ({})",
                                 names_of_schemes(has_masks_of_k)));
  }
  if (s.check_votes && !drops(*s.scheme)) {
    throw UsageError(fmt::format("check_votes = true: only scheme {} has lists to check",
                                 names_of_schemes(drops)));
  }
}

}  // namespace mvsgd::sim
