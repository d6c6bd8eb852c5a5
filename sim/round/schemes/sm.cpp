// Plain SGD on a single machine, the benchmark of Table 1: nothing is sent.
#include <fmt/format.h>

#include "sim/plan/scheme.hpp"

namespace mvsgd::sim {
namespace {

class SingleMachine final : public Scheme {
 public:
  SingleMachine() : Scheme("sm", "one machine, plain SGD") {}

  [[nodiscard]] bool sends() const override { return false; }

  void check(const Settings& s) const override {
    if (s.workers != 1) {
      throw UsageError(fmt::format("workers = {}: scheme sm has one worker", s.workers));
    }
    if (s.local_steps != 1) {
      throw UsageError(
          fmt::format("local_steps = {}: scheme sm takes single steps", s.local_steps));
    }
  }
};

}  // namespace

const Scheme& single_machine() {
  static const SingleMachine scheme;
  return scheme;
}

}  // namespace mvsgd::sim
