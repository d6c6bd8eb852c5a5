#include "comm/mpi/pace.hpp"

#include <algorithm>

namespace mvsgd::comm {

bool Pace::looks(Time now, std::uint32_t heard, Load load) {
  is_asked_ = heard != answered_ || load.is_busy() || now < early_ || !hears_all(now);
  if (!is_asked_ && now - last_look_ < kUnasked) return false;
  answered_ = heard;
  last_look_ = now;
  return true;
}

void Pace::learn(Time now, Seen seen) {
  if (reach_all_) return;
  if (seen.from_far && seen.told) proofs_ = std::min(proofs_ + 1, kProofs);
  if (seen.from_far && !seen.told && !is_asked_) proofs_ = 0;
  // Who has read the bytes has not made a message of them yet.
  if (seen.told) early_ = now + kEarly;
  if (seen.from_far) early_ = now;
}

Pace::Microseconds Pace::sleep(Time now, bool has_moved, Load load) {
  if (has_moved) {
    pause_ = kShortest;
    last_moved_ = now;
    return Microseconds(0);
  }
  // Who is rung for has nothing to look for.
  const Microseconds most = longest(load, now);
  pause_ = most == kTick ? most : std::min(pause_, most);
  return pause_;
}

void Pace::wake(bool is_rung) { pause_ = is_rung ? kShortest : 2 * pause_; }

Pace::Microseconds Pace::longest(Load load, Time now) const {
  const bool is_early = now < early_;
  if (!load.is_busy() && !is_early && hears_all(now)) return kTick;
  const auto waited = now - last_moved_;
  // Whoever reads what this process sends rings then.
  const bool calls_count = load.is_receiving || !reach_all_;
  if (load.is_busy() && calls_count && waited < kOfLate) return kLongestBusy;
  if (is_early) return kLongest;
  return std::clamp(std::chrono::duration_cast<Microseconds>(waited / kShareOfWait), kLongest,
                    kLongestOfAll);
}

bool Pace::hears_all(Time now) const {
  return reach_all_ || (proofs_ == kProofs && now - doubted_ >= kProbation);
}

}  // namespace mvsgd::comm
