#include "sim/plan/effect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "compress/positions/position_codecs.hpp"
#include "compress/values/quantizers.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

std::string only(std::string_view what, std::string_view key, std::string_view value) {
  return fmt::format("only {}, and {} = {}", what, key, value);
}

/// "" if `such` is true of the settings' scheme; else that only such schemes have `what`.
std::string only_schemes(const Settings& s, bool (*such)(const Scheme&), std::string_view what) {
  if (such(*s.scheme)) return "";
  return only(fmt::format("scheme {} {}", names_of_schemes(such), what), "scheme",
              s.scheme->name());
}

bool is_sparse(const Scheme& scheme) { return scheme.sparse() != nullptr; }

/// "" if the settings' scheme is sparse; else that only sparse ones have `what`.
std::string only_sparse(const Settings& s, std::string_view what) {
  if (is_sparse(*s.scheme)) return "";
  return only(fmt::format("a sparse scheme ({}) {}", names_of_schemes(is_sparse), what), "scheme",
              s.scheme->name());
}

StepCounts counts_of(const Settings& s) { return step_counts(s, training_images(s)); }

/// The setting that determines the length of the warm-up.
std::string warmup_of(const Settings& s) {
  return s.warmup_epochs
             ? fmt::format("warmup_epochs = {} of epochs = {}", *s.warmup_epochs, s.epochs)
             : fmt::format("warmup_epochs = proportional, one step at least, of {} in epochs = {}",
                           counts_of(s).total, s.epochs);
}

template <typename Kinds>
std::string names_with_blocks(const Kinds& kinds) {
  std::vector<std::string> names;
  for (const auto& kind : kinds) {
    if (kind.has_blocks) names.emplace_back(kind.name);
  }
  return listed(names, "and");
}

constexpr const char* kNoMemory = "error_memory = false keeps no error";

bool breaks_ties(const Scheme& scheme) { return scheme.breaks_ties(); }

std::string never(const Settings& /*settings*/) { return ""; }

std::string unless_steps_follow_the_warmup(const Settings& s) {
  const StepCounts steps = counts_of(s);
  return steps.warmup < steps.total ? "" : "no step follows the dense warm-up: " + warmup_of(s);
}

/// Of a sparse scheme.
std::string unless_rounds_are_sparse(const Settings& s) {
  return s.phi_warmup == PhiWarmup::stairs ? "" : unless_steps_follow_the_warmup(s);
}

std::string unless_sparse(const Settings& s) {
  return is_sparse(*s.scheme) ? unless_rounds_are_sparse(s) : only_sparse(s, "has a use for it");
}

std::string unless_it_quantizes(const Settings& s) { return only_sparse(s, "quantises"); }

std::string unless_values_are_quantized(const Settings& s) {
  if (std::string why = unless_it_quantizes(s); !why.empty()) return why;
  const compress::QuantizerKind& chosen = compress::quantizer_named(s.quantizer);
  const std::string wanted = chosen.least_bits == chosen.most_bits
                                 ? std::to_string(chosen.least_bits)
                                 : fmt::format("{} to {}", chosen.least_bits, chosen.most_bits);
  if (s.value_bits < 32 || chosen.has(s.aggregate_bits)) return unless_rounds_are_sparse(s);
  return fmt::format(
      "value_bits = {} is wanted, not 32, which is not quantised; or such aggregate_bits", wanted);
}

std::string unless_quantized(const Settings& s) {
  if (std::string why = unless_it_quantizes(s); !why.empty()) return why;
  if (s.value_bits < 32 || s.aggregate_bits < 32) return unless_rounds_are_sparse(s);
  return "value_bits or aggregate_bits below 32 is wanted, not 32, which is not quantised";
}

std::string unless_quantization_errs(const Settings& s) {
  const bool server_keeps = s.aggregate_bits < 32;
  return s.error_memory || server_keeps ? unless_quantized(s) : kNoMemory;
}

std::string unless_errors_are_kept(const Settings& s) {
  return s.error_memory || s.has_server_error() ? unless_sparse(s) : kNoMemory;
}

std::string unless_masks_are_sent(const Settings& s) { return only_sparse(s, "has masks"); }

std::string unless_values_are_coded(const Settings& s) {
  if (std::string why = unless_it_quantizes(s); !why.empty()) return why;
  if (s.value_bits < 32 || s.aggregate_bits < 32) return "";
  return "value_bits = 2 to 8 is wanted, not 32, which is not quantised; or such aggregate_bits";
}

std::string unless_masks_are_of_k(const Settings& s) {
  return only_schemes(s, has_masks_of_k, "has masks of K coordinates");
}

std::string unless_workers_can_sum(const Settings& s) {
  if (!s.scheme->sends()) return fmt::format("scheme = {} sends nothing", s.scheme->name());
  if (std::string why = only_schemes(s, sums_at_one_mask, "sums where all workers' values are");
      !why.empty()) {
    return why;
  }
  if (s.aggregate_bits < 32) {
    return fmt::format("the server sends no sum that aggregate_bits = {} could quantise",
                       s.aggregate_bits);
  }
  if (s.value_codec == ValueCoding::entropy) {
    return "workers send sums in float32, and nothing that value_codec = entropy could code";
  }
  return "";
}

std::string unless_the_server_sums(const Settings& s) {
  return s.reduces() ? "with aggregate = reduce workers send their sums in float32" : "";
}

std::string unless_aggregates_are_sent(const Settings& s) {
  const std::string why = unless_the_server_sums(s);
  return why.empty() ? unless_sparse(s) : why;
}

std::string unless_levels_are_sent(const Settings& s) {
  if (std::string why = unless_the_server_sums(s); !why.empty()) return why;
  const bool of_server = s.codes_by_entropy(s.aggregate_bits) && has_masks_of_k(*s.scheme);
  if (s.has_values_by_entropy() || of_server) return unless_quantized(s);
  if (s.value_bits == 1) return "value_bits = 1 sends signs alone, which stay as they are";
  if (s.value_bits == 16) return "value_bits = 16 has no levels, whose frequencies it needs";
  if (s.aggregate_bits == 16)
    return "aggregate_bits = 16 has no levels, whose frequencies it needs";
  if (s.aggregate_bits == 1) return "aggregate_bits = 1 sends signs alone, which stay as they are";
  if (s.aggregate_bits < 32) return unless_masks_are_of_k(s);
  return unless_quantized(s);
}

std::string unless_quantized_in_blocks(const Settings& s) {
  if (compress::quantizer_named(s.quantizer).has_blocks || s.aggregate_bits == 1) return "";
  return only(fmt::format("quantizer = {} has blocks", names_with_blocks(compress::quantizers())),
              "quantizer", s.quantizer);
}

std::string unless_coded_in_blocks(const Settings& s) {
  if (compress::position_codec_named(s.position_codec).has_blocks) return "";
  return only(fmt::format("position_codec = {} have blocks",
                          names_with_blocks(compress::position_codecs())),
              "position_codec", s.position_codec);
}

std::string unless_it_votes_whole(const Settings& s) {
  return only_schemes(s, votes_whole, "sends whole votes in every round");
}

std::string unless_it_drops(const Settings& s) {
  return only_schemes(s, drops, "adds to a vote and drops from it");
}

std::string unless_it_adds(const Settings& s) {
  const std::string why = unless_it_drops(s);
  return why.empty() ? unless_sparse(s) : why;
}

std::string unless_it_has_lists(const Settings& s) {
  return only_schemes(s, drops, "has lists to check");
}

std::string unless_drops_are_positions(const Settings& s) {
  if (s.has_values_by_entropy()) return "value_codec = entropy keeps and checks every vote anyway";
  if (s.drop_codec == DropCoding::rank)
    return "drop_codec = rank keeps and checks every vote anyway";
  if (s.add_codec == AddCoding::rank) return "add_codec = rank keeps and checks every vote anyway";
  return unless_sparse(s);
}

std::string unless_ties_are_broken(const Settings& s) {
  if (std::string why = only_schemes(s, breaks_ties, "breaks ties"); !why.empty()) return why;
  if (s.phi == Decimal(1, 0)) return "phi = 1 keeps every coordinate, however many votes it has";
  return s.workers == 1 ? "workers = 1, all of whose votes are in the mask" : unless_sparse(s);
}

std::string unless_it_is_a_warmup(const Settings& s) {
  const bool sparse = is_sparse(*s.scheme);
  const bool dense = s.phi_warmup == PhiWarmup::dense;
  if (s.warmup_epochs && *s.warmup_epochs > s.epochs) {
    return fmt::format("there are but epochs = {}", s.epochs);
  }
  if (sparse && dense && s.warmup_epochs == s.epochs) {
    return fmt::format("of epochs = {} none is left for scheme = {}", s.epochs, s.scheme->name());
  }
  if (sparse || s.local_steps > 1 || s.learning_rate > kWarmupRate) return "";
  return fmt::format("scheme = {} is dense after it, too, and its rate would be learning_rate = {}",
                     s.scheme->name(), s.learning_rate);
}

std::string unless_the_rate_rises(const Settings& s) {
  if (s.learning_rate <= kWarmupRate) {
    return fmt::format("it begins with learning_rate = {}", s.learning_rate);
  }
  const std::uint64_t steps = counts_of(s).warmup;
  return steps > 1 ? "" : fmt::format("a warm-up of {} has one rate", warmup_of(s));
}

std::string unless_its_warmup_can_be_sparse(const Settings& s) {
  return only_sparse(s, "has shares");
}

std::string unless_it_selects(const Settings& s) { return only_sparse(s, "selects coordinates"); }

std::string unless_it_selects_by_layer(const Settings& s) {
  if (std::string why = unless_it_selects(s); !why.empty()) return why;
  return s.selection == Selection::layer ? "" : "it is of selection = layer alone";
}

std::string unless_there_is_a_warmup(const Settings& s) {
  return counts_of(s).warmup > 0 ? "" : "there is no warm-up: " + warmup_of(s);
}

std::string unless_weights_change(const Settings& s) {
  return s.learning_rate > 0 ? "" : "learning_rate = 0 changes no weight";
}

std::string unless_it_has_velocity(const Settings& s) {
  return s.has_velocity() ? "" : "momentum = 0 has no velocity";
}

std::string unless_it_clears_velocity(const Settings& s) {
  if (std::string why = unless_it_has_velocity(s); !why.empty()) return why;
  return only_sparse(s, "sends a part of the values");
}

std::string unless_there_are_many_epochs(const Settings& s) {
  return s.epochs > 1 ? "" : "epochs = 1, and the end is evaluated anyway";
}

std::string unless_synthetic(const Settings& s) {
  return s.data == "synthetic" ? "" : only("synthetic images are made to it", "data", s.data);
}

std::string unless_there_are_many_workers(const Settings& s) {
  return s.workers > 1 ? "" : "workers = 1, whose mean and sum are the same";
}

std::string unless_messages_are_sent(const Settings& s) {
  return s.scheme->sends() ? "" : fmt::format("scheme = {} sends nothing", s.scheme->name());
}

std::string unless_there_are_as_many_workers(const Settings& s) {
  if (std::string why = unless_messages_are_sent(s); !why.empty()) return why;
  if (s.participation <= s.workers) return "";
  return fmt::format("there are but workers = {}", s.workers);
}

std::string unless_rounds_leave_workers_out(const Settings& s) {
  if (s.workers == 1) return "workers = 1, which takes part in every round";
  Settings sampled = s;
  sampled.participation = 1;
  sampled.rounds = 8;  // a warm-up of five steps has a round on each stair, a longer one more
  const std::vector<Round> rounds = schedule(sampled, training_images(s));
  const bool leaves = std::ranges::any_of(rounds, [](const Round& r) { return r.absent > 0; });
  return leaves ? "" : "all workers take part in a first sparse round, and there is no other round";
}

std::string unless_it_chooses(const Settings& s) {
  const Settings::Overrides& own = s.overrides;
  const bool rescaling = own.error_rescale_on_decay || !unless_sparse(s).empty();
  if (!own.sampling || !own.bn_eval || !rescaling) return "";
  return fmt::format("what it chooses is given: sampling, bn_eval{}",
                     own.error_rescale_on_decay ? " and error_rescale_on_decay" : "");
}

std::string unless_split_is(const Settings& s, Split split, std::string_view name) {
  if (s.split == split) return "";
  return fmt::format("it is of split = {} alone", name);
}

std::string unless_dirichlet(const Settings& s) {
  return unless_split_is(s, Split::dirichlet, "dirichlet");
}

std::string unless_by_classes(const Settings& s) {
  return unless_split_is(s, Split::classes, "classes");
}

constexpr auto kEffects = std::to_array<Effect>({
    {"scheme", never, never},
    {"workers", never, never},
    {"participation", unless_there_are_as_many_workers, unless_rounds_leave_workers_out},
    {"local_steps", never, unless_steps_follow_the_warmup},
    {"phi", never, unless_sparse},
    {"phi_ad", never, unless_it_adds},
    {"selection", unless_it_selects, unless_sparse},
    {"dense_below", unless_it_selects_by_layer, unless_sparse},
    {"value_bits", unless_it_quantizes, unless_sparse},
    {"quantizer", never, unless_values_are_quantized},
    {"quantizer_block", unless_quantized_in_blocks, unless_quantized},
    {"error_memory", never, unless_sparse},
    {"quantization_error", never, unless_quantization_errs},
    {"aggregate", unless_workers_can_sum, never},
    {"aggregate_bits", unless_it_quantizes, unless_aggregates_are_sent},
    {"value_codec", unless_values_are_coded, unless_levels_are_sent},
    {"position_codec", never, unless_sparse},
    {"block_size", unless_coded_in_blocks, unless_sparse},
    {"vote_codec", unless_it_votes_whole, unless_sparse},
    {"add_codec", unless_it_drops, unless_sparse},
    {"drop_codec", unless_it_drops, unless_sparse},
    {"mask_codec", unless_masks_are_of_k, unless_sparse},
    {"width", never, never},
    {"epochs", never, never},
    {"rounds", never, never},
    {"warmup_epochs", never, unless_it_is_a_warmup},
    {"warmup", never, unless_the_rate_rises},
    {"phi_warmup", unless_its_warmup_can_be_sparse, unless_there_is_a_warmup},
    {"batch", never, never},
    {"augment", never, never},
    {"learning_rate", never, never},
    {"weight_decay", never, unless_weights_change},
    {"momentum", never, unless_weights_change},
    {"nesterov", unless_it_has_velocity, unless_weights_change},
    {"momentum_correction", unless_it_clears_velocity, unless_sparse},
    {"seed", never, never},
    {"init", never, never},
    {"data", never, never},
    {"synthetic_train", never, unless_synthetic},
    {"synthetic_test", never, unless_synthetic},
    {"synthetic_noise", never, unless_synthetic},
    {"split", never, never},
    {"split_alpha", never, unless_dirichlet},
    {"split_sizes", never, unless_dirichlet},
    {"split_classes", never, unless_by_classes},
    {"backend", never, never},
    {"conv_algorithm", never, never, true},
    {"precision", never, never, true},
    {"step_graph", never, never, true},
    {"slots", never, never},
    {"threads_per_worker", never, never, true},
    {"instruction_set", never, never, true},
    {"tie_break", never, unless_ties_are_broken},
    {"check_votes", unless_it_has_lists, unless_drops_are_positions},
    {"aggregation", never, unless_there_are_many_workers},
    {"practice", never, unless_it_chooses},
    {"sampling", never, never},
    {"bn_eval", never, never},
    {"error_rescale_on_decay", never, unless_errors_are_kept},
    {"eval_every", never, unless_there_are_many_epochs},
    {"ledger_rows", never, unless_messages_are_sent},
    {"mask_metrics", unless_masks_are_sent, unless_sparse},
    {"worker_metrics", unless_messages_are_sent, never},
    {"checkpoint_every", never, never},
    {"deadline", never, never, false, true},
});

}  // namespace

const Effect& effect_of(std::string_view key) {
  const auto found = std::ranges::find(kEffects, key, &Effect::key);
  if (found == kEffects.end()) {
    throw std::logic_error(fmt::format("key {}: nothing says when it has an effect", key));
  }
  return *found;
}

void check_held(const Settings& settings) {
  const Settings standard;
  for (const Key& key : keys()) {
    const std::string value = key.get(settings);
    if (value == key.get(standard)) continue;
    const std::string why = effect_of(key.name).held(settings);
    if (!why.empty()) throw UsageError(fmt::format("{} = {}: {}", key.name, value, why));
  }
}

std::vector<GivenKey> given_by_name(const Settings& before, const GivenSettings& given) {
  const Settings standard;
  Settings after = before;
  set(after, given);
  std::vector<GivenKey> named;
  for (const Key& key : keys()) {
    if (std::ranges::find(given, key.name, &GivenSettings::value_type::first) == given.end()) {
      continue;
    }
    const std::string there = key.get(standard);
    if (key.get(after) == there && key.get(before) != there) continue;
    named.push_back({.key = std::string(key.name), .where = ""});
  }
  return named;
}

}  // namespace mvsgd::sim
