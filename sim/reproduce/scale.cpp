#include "sim/reproduce/scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/train/backends.hpp"

namespace mvsgd::sim {
namespace {

std::vector<Scale> make_scales() {
  return {
      {.name = "paper",
       .summary = "the paper's own: 300 epochs, width 64",
       .trials = 10,
       .every_row = {},
       .single_machine = {},
       .workers = {},
       .momentum = {},
       .masks = {}},
      {.name = "cpu",
       .summary = "scaled down to about the paper's count of rounds at a narrow network and small "
                  "batches; not the paper's accuracies",
       .every_row = {{"width", "8"}, {"epochs", "76"}, {"eval_every", "2"}},
       .single_machine = {},
       .workers = {{"batch", "16"}, {"learning_rate", "0.2"}},
       .momentum = {{"learning_rate", "0.02"}},
       .masks = {{"mask_metrics", "true"}}},
      {.name = "smoke",
       .summary = "seconds a trial, to see that all of it runs; the accuracies mean nothing",
       .trials = 2,
       .embedded_data = true,
       .every_row = {{"width", "4"},
                     {"epochs", "2"},
                     {"synthetic_train", "1600"},
                     {"synthetic_test", "400"}},
       .single_machine = {{"batch", "16"}},
       .workers = {{"batch", "4"}, {"learning_rate", "0.2"}},
       .momentum = {{"learning_rate", "0.02"}},
       .masks = {{"mask_metrics", "true"}}},
  };
}

}  // namespace

std::span<const Scale> scales() {
  static const std::vector<Scale> all = make_scales();
  return all;
}

const Scale& scale(std::string_view name) {
  const auto found = std::ranges::find(scales(), name, &Scale::name);
  if (found == scales().end()) {
    throw UsageError(fmt::format("unknown scale '{}': paper, cpu or smoke", name));
  }
  return *found;
}

bool is_of_rows(std::string_view key) {
  constexpr std::array<std::string_view, 8> kOfRows = {
      "preset", "scheme", "workers", "local_steps", "value_bits", "quantizer", "rounds", "seed"};
  return std::ranges::find(kOfRows, key) != kOfRows.end();
}

Settings trial_settings(const Scale& scale, std::string_view name, std::uint64_t seed,
                        const GivenSettings& given) {
  Settings settings = preset(name).settings;
  set(settings, scale.every_row);
  set(settings, settings.scheme->sends() ? scale.workers : scale.single_machine);
  if (settings.scheme->sends() && settings.momentum > 0) set(settings, scale.momentum);
  if (settings.scheme->sparse() != nullptr) set(settings, scale.masks);
  set(settings, given);
  settings.seed = seed;
  validate(settings);
  check_backend(settings);
  return settings;
}

}  // namespace mvsgd::sim
