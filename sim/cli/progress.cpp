#include "sim/cli/progress.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <ostream>
#include <string_view>
#include <utility>

#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

constexpr double kSecondsBetweenLines = 10;

/// How often a coordinate is updated on average in the sparse rounds of a run.
double updates_of(const Settings& settings, const Account& account) {
  double updates = settings.phi.to_double() * account.sparse_rounds();
  if (settings.phi_warmup == PhiWarmup::dense) return updates;
  std::uint32_t rounds = 0;
  for (const Round& round : schedule(settings, training_images(settings))) {
    if (rounds++ == account.sparse_rounds()) break;
    updates += settings_in(settings, round).phi.to_double() - settings.phi.to_double();
  }
  return updates;
}

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

std::string_view name_of_law(const Settings& settings) {
  const bool papers =
      settings.position_codec == "block" && settings.vote_codec == VoteCoding::positions &&
      settings.add_codec == AddCoding::positions && settings.drop_codec == DropCoding::positions &&
      settings.mask_codec == MaskCoding::positions && !settings.has_values_by_entropy();
  return papers ? "eqs 13-15" : "the law of its codec";
}

void print_summary(std::ostream& out, const Settings& settings, const TrialResult& result,
                   std::uint64_t steps_per_epoch, double seconds,
                   const std::optional<FinishedRun>& baseline) {
  const Account& account = result.account;
  const auto line = [&](std::string_view name, const std::string& text) {
    fmt::print(out, "{:<16}{}\n", name, text);
  };
  fmt::print(out, "\n");
  line("test accuracy", fmt::format("{:.2f} % (test loss {:.3f})", 100 * result.evaluation.accuracy,
                                    result.evaluation.loss));
  const std::uint64_t rounds = account.dense_rounds() + account.sparse_rounds();
  if (!settings.scheme->sends()) {
    line("steps",
         fmt::format("{}, {} an epoch; {}", grouped(rounds), steps_per_epoch, clock_time(seconds)));
  } else {
    line("rounds", fmt::format("{} dense, {} sparse; {} local steps an epoch and worker; {}",
                               account.dense_rounds(), account.sparse_rounds(), steps_per_epoch,
                               clock_time(seconds)));
  }
  if (settings.scheme->sends()) {
    const Rates rates = account.rates();
    line("compression", fmt::format("{} uplink, as the paper counts", times(rates.uplink)));
    line("", fmt::format("{} both ways", times(rates.both_ways)));
    line("", fmt::format("{} whole run, uplink", times(rates.run_uplink)));
    line("", fmt::format("{} whole run, both ways", times(rates.run_both_ways)));
    const comm::Bits across = account.total(comm::Direction::across);
    const bool goes_across = across > comm::Bits(0);
    line("bits", fmt::format("{} up, {} down{}; equal to {}{} in every message of {}",
                             grouped(account.total(comm::Direction::up).count()),
                             grouped(account.total(comm::Direction::down).count()),
                             goes_across ? fmt::format(", {} across", grouped(across.count())) : "",
                             name_of_law(settings), goes_across ? " and to that of the ring" : "",
                             counted(rounds, "round")));
  }
  if (account.sparse_rounds() > 0) {
    const auto bits = [&](comm::Direction direction, comm::Field field) {
      return grouped(account.sparse_round(direction)[field].count());
    };
    line("sparse round",
         fmt::format(
             "each worker{}: positions up {}, values up {}, positions down {}, values down {}{}",
             settings.samples_workers() ? " that takes part" : "",
             bits(comm::Direction::up, comm::Field::positions),
             bits(comm::Direction::up, comm::Field::values),
             bits(comm::Direction::down, comm::Field::positions),
             bits(comm::Direction::down, comm::Field::values),
             settings.reduces()
                 ? ", values across " + bits(comm::Direction::across, comm::Field::values)
                 : ""));
  }
  const Phases& phases = result.phases;
  const auto share = [&](double phase) { return 100 * phase / phases.total(); };
  line("processor time",
       fmt::format("local steps {:.2f} %, vote {:.2f} %, exchange {:.2f} %, server {:.2f} %",
                   share(phases.local_steps), share(phases.vote), share(phases.exchange),
                   share(phases.server)));
  line("sha256(theta)", result.digest);
  if (!baseline) return;

  line("baseline", fmt::format("{:.2f} % with '{}', {:+.2f} points here", 100 * baseline->accuracy,
                               baseline->settings.preset,
                               100 * (result.evaluation.accuracy - baseline->accuracy)));
  if (account.sparse_rounds() > 0) {
    // The paper's run with the same H: 300 epochs of 79 local steps.
    const double updates = updates_of(settings, account);
    const double paper = settings.phi.to_double() * 300 * 79 / settings.local_steps;
    fmt::print(out,
               "                A coordinate is updated about {} = {:.1f} times in this "
               "run, {:.0f} times in the\n                paper's 300 epochs at H = {}: a short "
               "sparse run lags because most coordinates have hardly moved.\n",
               settings.phi_warmup == PhiWarmup::stairs ? "K / d * rounds" : "phi * rounds",
               updates, paper, settings.local_steps);
  }
}

}  // namespace mvsgd::sim
