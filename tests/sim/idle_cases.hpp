// Every key that can be without effect, with settings under which it has none.
#pragma once

#include <string_view>
#include <vector>

#include "sim/plan/keys.hpp"

namespace mvsgd::sim {

/// A key, settings under which it has no effect, and a part of the error.
struct IdleCase {
  std::string_view key;
  GivenSettings beside;
  std::string_view told;
  std::string_view value = {};  ///< the only value without effect; "": every value is
};

inline std::vector<IdleCase> idle_cases() {
  const GivenSettings all_warm{{"warmup_epochs", "3"}, {"epochs", "3"}};
  const GivenSettings reads{{"data", "somewhere"}};
  return {
      {"local_steps", all_warm,
       "no step follows the dense warm-up: warmup_epochs = 3 of epochs = 3"},
      {"phi", {{"scheme", "dense"}}, "only a sparse scheme has a use for it, and scheme = dense"},
      {"phi", all_warm, "warmup_epochs = 3 of epochs = 3"},
      {"phi",
       {{"epochs", "1"}, {"synthetic_train", "5"}},
       "warmup_epochs = proportional, one step at least, of 1 in epochs = 1"},
      {"phi_ad", {}, "only scheme mv-ad adds to a vote and drops from it, and scheme = mv"},
      {"phi_ad", {{"scheme", "mv-ad"}, {"warmup_epochs", "300"}}, "of epochs = 300"},
      {"selection",
       {{"scheme", "dense"}},
       "only a sparse scheme selects coordinates, and scheme = dense"},
      {"selection", all_warm, "no step follows"},
      {"dense_below", {}, "it is of selection = layer alone"},
      {"dense_below", {{"scheme", "dense"}}, "only a sparse scheme selects coordinates"},
      {"value_bits", {{"scheme", "dense"}}, "only a sparse scheme quantises, and scheme = dense"},
      {"value_bits", all_warm, "no step follows"},
      {"aggregate_bits", {{"scheme", "dense"}}, "only a sparse scheme quantises"},
      {"aggregate_bits", all_warm, "no step follows"},
      {"quantizer", {{"aggregate_bits", "1"}}, "value_bits = 2 to 8 is wanted, not 32"},
      {"value_codec", {{"aggregate_bits", "1"}}, "aggregate_bits = 1 sends signs alone"},
      {"value_codec",
       {{"scheme", "top-k"}, {"aggregate_bits", "4"}},
       "has masks of K coordinates, and scheme = top-k"},
      {"quantizer", {}, "value_bits = 2 to 8 is wanted, not 32"},
      {"quantizer", {{"scheme", "sm"}, {"workers", "1"}}, "scheme = sm"},
      {"quantizer_block", {{"value_bits", "4"}}, "and quantizer = fractional"},
      {"quantization_error", {}, "not 32"},
      {"quantization_error", {{"value_bits", "4"}, {"warmup_epochs", "300"}}, "no step follows"},
      {"value_codec", {{"scheme", "dense"}}, "only a sparse scheme quantises"},
      {"value_codec", {}, "value_bits = 2 to 8 is wanted, not 32"},
      {"value_codec", {{"value_bits", "16"}, {"quantizer", "float16"}}, "16 has no levels"},
      {"value_codec", {{"aggregate_bits", "16"}}, "aggregate_bits = 16 has no levels"},
      {"value_codec", {{"value_bits", "1"}, {"quantizer", "scaled-sign"}}, "signs alone"},
      {"position_codec", {{"scheme", "dense"}}, "scheme = dense"},
      {"block_size", {{"position_codec", "rice"}}, "position_codec = rice"},
      {"block_size", all_warm, "no step follows"},
      {"vote_codec", {{"scheme", "mv-ad"}}, "whole votes in every round, and scheme = mv-ad"},
      {"add_codec", {{"scheme", "mv"}}, "only scheme mv-ad adds"},
      {"drop_codec", {{"scheme", "mv-rs"}}, "only scheme mv-ad adds"},
      {"mask_codec", {{"scheme", "top-k"}}, "has masks of K coordinates, and scheme = top-k"},
      {"warmup_epochs", {{"epochs", "1"}}, "there are but epochs = 1", "1000000000"},
      {"warmup_epochs",
       {{"scheme", "sm"}, {"workers", "1"}, {"learning_rate", "0.1"}},
       "its rate would be learning_rate = 0.1",
       "0"},
      {"warmup", {{"learning_rate", "0.05"}}, "it begins with learning_rate = 0.05"},
      {"warmup", {{"warmup_epochs", "0"}}, "a warm-up of warmup_epochs = 0 of epochs = 300"},
      {"phi_warmup", {{"scheme", "dense"}}, "only a sparse scheme has shares, and scheme = dense"},
      {"phi_warmup", {{"warmup_epochs", "0"}}, "there is no warm-up: warmup_epochs = 0 of epochs"},
      {"weight_decay", {{"learning_rate", "0"}}, "learning_rate = 0"},
      {"momentum", {{"learning_rate", "0"}}, "learning_rate = 0"},
      {"nesterov", {}, "momentum = 0 has no velocity"},
      {"nesterov", {{"momentum", "0.9"}, {"learning_rate", "0"}}, "learning_rate = 0"},
      {"momentum_correction", {}, "momentum = 0 has no velocity"},
      {"momentum_correction",
       {{"momentum", "0.9"}, {"scheme", "dense"}},
       "only a sparse scheme sends a part of the values, and scheme = dense"},
      {"momentum_correction",
       {{"momentum", "0.9"}, {"epochs", "1"}, {"synthetic_train", "5"}},
       "no step follows"},
      {"synthetic_train", reads, "only synthetic images are made to it, and data = somewhere"},
      {"synthetic_test", reads, "data = somewhere"},
      {"synthetic_noise", reads, "data = somewhere"},
      {"split_alpha", {}, "it is of split = dirichlet alone"},
      {"split_sizes", {{"split", "stratified"}}, "it is of split = dirichlet alone"},
      {"split_classes", {{"split", "dirichlet"}}, "it is of split = classes alone"},
      {"conv_algorithm", {{"backend", "reference"}}, "backend = reference"},
      {"conv_algorithm", {{"precision", "bf16"}}, "precision = bf16"},
      {"precision", {{"backend", "reference"}}, "backend = reference"},
      {"step_graph", {}, "backend = lanes has no graphs"},
      {"step_graph", {{"backend", "reference"}}, "backend = reference"},
      {"threads_per_worker", {{"backend", "reference"}}, "on one thread"},
      {"instruction_set", {{"backend", "reference"}}, "backend = reference"},
      {"tie_break", {{"scheme", "mv-rs"}}, "only scheme mv, mv-ad breaks ties, and scheme = mv-rs"},
      {"tie_break", {{"scheme", "rand-k"}}, "scheme = rand-k"},
      {"tie_break", {{"workers", "1"}}, "workers = 1"},
      {"tie_break", {{"phi", "1"}}, "phi = 1"},
      {"check_votes", {}, "only scheme mv-ad has lists to check, and scheme = mv"},
      {"check_votes", {{"scheme", "mv-ad"}, {"add_codec", "rank"}}, "add_codec = rank"},
      {"check_votes", {{"scheme", "mv-ad"}, {"drop_codec", "rank"}}, "drop_codec = rank"},
      {"check_votes",
       {{"scheme", "mv-ad"}, {"value_bits", "4"}, {"value_codec", "entropy"}},
       "value_codec = entropy"},
      {"participation", {}, "there are but workers = 10", "65535"},
      {"participation", {{"workers", "1"}}, "workers = 1, which takes part in every round", "0"},
      {"participation", {{"scheme", "sm"}, {"workers", "1"}}, "scheme = sm sends nothing"},
      {"participation",
       {{"warmup_epochs", "0"}, {"epochs", "1"}, {"local_steps", "1000000"}},
       "all workers take part in a first sparse round",
       "0"},
      {"aggregation", {{"workers", "1"}}, "workers = 1"},
      {"practice",
       {{"sampling", "fresh"}, {"bn_eval", "batch"}, {"error_rescale_on_decay", "true"}},
       "sampling, bn_eval and error_rescale_on_decay"},
      {"error_rescale_on_decay", {{"scheme", "dense"}}, "scheme = dense"},
      {"eval_every", {{"epochs", "1"}}, "epochs = 1"},
      {"ledger_rows", {{"scheme", "sm"}, {"workers", "1"}}, "scheme = sm sends nothing"},
      {"deadline",
       {},
       "only a transport between processes has a deadline, and transport = threads"},
      {"worker_metrics", {{"scheme", "sm"}, {"workers", "1"}}, "scheme = sm sends nothing"},
  };
}

}  // namespace mvsgd::sim
