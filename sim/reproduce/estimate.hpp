// How long trials will take on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// The speed of a machine at steps of one size.
struct Speed {
  double wave = 0;   ///< seconds in which every slot completes one step
  double image = 0;  ///< seconds to evaluate an image
};

/// Measures a few rounds of these settings on drawn images, with `slots` workers at once.
[[nodiscard]] Speed measured_speed(const Settings& settings, std::uint32_t slots);

/// Estimates the time of trials. Measures each size of a step once.
class Estimate {
 public:
  using Measure = std::function<Speed(const Settings& settings, std::uint32_t slots)>;
  explicit Estimate(Measure measure = measured_speed) : measure_(std::move(measure)) {}

  /// About how many seconds a trial of these settings takes, with its evaluations. Measures on the
  /// first call for a width, a batch and a number of workers that compute at once.
  [[nodiscard]] double seconds(const Settings& settings);

 private:
  using Size = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;  // width, batch, slots

  Measure measure_;
  std::map<Size, Speed> speeds_;
};

}  // namespace mvsgd::sim
