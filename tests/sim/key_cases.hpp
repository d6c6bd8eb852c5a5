// For every key, the ends of its range, and what it refuses with which words.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/plan/keys.hpp"

namespace mvsgd::sim {

struct KeyCase {
  std::string_view key;
  std::vector<std::string> ends;  ///< the least and the most, or every choice, as get() gives them
  std::vector<std::string> refused;  ///< below, above, and malformed
  std::string told;                  ///< a part of the error: the range and every form
  GivenSettings beside = {};         ///< settings under which each of the ends has an effect
};

inline KeyCase whole(std::string_view key, const std::string& low, const std::string& high,
                     const std::string& above, GivenSettings beside = {}) {
  const std::string below = low == "0" ? "-1" : std::to_string(std::stoll(low) - 1);
  return {.key = key,
          .ends = {low, high},
          .refused = {below, above, "99999999999999999999999999", "1.5", "1e3", "+3", " 3", "3 ",
                      "0x3", "three", "nan", "-", ""},
          .told = "a whole number from " + low + " to " + high + " is wanted",
          .beside = std::move(beside)};
}

inline KeyCase real(std::string_view key, const std::string& high, const std::string& above,
                    GivenSettings beside = {}) {
  return {.key = key,
          .ends = {"0", high},
          .refused = {"-1e-300", "-1", above, "1e999", "nan", "inf", "-inf", "+1", "1,5", "0.1x",
                      " 1", "much", ""},
          .told = "a number from 0 to " + high + " is wanted",
          .beside = std::move(beside)};
}

inline KeyCase share(std::string_view key, GivenSettings beside = {}) {
  return {.key = key,
          .ends = {"0.000000001", "1"},
          .refused = {"0", "0.000000000999999999", "1e-10", "1.00000000000000001", "2", "-0.1",
                      "+0.1", "1e", "1e-99999999999", "1e-2147483648", "0.1e-2147483647", "e-1",
                      ".", "1/2", "nan", "0.0123456789012345678", "some", " 0.1", ""},
          .told = "a share from 0.000000001 to 1 is wanted, as 0.01 or 1e-2, of at most 18 digits",
          .beside = std::move(beside)};
}

inline KeyCase choice(std::string_view key, std::vector<std::string> all,
                      GivenSettings beside = {}) {
  std::string told = "one of ";
  for (const std::string& one : all) told += (told.size() > 7 ? ", " : "") + one;
  std::string longer = all.back() + "x";
  return {.key = key,
          .ends = std::move(all),
          .refused = {"none-such", std::move(longer), "1", " ", ""},
          .told = told + " is wanted",
          .beside = std::move(beside)};
}

inline KeyCase flag(std::string_view key, GivenSettings beside = {}) {
  return {.key = key,
          .ends = {"true", "false"},
          .refused = {"yes", "no", "1", "0", "True", "FALSE", "truee", ""},
          .told = "true or false is wanted",
          .beside = std::move(beside)};
}

/// A key that takes any text which TOML and JSON can hold.
inline KeyCase text(std::string_view key, std::vector<std::string> some) {
  return {.key = key, .ends = std::move(some), .refused = {""}, .told = "it may not be empty"};
}

/// One case for every key.
inline std::vector<KeyCase> key_cases() {
  const GivenSettings drops{{"scheme", "mv-ad"}};
  const GivenSettings moves{{"momentum", "0.9"}};
  const GivenSettings quantized{{"value_bits", "4"}};
  const GivenSettings signs{{"value_bits", "1"}, {"quantizer", "scaled-sign"}};
  std::vector<KeyCase> all{
      choice("scheme", {"sm", "dense", "top-k", "mv", "mv-rs", "mv-ad", "rand-k"},
             {{"workers", "1"}}),
      whole("workers", "1", "65535", "65536"),
      whole("participation", "0", "65535", "65536", {{"workers", "65535"}}),
      whole("local_steps", "1", "1000000000", "1000000001"),
      share("phi"),
      share("phi_ad", drops),
      choice("selection", {"global", "layer"}),
      whole("dense_below", "0", "1000000000", "1000000001", {{"selection", "layer"}}),
      {.key = "value_bits",
       .ends = {"2", "8", "32"},
       .refused = {"0", "9", "31", "33", "-1", "4294967297", "4.0", "four", "+4", ""},
       .told = "1 to 8, 16 or 32 is wanted"},
      choice("aggregate", {"server", "reduce"}),
      {.key = "aggregate_bits",
       .ends = {"1", "8", "16", "32"},
       .refused = {"0", "9", "31", "33", "-1", "4294967297", "4.0", "four", "+4", ""},
       .told = "1 to 8, 16 or 32 is wanted"},
      {.key = "quantizer",
       .ends = {"fractional"},  // scaled-sign takes one bit, and q = 4 here
       .refused = {"sign", "Fractional", "none", ""},
       .told = "one of fractional, scaled-sign, float16, bfloat16 is wanted",
       .beside = quantized},
      whole("quantizer_block", "0", "1000000000", "1000000001", signs),
      flag("error_memory"),
      flag("quantization_error", quantized),
      choice("value_codec", {"plain", "entropy"}, quantized),
      choice("position_codec", {"block", "elias-fano", "rice", "radix", "entropy", "rans"}),
      whole("block_size", "0", "2147483648", "2147483649"),
      choice("vote_codec", {"positions", "delta"}),
      choice("add_codec", {"positions", "rank"}, drops),
      choice("drop_codec", {"positions", "rank"}, drops),
      choice("mask_codec", {"positions", "delta"}),
      whole("width", "1", "512", "513"),
      whole("epochs", "1", "10000", "10001"),
      whole("rounds", "0", "1000000000", "1000000001"),
      {.key = "warmup_epochs",
       .ends = {"proportional", "0", "1000000000"},
       .refused = {"-1", "1000000001", "1.5", "5e0", "few", "Proportional", "+5", ""},
       .told = "proportional, or a whole number from 0 to 1000000000, is wanted"},
      choice("warmup", {"stairs", "ramp"}),
      choice("phi_warmup", {"dense", "stairs"}),
      whole("batch", "2", "65536", "65537"),
      flag("augment"),
      real("learning_rate", "1000000", "1000000.1"),
      real("weight_decay", "1000000", "1000000.1"),
      real("momentum", "1", "1.0000001"),
      flag("nesterov", moves),
      flag("momentum_correction", moves),
      whole("seed", "0", "9223372036854775807", "9223372036854775808"),
      text("init", {"random", "weights.safetensors"}),
      text("data", {"synthetic", "cifar-10"}),
      whole("synthetic_train", "1", "10000000", "10000001"),
      whole("synthetic_test", "1", "10000000", "10000001"),
      real("synthetic_noise", "100", "100.00001"),
      choice("split", {"random", "stratified", "dirichlet", "classes"}),
      {.key = "split_alpha",
       .ends = {"0.000001", "1000"},
       .refused = {"0", "0.0000001", "0.0000015", "1000.000001", "-1", "+1", "nan", "much", ""},
       .told = "a number from 0.000001 to 1000 is wanted, of at most 6 decimals",
       .beside = {{"split", "dirichlet"}}},
      choice("split_sizes", {"equal", "free"}, {{"split", "dirichlet"}}),
      whole("split_classes", "1", "256", "257", {{"split", "classes"}}),
      text("backend", {"lanes", "reference"}),
      choice("conv_algorithm", {"table", "direct", "winograd"}),
      choice("precision", {"fp32", "tf32", "bf16"}),
      flag("step_graph"),
      whole("slots", "0", "4096", "4097"),
      whole("threads_per_worker", "1", "1024", "1025"),
      choice("instruction_set", {"best", "portable", "avx2", "avx512"}),
      choice("tie_break", {"random", "index"}),
      flag("check_votes", drops),
      choice("aggregation", {"mean", "sum"}),
      choice("practice", {"text", "authors"}),
      choice("sampling", {"permutation", "fresh"}),
      choice("bn_eval", {"average", "recompute", "batch"}),
      flag("error_rescale_on_decay"),
      whole("eval_every", "1", "1000000000", "1000000001"),
      choice("ledger_rows", {"worker", "round"}),
      flag("mask_metrics"),
      flag("worker_metrics"),
      {.key = "checkpoint_every",
       .ends = {"0", "1000000000", "1m", "1000000m"},
       .refused = {"-1", "1000000001", "0m", "1000001m", "200000000m", "-1m", "10s", "10 m", "m",
                   "1.5m", "10M", "often", ""},
       .told = "a whole number of rounds from 0 to 1000000000, or of minutes from 1m to 1000000m, "
               "is wanted"},
      whole("deadline", "1", "31536000", "31536001")};
  return all;
}

}  // namespace mvsgd::sim
