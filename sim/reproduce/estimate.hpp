// How long trials will take on this machine.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Measures a few rounds for each size of a step, and reckons with them.
class Estimate {
 public:
  /// Seconds that a trial of these settings takes, its evaluations included; about. The first time
  /// for a width, a batch and a count of workers that compute at once, it runs some ten steps on
  /// drawn images.
  [[nodiscard]] double seconds(const Settings& settings);

 private:
  struct Speed {
    double wave = 0;   ///< seconds in which every slot takes a step
    double image = 0;  ///< of evaluation
  };
  using Size = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;  // width, batch, slots

  [[nodiscard]] static Speed measure(const Settings& settings, std::uint32_t slots);

  std::map<Size, Speed> speeds_;
};

}  // namespace mvsgd::sim
