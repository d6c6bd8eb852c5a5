// Which phases of a round take processor time.
#pragma once

#include <array>
#include <string_view>

namespace mvsgd::sim {

/// Processor seconds by phase, of the workers' and the server's own threads. Neither waiting nor
/// the work of other threads counts. (With threads_per_worker > 1, a worker's further threads do
/// not count.)
struct Phases {
  double local_steps = 0;  ///< batches, gradients, SGD steps (eqs 10-12)
  double vote = 0;         ///< adding the difference to the error memory, choosing the vote
  double exchange = 0;     ///< coding and decoding the workers' messages, updating e and theta
  double server = 0;       ///< decoding, counting, mask, aggregate, ledger; no evaluation

  [[nodiscard]] double total() const { return local_steps + vote + exchange + server; }

  Phases& operator+=(const Phases& other);
};

/// A phase: its name in files, and its member.
struct Phase {
  std::string_view name;
  double Phases::*seconds;
};
inline constexpr std::array<Phase, 4> kPhases = {{{"local_steps", &Phases::local_steps},
                                                  {"vote", &Phases::vote},
                                                  {"exchange", &Phases::exchange},
                                                  {"server", &Phases::server}}};

inline Phases& Phases::operator+=(const Phases& other) {
  for (const Phase& phase : kPhases) this->*phase.seconds += other.*phase.seconds;
  return *this;
}

/// Processor seconds of the calling thread.
[[nodiscard]] double thread_seconds();

/// Adds to `seconds` the processor time of the calling thread from construction to destruction.
class PhaseTimer {
 public:
  explicit PhaseTimer(double& seconds) : seconds_(&seconds), start_(thread_seconds()) {}
  ~PhaseTimer() { *seconds_ += thread_seconds() - start_; }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  double* seconds_;
  double start_;
};

}  // namespace mvsgd::sim
