#include "comm/mpi/pace.hpp"

#include <algorithm>

namespace mvsgd::comm {

bool Pace::looks(Time now, std::uint32_t heard, Load load) {
  const bool is_asked = heard != answered_ || load.is_busy() || !reach_all_;
  if (!is_asked && now - last_look_ < kUnasked) return false;
  answered_ = heard;
  last_look_ = now;
  return true;
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
  if (!load.is_busy() && reach_all_) return kTick;
  const auto waited = now - last_moved_;
  // Whoever reads what this process sends rings then.
  const bool calls_count = load.is_receiving || !reach_all_;
  if (load.is_busy() && calls_count && waited < kOfLate) return kLongestBusy;
  return std::clamp(std::chrono::duration_cast<Microseconds>(waited / kShareOfWait), kLongest,
                    kLongestOfAll);
}

}  // namespace mvsgd::comm
