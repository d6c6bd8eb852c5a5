#include "sim/plan/settings.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "compress/values/quantizers.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

/// The kinds that have q, as "float16 or bfloat16".
std::string kinds_of(std::uint32_t q) {
  std::vector<std::string> names;
  for (const compress::QuantizerKind& kind : compress::quantizers()) {
    if (kind.has(q)) names.emplace_back(kind.name);
  }
  return listed(names, "or");
}

/// Checks that q and the quantiser fit together.
void check_quantizer(const Settings& s) {
  const compress::QuantizerKind& chosen = compress::quantizer_named(s.quantizer);
  // If a worker quantises nothing, `quantizer` keeps its default, the first one, or is the
  // server's.
  const bool none = &chosen == &compress::quantizers().front() || chosen.has(s.aggregate_bits);
  const bool fits = (none && s.value_bits == 32) || chosen.has(s.value_bits);
  if (!fits && chosen.least_bits == chosen.most_bits) {
    throw UsageError(fmt::format("quantizer = {}: value_bits = {} is wanted, not {}{}", chosen.name,
                                 chosen.least_bits, s.value_bits,
                                 s.value_bits == 32 ? "; or such aggregate_bits" : ""));
  }
  if (!fits) {
    throw UsageError(fmt::format("value_bits = {}: quantizer = {} is wanted; {} has {} to {}",
                                 s.value_bits, kinds_of(s.value_bits), chosen.name,
                                 chosen.least_bits, chosen.most_bits));
  }
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
  check_held(s);
  check_quantizer(s);
}

}  // namespace mvsgd::sim
