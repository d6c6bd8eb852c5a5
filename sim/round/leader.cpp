#include "sim/round/leader.hpp"

#include <utility>

namespace mvsgd::sim {

std::uint32_t Leader::run() {
  if (context_.rounds.front().is_first()) {
    begin();
    close({});
  }
  for (const Round& round : context_.rounds) {
    context_.give_up.begin_round();
    context_.give_up.check();
    RoundRecord record;
    record.round = round;
    lead(record);
    if (round.evaluate && context_.evaluate) {
      record.evaluation = evaluate(round, context_.evaluate);
    }
    close(std::move(record));
    if (pauses_) break;
  }
  return last_closed_;
}

void Leader::close(RoundRecord record) {
  collect(record);
  if (context_.on_closed) context_.on_closed(record);
  last_closed_ = record.round.t;
}

bool Leader::pauses_after(const Round& round) {
  pauses_ = context_.pause_after && context_.pause_after(round);
  return pauses_;
}

}  // namespace mvsgd::sim
