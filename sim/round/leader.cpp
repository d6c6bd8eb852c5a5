#include "sim/round/leader.hpp"

#include <utility>

namespace mvsgd::sim {

std::uint32_t Leader::run() {
  if (context_.rounds.front().is_first()) {
    begin();
    open_.emplace();
  }
  for (const Round& round : context_.rounds) {
    RoundRecord record;
    record.round = round;
    lead(record);
    close();
    open_ = std::move(record);
    if (round.evaluate && context_.evaluate) {
      open_->evaluation = evaluate(round, context_.evaluate);
    }
    if (pauses_) break;
  }
  const std::uint32_t last = open_->round.t;
  close();
  return last;
}

void Leader::close() {
  if (!open_) return;
  settle(*open_);
  if (context_.on_closed) context_.on_closed(*open_);
  open_.reset();
}

bool Leader::ask_for_pause(const Round& round) {
  pauses_ = context_.pause_after && context_.pause_after(round);
  return pauses_;
}

}  // namespace mvsgd::sim
