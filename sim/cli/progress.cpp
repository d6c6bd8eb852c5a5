#include "sim/cli/progress.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <ostream>
#include <utility>

#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

constexpr double kSecondsBetweenLines = 10;

}  // namespace

Progress::Progress(std::ostream& out, std::size_t columns, const std::vector<Round>& rounds,
                   const TrialState& begun, bool every_round)
    : out_(&out),
      columns_(columns),
      every_round_(every_round),
      total_steps_(rounds.back().first_step + rounds.back().steps),
      total_rounds_(rounds.size()),
      earlier_(begun.seconds),
      bits_{begun.account.total(comm::Direction::up), begun.account.total(comm::Direction::down)} {
  bits_[comm::Direction::across] = begun.account.total(comm::Direction::across);
}

std::string Progress::line(const RoundRecord& record, double seconds) const {
  const Round& round = record.round;
  const std::uint64_t done = round.first_step + round.steps;
  const double left =
      seconds * static_cast<double>(total_steps_ - done) / static_cast<double>(done);
  // The most important part comes first, since a terminal may cut off the end.
  const comm::Bits across = bits_[comm::Direction::across];
  return fmt::format(
      "round {}/{}  {} left  loss {:.3f}  {:.0f} images/s  up {}  down {}{}  epoch {:.2f}  {}",
      round.t, total_rounds_, clock_time(left),
      record.report.loss / static_cast<double>(record.report.steps),
      static_cast<double>(images_) / (seconds - earlier_), amount(bits_[comm::Direction::up]),
      amount(bits_[comm::Direction::down]),
      across > comm::Bits(0) ? "  across " + amount(across) : "", round.epoch,
      round.dense ? "dense" : "sparse");
}

void Progress::add(const RoundRecord& record, double seconds) {
  const auto bits = comm::sum_by_direction(record.ledger);
  for (const auto direction : comm::kAllDirections) bits_[direction] += bits[direction].total();
  if (record.round.t == 0) return;
  images_ += record.report.images;

  const std::string text = line(record, seconds);
  const char* clear = columns_ > 0 ? "\r\x1b[K" : "";
  if (columns_ > 0) {
    const std::string barred = bar(record.round.t, total_rounds_) + ' ' + text;
    fmt::print(*out_, "{}{}", clear, barred.substr(0, columns_ - 1));
    bar_is_there_ = true;
  } else if (every_round_ || record.evaluation || seconds - last_line_ >= kSecondsBetweenLines) {
    fmt::print(*out_, "{}\n", text);
    last_line_ = seconds;
  }
  if (record.evaluation) add(record.round, *record.evaluation);
  out_->flush();
}

void Progress::add(const Round& round, const Evaluation& evaluation) {
  fmt::print(*out_, "{}epoch {:.2f}: test accuracy {:.2f} %, test loss {:.3f}\n",
             columns_ > 0 ? "\r\x1b[K" : "", round.epoch, 100 * evaluation.accuracy,
             evaluation.loss);
  bar_is_there_ = false;
  out_->flush();
}

void Progress::leave_bar() {
  if (!std::exchange(bar_is_there_, false)) return;
  *out_ << std::endl;
}

}  // namespace mvsgd::sim
