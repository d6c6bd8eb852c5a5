#include "sim/round/leader.hpp"

#include <utility>

namespace mvsgd::sim {

void Leader::run() {
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
    if (context_.pause.is_after(round.t)) return;
  }
}

void Leader::close() {
  if (!open_) return;
  open_->ledger = context_.ledger.close_round(open_->round.t);
  if (context_.on_closed) context_.on_closed(*open_);
  open_.reset();
}

void Leader::ask_for_pause(const Round& round) {
  if (context_.pause_after && context_.pause_after(round)) context_.pause.set_after(round.t);
}

}  // namespace mvsgd::sim
