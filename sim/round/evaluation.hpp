// The result of an evaluation.
#pragma once

#include <string>

namespace mvsgd::sim {

struct Evaluation {
  double loss = 0;          ///< mean over the test images
  double accuracy = 0;      ///< share of them whose largest logit is the label's
  std::string digest = "";  ///< sha256() of theta; "" where the caller does not ask for it
};

}  // namespace mvsgd::sim
