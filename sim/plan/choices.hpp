// What settings choose between, where a key takes one of a few words.
#pragma once

#include <cstdint>

namespace mvsgd::sim {

enum class Aggregation : std::uint8_t { mean, sum };
enum class AggregatedBy : std::uint8_t {
  server,
  reduce,  ///< the workers themselves, in a ring
};
enum class TieBreaking : std::uint8_t { random, index };
enum class BatchNormEvaluation : std::uint8_t {
  average,    ///< the mean of the workers' running statistics, sent for each evaluation
  recompute,  ///< statistics of the training images under the evaluated parameters
  batch,      ///< the statistics of each test batch: the authors' practice
};

/// How the learning rate rises over the warm-up; schedule() has the formulas.
enum class Warmup : std::uint8_t {
  stairs,  ///< five equal stairs
  ramp,    ///< the same amount in every step (Goyal et al. 2017)
};

/// What the rounds of the warm-up send.
enum class PhiWarmup : std::uint8_t {
  dense,   ///< whole model differences (section 4.2)
  stairs,  ///< shares of 1/4, 1/16, ... down to phi (DGC, Lin et al. 2018, section 3.3)
};

/// How the training images are split over the workers.
enum class Split : std::uint8_t {
  random,      ///< by chance alone
  stratified,  ///< equal counts of each class
  dirichlet,   ///< shares of the classes drawn from Dirichlet distributions
  classes,     ///< a few classes for each worker
};

/// How many images the workers of a split by Dirichlet distributions have.
enum class SplitSizes : std::uint8_t {
  equal,  ///< as many, but for one
  free,   ///< as it happens, one at least
};

}  // namespace mvsgd::sim
