// Eq 4 with N workers: every model difference is sent whole, in every round.
#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {

const Scheme& whole_differences() {
  static const Scheme scheme("dense", "every model difference whole, eq 4");
  return scheme;
}

}  // namespace mvsgd::sim
