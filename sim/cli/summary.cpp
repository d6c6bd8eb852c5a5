#include "sim/cli/summary.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <ostream>
#include <string>

#include "sim/law/message_law.hpp"
#include "sim/plan/layers.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

/// K / d, by layer if layers choose by themselves.
double sent_share(const Settings& settings, const Layers& layers) {
  const Dimensions all = dimensions(settings, layers, 0);
  return static_cast<double>(all.k) / static_cast<double>(all.d);
}

/// How often a coordinate is updated on average in the sparse rounds of a run.
double updates_of(const Settings& settings, const Layers& layers, const Account& account) {
  const double share = sent_share(settings, layers);
  double updates = share * account.sparse_rounds();
  if (settings.phi_warmup == PhiWarmup::dense) return updates;
  std::uint32_t rounds = 0;
  for (const Round& round : schedule(settings, training_images(settings))) {
    if (rounds++ == account.sparse_rounds()) break;
    if (round.stair > 0) updates += sent_share(settings_in(settings, round), layers) - share;
  }
  return updates;
}

/// Lines of a name and a text.
class Lines {
 public:
  explicit Lines(std::ostream& out) : out_(&out) {}
  void add(std::string_view name, const std::string& text) const {
    fmt::print(*out_, "{:<16}{}\n", name, text);
  }

 private:
  std::ostream* out_;
};

void add_length(const Lines& lines, const Settings& settings, const Account& account,
                std::uint64_t steps_per_epoch, double seconds) {
  const std::uint64_t rounds = account.dense_rounds() + account.sparse_rounds();
  if (!settings.scheme->sends()) {
    lines.add("steps", fmt::format("{}, {} an epoch; {}", grouped(rounds), steps_per_epoch,
                                   clock_time(seconds)));
    return;
  }
  lines.add("rounds", fmt::format("{} dense, {} sparse; {} local steps an epoch and worker; {}",
                                  account.dense_rounds(), account.sparse_rounds(), steps_per_epoch,
                                  clock_time(seconds)));
}

void add_traffic(const Lines& lines, const Settings& settings, const Account& account) {
  const Rates rates = account.rates();
  lines.add("compression", fmt::format("{} uplink, as the paper counts", times(rates.uplink)));
  lines.add("", fmt::format("{} both ways", times(rates.both_ways)));
  lines.add("", fmt::format("{} whole run, uplink", times(rates.run_uplink)));
  lines.add("", fmt::format("{} whole run, both ways", times(rates.run_both_ways)));
  const comm::Bits across = account.total(comm::Direction::across);
  const bool goes_across = across > comm::Bits(0);
  lines.add("bits",
            fmt::format("{} up, {} down{}; equal to {} in every message of {}",
                        grouped(account.total(comm::Direction::up).count()),
                        grouped(account.total(comm::Direction::down).count()),
                        goes_across ? fmt::format(", {} across", grouped(across.count())) : "",
                        name_of_law(settings),
                        counted(account.dense_rounds() + account.sparse_rounds(), "round")));
}

/// Whether one worker may send more bits than another in a sparse round, as a longer list of
/// changes or what is coded by its content.
bool differ_by_worker(const Settings& settings) {
  const MessageLaw law({}, settings, network_layers(settings), 0);
  return std::ranges::any_of(
      law.shape_of(plain_rounds(0, 2).back()), [&](const MessageShape& message) {
        return message.way != comm::Direction::down &&
               (differs_by_worker(message) || law.depends_on_content(message));
      });
}

std::string whose_bits(const Settings& settings) {
  if (!differ_by_worker(settings)) {
    return settings.samples_workers() ? "each worker that takes part" : "each worker";
  }
  return settings.samples_workers() ? "the first worker of the last one"
                                    : "worker 0 in the last one";
}

void add_sparse_round(const Lines& lines, const Settings& settings, const Account& account) {
  const auto bits = [&](comm::Direction direction, comm::Field field) {
    return grouped(account.sparse_round(direction)[field].count());
  };
  lines.add("sparse round",
            fmt::format("{}: positions up {}, values up {}, positions down {}, values down {}{}",
                        whose_bits(settings), bits(comm::Direction::up, comm::Field::positions),
                        bits(comm::Direction::up, comm::Field::values),
                        bits(comm::Direction::down, comm::Field::positions),
                        bits(comm::Direction::down, comm::Field::values),
                        settings.reduces() ? ", values across " +
                                                 bits(comm::Direction::across, comm::Field::values)
                                           : ""));
}

void add_phases(const Lines& lines, const Phases& phases) {
  const auto share = [&](double phase) { return 100 * phase / phases.total(); };
  lines.add("processor time",
            fmt::format("local steps {:.2f} %, vote {:.2f} %, exchange {:.2f} %, server {:.2f} %",
                        share(phases.local_steps), share(phases.vote), share(phases.exchange),
                        share(phases.server)));
}

/// Why a short run lags behind its baseline.
void print_updates(std::ostream& out, const Settings& settings, const Account& account) {
  const Layers layers = network_layers(settings);
  // The paper's run with the same H: 300 epochs of 79 local steps.
  const double paper = sent_share(settings, layers) * 300 * 79 / settings.local_steps;
  fmt::print(out,
             "                A coordinate is updated about K / d * rounds = {:.1f} times in this "
             "run, {:.0f} times in the\n                paper's 300 epochs at H = {}: a short "
             "sparse run lags because most coordinates have hardly moved.\n",
             updates_of(settings, layers, account), paper, settings.local_steps);
}

}  // namespace

std::string name_of_law(const Settings& settings) {
  const bool papers =
      settings.position_codec == "block" && settings.vote_codec == VoteCoding::positions &&
      settings.add_codec == AddCoding::positions && settings.drop_codec == DropCoding::positions &&
      settings.mask_codec == MaskCoding::positions && !settings.has_values_by_entropy() &&
      !settings.codes_by_entropy(settings.aggregate_bits);
  return fmt::format("{}{}{}", papers ? "eqs 13-15" : "the law of its codec",
                     settings.selection == Selection::layer ? ", layer by layer," : "",
                     settings.reduces() ? " and to that of the ring" : "");
}

void print_summary(std::ostream& out, const Settings& settings, const TrialResult& result,
                   std::uint64_t steps_per_epoch, double seconds,
                   const std::optional<FinishedRun>& baseline) {
  const Account& account = result.account;
  const Lines lines(out);
  fmt::print(out, "\n");
  lines.add("test accuracy", fmt::format("{:.2f} % (test loss {:.3f})",
                                         100 * result.evaluation.accuracy, result.evaluation.loss));
  add_length(lines, settings, account, steps_per_epoch, seconds);
  if (settings.scheme->sends()) add_traffic(lines, settings, account);
  if (account.sparse_rounds() > 0) add_sparse_round(lines, settings, account);
  add_phases(lines, result.phases);
  lines.add("sha256(theta)", result.digest);
  if (!baseline) return;
  lines.add("baseline", fmt::format("{:.2f} % with '{}', {:+.2f} points here",
                                    100 * baseline->accuracy, baseline->settings.preset,
                                    100 * (result.evaluation.accuracy - baseline->accuracy)));
  if (account.sparse_rounds() > 0) print_updates(out, settings, account);
}

}  // namespace mvsgd::sim
