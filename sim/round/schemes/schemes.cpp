// The list of schemes. Each is a file of this folder and a row here.
#include <array>

#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {

const Scheme& add_drop_voting();
const Scheme& majority_voting();
const Scheme& own_top_k();
const Scheme& random_k();
const Scheme& random_selection();
const Scheme& single_machine();
const Scheme& whole_differences();

std::span<const Scheme* const> schemes() {
  static const std::array all{&single_machine(),  &whole_differences(), &own_top_k(),
                              &majority_voting(), &random_selection(),  &add_drop_voting(),
                              &random_k()};
  return all;
}

}  // namespace mvsgd::sim
