#include "sim/round/leader.hpp"

namespace mvsgd::sim {

std::uint32_t Leader::run() {
  if (context_.rounds.front().is_first()) {
    begin();
    RoundRecord initial;
    collect(initial);
    close(initial);
  }
  context_.give_up.begin_round();
  for (const Round& round : context_.rounds) {
    context_.give_up.check();
    RoundRecord record;
    record.round = round;
    lead(record);
    const bool evaluates = round.evaluate && context_.evaluate;
    const std::vector<float> its_statistics = evaluates ? statistics(round) : std::vector<float>();
    collect(record);
    // The workers compute, and while an evaluation goes on they can give up what they compute.
    const bool goes_on = !pauses_ && round.t != context_.rounds.back().t;
    if (goes_on) context_.give_up.begin_round();
    if (evaluates) evaluate(record, its_statistics);
    close(record);
    if (pauses_) break;
    if (record.evaluation_due) {
      context_.give_up.wait_for_all();
      context_.give_up.give_up();
      throw RoundGivenUp();
    }
  }
  return last_closed_;
}

void Leader::evaluate(RoundRecord& record, std::span<const float> statistics) {
  try {
    record.evaluation = context_.evaluate(theta(), statistics);
  } catch (const EvaluationGivenUp&) {
    if (record.round.t == context_.rounds.back().t) throw;
    record.evaluation_due = true;
  }
}

void Leader::close(const RoundRecord& record) {
  if (context_.on_closed) context_.on_closed(record);
  last_closed_ = record.round.t;
}

bool Leader::pauses_after(const Round& round) {
  pauses_ = context_.pause_after && context_.pause_after(round);
  return pauses_;
}

}  // namespace mvsgd::sim
