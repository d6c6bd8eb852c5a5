#include "sim/plan/settings.hpp"

#include <fmt/format.h>

#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {

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
  if (s.quantizer == QuantizerKind::scaled_sign && s.value_bits != 1) {
    throw UsageError(
        fmt::format("quantizer = scaled-sign: value_bits = 1 is wanted, not {}", s.value_bits));
  }
  if (s.quantizer == QuantizerKind::fractional && s.value_bits == 1) {
    throw UsageError("value_bits = 1: quantizer = scaled-sign is wanted; fractional has 2 to 8");
  }
  if (s.quantizer == QuantizerKind::fractional && s.quantizer_block != 0) {
    throw UsageError(fmt::format("quantizer_block = {}: only quantizer = scaled-sign has blocks",
                                 s.quantizer_block));
  }
  const bool has_blocks =
      s.position_codec == PositionCoding::block || s.position_codec == PositionCoding::radix;
  if (s.block_size != 0 && !has_blocks) {
    throw UsageError(fmt::format(
        "block_size = {}: only position_codec = block and radix have blocks", s.block_size));
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
