// Eqs 13-15 and Table 1: the equations as real numbers, the law as integers, the bits that real
// rounds send at the paper's size, and the paper's printed numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "comm/inproc/inproc.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/round/group.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/compute.hpp"
#include "sim/verify/drawn_update.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

using comm::Direction;
using comm::Field;

/// Gives supports without overlap: worker n changes only every N-th of N K coordinates, which are
/// spread over the model.
class DisjointUpdate final : public LocalUpdate {
 public:
  DisjointUpdate(std::size_t d, std::size_t workers, std::size_t k, std::size_t slots)
      : d_(d), workers_(workers), k_(k), theta_(slots, std::vector<float>(d)) {}

  LocalResult run(std::size_t slot, const Round& /*round*/, std::uint32_t worker,
                  const FlatView& theta, LocalMemory /*memory*/) override {
    std::vector<float>& moved = theta_[slot];
    std::ranges::copy(theta.host(), moved.begin());
    const std::size_t all = std::min(d_, workers_ * k_);
    for (std::size_t j = worker; j < all; j += workers_) moved[j * d_ / all] += 1;
    return {.theta = moved};
  }

 private:
  std::size_t d_;
  std::size_t workers_;
  std::size_t k_;
  std::vector<std::vector<float>> theta_;  ///< theta^(H), one for each slot
};

MeasuredRounds measure(const Settings& settings, std::uint64_t d, LocalUpdate& update, Slots& slots,
                       std::uint32_t dense, std::uint32_t sparse) {
  MeasuredRounds measured{.settings = settings, .d = d, .records = {}};
  const std::vector<Round> plan = plain_rounds(dense, sparse);
  comm::InprocGroup group(settings.workers);
  (void)run_group({.group = group,
                   .settings = settings,
                   .rounds = plan,
                   .update = update,
                   .slots = slots,
                   .on_closed = [&](const RoundRecord& r) { measured.records.push_back(r); }},
                  initial_state(settings.workers, std::vector<float>(d), {}));
  return measured;
}

/// Worker 0's bits in the last round, by field.
comm::FieldBits sum(std::span<const comm::LedgerRow> rows, Direction direction) {
  comm::FieldBits bits;
  for (const comm::LedgerRow& row : rows) {
    if (row.id.direction == direction && row.id.worker == 0) bits[row.field] += row.bits;
  }
  return bits;
}

comm::Bits positions_and_values(const comm::FieldBits& bits) {
  return bits[Field::positions] + bits[Field::values];
}

/// Compares every row of every message of the rounds with the law.
Check check_ledger(const LawConstants& law, const std::vector<MeasuredRounds>& measured) {
  Check check{.subject = "ledger",
              .claim = "every row of every message is the law's, sent = moved = decoded",
              .holds = true,
              .detail = ""};
  std::size_t rows = 0;
  std::size_t rounds = 0;
  for (const auto& [settings, d, records] : measured) {
    const Audit audit(law, settings, d, 0);
    for (const RoundRecord& record : records) {
      rows += record.ledger.size();
      rounds += record.round.t > 0 ? 1 : 0;
      try {
        audit.check(record.round, record.ledger, record.sizes);
      } catch (const CheckFailed& e) {
        if (check.holds) check.detail = e.what();
        check.holds = false;
      }
    }
  }
  if (check.holds) {
    check.detail = fmt::format("d = {}, N = 10, {} rows of {} rounds of {} runs",
                               grouped(measured.front().d), grouped(rows), rounds, measured.size());
  }
  return check;
}

/// Eqs 13-15, on a round of ssgd-mv.
void check_equations(const LawConstants& law, const MeasuredRounds& measured,
                     std::vector<Check>& checks) {
  const auto& [settings, d, records] = measured;
  const double phi = settings.phi.to_double();
  const std::uint64_t k = settings.phi.ceil_times(d);
  const std::uint64_t block_size = settings.phi.rounded_reciprocal();
  const comm::FieldBits up = sum(records.back().ledger, Direction::up);
  const comm::FieldBits down = sum(records.back().ledger, Direction::down);

  const comm::Bits values = value_law(k, law.float_bits);
  const double eq13 = equation_13(static_cast<double>(d), phi, 32);
  checks.push_back(
      {"eq 13", "q K value bits each way",
       up[Field::values] == values && down[Field::values] == values,
       fmt::format("wire {} up, {} down; law {}; as printed {:.2f}, of which K rounded up {:+.2f}",
                   grouped(up[Field::values].count()), grouped(down[Field::values].count()),
                   grouped(values.count()), eq13, static_cast<double>(values.count()) - eq13)});

  const comm::Bits positions = position_law(law, d, k, block_size);
  const double eq14 = equation_14(static_cast<double>(d), phi);
  const PositionDifference parts = position_difference(static_cast<double>(d), phi, k, block_size);
  const double rest = static_cast<double>(positions.count()) - eq14 - parts.rounding_of_k -
                      parts.rounding_of_log2 - parts.block_count;
  checks.push_back(
      {"eq 14", "K (1 + ceil(log2 B)) + ceil(d / B) position bits each way",
       up[Field::positions] == positions && down[Field::positions] == positions &&
           std::abs(rest) < 1e-3,
       fmt::format("wire {} up, {} down; law {}; as printed {:.2f}, of which log2 rounded up "
                   "{:+.2f}, K {:+.2f}, blocks {:+.2f}",
                   grouped(up[Field::positions].count()), grouped(down[Field::positions].count()),
                   grouped(positions.count()), eq14, parts.rounding_of_log2, parts.rounding_of_k,
                   parts.block_count)});
  checks.push_back(
      {"eq 15", "their sum, the same in both directions",
       positions_and_values(up) == positions + values &&
           positions_and_values(down) == positions + values,
       fmt::format("wire {}; law {}; as printed {:.2f}", grouped(positions_and_values(up).count()),
                   grouped((positions + values).count()), eq13 + eq14)});
}

/// Table 1's downlink of top-K, which only supports without overlap reach.
Check check_top_k_bound(const LawConstants& law, const MeasuredRounds& disjoint) {
  const auto& [settings, d, records] = disjoint;
  const std::uint64_t all = settings.workers * settings.phi.ceil_times(d);
  const comm::FieldBits down = sum(records.back().ledger, Direction::down);
  const comm::Bits positions =
      position_law(law, d, all, settings.phi.rounded_reciprocal(settings.workers));
  const comm::Bits values = value_law(all, law.float_bits);
  return {
      "top-K bound", "Table 1's .6 + 3.2 down is what supports without overlap cost, B = 10",
      down[Field::positions] == positions && down[Field::values] == values,
      fmt::format("ten disjoint supports, a union of {}: wire {} + {}; law {} + {}", grouped(all),
                  grouped(down[Field::positions].count()), grouped(down[Field::values].count()),
                  grouped(positions.count()), grouped(values.count()))};
}

/// What Table 1's highest compression comes to both ways if the server quantises, too.
Check check_both_ways(const LawConstants& law, const MeasuredRounds& both) {
  const auto& [settings, d, records] = both;
  const std::uint64_t k = settings.phi.ceil_times(d);
  const comm::FieldBits up = sum(records.back().ledger, Direction::up);
  const comm::FieldBits down = sum(records.back().ledger, Direction::down);
  const comm::Bits mask = position_law(law, d, k, settings.phi.rounded_reciprocal());
  const double floats = 32 * static_cast<double>(d) * settings.local_steps;
  const auto rate = [&](comm::Bits bits) { return floats / static_cast<double>(bits.count()); };
  const comm::Bits all_up = positions_and_values(up);
  const comm::Bits all_down = positions_and_values(down);
  return {"both ways", "with aggregate_bits = 4 the server sends the mask and 4 K bits of values",
          up[Field::values] == value_law(k, settings.value_bits) &&
              down[Field::values] == value_law(k, settings.aggregate_bits) &&
              down[Field::positions] == mask,
          fmt::format("ssgd-mv-ad-l8-q: {} + {} up, x{:.2f}; {} + {} down, x{:.2f}, of the mask "
                      "alone x{:.2f}; x{:.2f} both ways",
                      grouped(up[Field::positions].count()), grouped(up[Field::values].count()),
                      rate(all_up), grouped(down[Field::positions].count()),
                      grouped(down[Field::values].count()), rate(all_down), rate(mask),
                      2 * rate(all_up + all_down))};
}

/// Whether `x`, rounded to as many digits as `printed` has, is `printed`.
bool rounds_to(double x, const std::string& printed) {
  const std::string mantissa = printed.substr(0, printed.find('e'));
  const auto digits =
      std::count_if(mantissa.begin(), mantissa.end(), [](char c) { return c >= '0' && c <= '9'; });
  const std::string rounded = fmt::format("{:.{}e}", x, digits - 1);
  return std::strtod(rounded.c_str(), nullptr) == std::strtod(printed.c_str(), nullptr);
}

/// Compares the bits with Table 1's numbers: Q over d H, and 32 over the sum.
bool prints(const comm::FieldBits& bits, double dh, const Printed& printed) {
  const auto of = [&](Field field) { return static_cast<double>(bits[field].count()) / dh; };
  const double loc = of(Field::positions);
  const double val = of(Field::values);
  return rounds_to(loc, printed.q_loc) && rounds_to(val, printed.q_val) &&
         rounds_to(32 / (loc + val), printed.rate);
}

/// One direction of a row, from a measured round of its scheme and q. No message depends on H.
TableRow make_row(const LawConstants& law, const MeasuredRounds& measured,
                  const PrintedRow& printed, Direction direction) {
  const Settings& settings = preset(printed.preset).settings;
  const RoundRecord& record = measured.records.back();
  const std::uint64_t d = measured.d;
  const bool up = direction == Direction::up;
  const double dh = static_cast<double>(d) * settings.local_steps;

  TableRow row;
  row.name = printed.preset;
  row.local_steps = settings.local_steps;
  row.direction = direction;
  row.printed = up ? printed.up : printed.down;
  bool unites = false;
  for (const MessageShape& message :
       round_shape(settings, dimensions(settings, d, 0), record.round)) {
    if (message.way != direction) continue;
    unites = unites || message.counted_by == CountedBy::supports;
    if (message.universe > 0) {
      row.equation_positions += equation_14(static_cast<double>(d), message.share);
    } else {
      row.equation_values += equation_13(static_cast<double>(d), message.share,
                                         static_cast<double>(message.value_bits));
    }
  }

  const Audit audit(law, measured.settings, d, 0);
  row.law = sum(audit.expected(record.round, 0, record.sizes), direction);
  row.wire = sum(record.ledger, direction);
  row.rate = 32 * dh / static_cast<double>(positions_and_values(row.law).count());

  // The paper prints the bound of top-K's downlink, not the bits of this round's union.
  comm::FieldBits bound = row.law;
  if (unites) {
    const std::uint64_t all = settings.workers * settings.phi.ceil_times(d);
    bound[Field::positions] =
        position_law(law, d, all, settings.phi.rounded_reciprocal(settings.workers));
    bound[Field::values] = value_law(all, law.float_bits);
  }
  const std::string erratum{up ? printed.up_erratum : printed.down_erratum};
  const bool agrees = prints(bound, dh, row.printed);
  if (row.wire != row.law) {
    row.verdict = "WRONG: the wire is not the law";
  } else if (agrees != erratum.empty()) {
    row.verdict = agrees ? "WRONG: printed right, a misprint is expected"
                         : "WRONG: printed value not explained";
  } else if (!agrees) {
    row.verdict = "printed value wrong: " + erratum;
  } else if (unites) {
    row.verdict = fmt::format(
        "equal; printed is the no-overlap bound {} + {}; this round's union has {} coordinates",
        grouped(bound[Field::positions].count()), grouped(bound[Field::values].count()),
        grouped(record.sizes.union_size));
  } else {
    row.verdict = "equal";
  }
  row.holds = row.wire == row.law && agrees == erratum.empty();
  return row;
}

/// The measured rounds that have this row's messages.
const MeasuredRounds& rounds_of(const std::vector<MeasuredRounds>& measured,
                                const Settings& settings) {
  return *std::ranges::find_if(measured, [&](const MeasuredRounds& m) {
    return m.settings.scheme == settings.scheme && m.settings.value_bits == settings.value_bits;
  });
}

}  // namespace

std::vector<MeasuredRounds> measure_rounds(std::uint64_t d) {
  const Settings first = preset("ssgd-mv").settings;
  Slots slots(slot_count(first));
  DrawnUpdate update(d, slots.count(), kVerifySeed);
  std::vector<MeasuredRounds> all;
  all.push_back(measure(first, d, update, slots, 1, 1));
  for (const char* name : {"ssgd-mv-l8-q", "ssgd-mv-rs-l4", "rand-k-l4", "top-k"}) {
    all.push_back(measure(preset(name).settings, d, update, slots, 0, 1));
  }
  // The first vote of AD is sent whole. The second round has the same messages as all later ones.
  for (const char* name : {"ssgd-mv-ad", "ssgd-mv-ad-l4-q"}) {
    all.push_back(measure(preset(name).settings, d, update, slots, 0, 2));
  }
  Settings both = preset("ssgd-mv-ad-l8-q").settings;
  both.aggregate_bits = 4;
  all.push_back(measure(both, d, update, slots, 0, 2));
  const Settings top_k = preset("top-k").settings;
  DisjointUpdate disjoint(d, top_k.workers, top_k.phi.ceil_times(d), slots.count());
  all.push_back(measure(top_k, d, disjoint, slots, 0, 1));
  return all;
}

void judge_bits(const LawConstants& law, const std::vector<MeasuredRounds>& measured,
                Verification& verification) {
  verification.checks.push_back(check_ledger(law, measured));
  check_equations(law, measured.front(), verification.checks);
  verification.checks.push_back(check_top_k_bound(law, measured.back()));
  verification.checks.push_back(check_both_ways(law, *(measured.end() - 2)));
  for (const PrintedRow& printed : printed_table()) {
    if (printed.up.rate.empty()) continue;
    const MeasuredRounds& rounds = rounds_of(measured, preset(printed.preset).settings);
    for (const Direction direction : {Direction::up, Direction::down}) {
      verification.table.push_back(make_row(law, rounds, printed, direction));
    }
  }
}

}  // namespace mvsgd::sim
