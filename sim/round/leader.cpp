#include "sim/round/leader.hpp"

#include <utility>

namespace mvsgd::sim {

std::uint32_t Leader::run() {
  if (context_.rounds.front().is_first()) {
    begin();
    open_.emplace();
  }
  std::uint32_t last = 0;
  for (const Round& round : context_.rounds) {
    RoundRecord record;
    record.round = round;
    lead(record);
    close();
    open_ = std::move(record);
    if (round.evaluate && context_.evaluate) {
      open_->evaluation = evaluate(round, context_.evaluate);
    }
    last = round.t;
    if (pauses_) break;
  }
  close();
  return last;
}

void Leader::close() {
  if (!open_) return;
  collect(*open_);
  if (context_.on_closed) context_.on_closed(*open_);
  open_.reset();
}

bool Leader::pauses_after(const Round& round) {
  pauses_ = context_.pause_after && context_.pause_after(round);
  return pauses_;
}

}  // namespace mvsgd::sim
