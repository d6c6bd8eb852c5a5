// How long trials will take on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// How fast a machine is at steps of one size.
struct Speed {
  double wave = 0;   ///< seconds in which every slot takes a step
  double image = 0;  ///< of evaluation
};

/// From a few rounds of these settings on drawn images, `slots` workers at once.
[[nodiscard]] Speed measured_speed(const Settings& settings, std::uint32_t slots);

/// Measures each size of a step once, and reckons with it.
class Estimate {
 public:
  using Measure = std::function<Speed(const Settings& settings, std::uint32_t slots)>;
  explicit Estimate(Measure measure = measured_speed) : measure_(std::move(measure)) {}

  /// Seconds that a trial of these settings takes, its evaluations included; about. Measures the
  /// first time for a width, a batch and a count of workers that compute at once.
  [[nodiscard]] double seconds(const Settings& settings);

 private:
  using Size = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;  // width, batch, slots

  Measure measure_;
  std::map<Size, Speed> speeds_;
};

}  // namespace mvsgd::sim
