// The support of a vector, through an installed library.
#include <cstdlib>
#include <vector>

#include "compress/select/top_k.hpp"

int main() {
  const std::vector<float> x{0.5F, -3.0F, 0.25F, 2.0F};
  const std::vector<mvsgd::compress::Index> want{1, 3};
  return mvsgd::compress::top_k_support(x, 2) == want ? EXIT_SUCCESS : EXIT_FAILURE;
}
