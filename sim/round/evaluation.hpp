// The result of an evaluation.
#pragma once

namespace mvsgd::sim {

struct Evaluation {
  double loss = 0;      ///< mean over the test images
  double accuracy = 0;  ///< share of them whose largest logit is the label's
};

}  // namespace mvsgd::sim
