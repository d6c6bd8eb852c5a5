#include "sim/verify.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>

#include "data/cifar10.hpp"
#include "data/partition.hpp"
#include "data/synthetic.hpp"
#include "nn/reference/reference_backend.hpp"
#include "sim/account.hpp"
#include "sim/audit.hpp"
#include "sim/definition.hpp"
#include "sim/drawn_update.hpp"
#include "sim/group.hpp"
#include "sim/presets.hpp"
#include "sim/progress.hpp"
#include "sim/run_directory.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kSeed = 20'211;

/// `dense` whole rounds, then `sparse` ones.
std::vector<Round> rounds(std::uint32_t dense, std::uint32_t sparse) {
  std::vector<Round> all(dense + sparse);
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    all[i].t = i + 1;
    all[i].first_step = i;
    all[i].steps = 1;
    all[i].dense = i < dense;
    all[i].full_vote = i >= dense;
  }
  return all;
}

/// Decodes what went over the wire, as it went: votes and masks, updates and aggregates.
class Wire {
 public:
  explicit Wire(const Protocol& protocol) : protocol_(protocol) {}

  void add(std::uint32_t to, const comm::Message& message) {
    const comm::Header& header = message.header;
    const std::uint32_t worker = std::min(to, header.sender);
    const std::tuple key{header.round, header.kind, worker};
    comm::MessageReader reader(*message.bytes);
    const std::lock_guard lock(mutex_);
    if (header.position_codec != 0) {
      positions_[key] =
          protocol_.positions(header.kind).codec.decode(reader.field(comm::Field::positions));
    } else {
      values_[key].resize(header.count);
      reader.field(comm::Field::values).get_floats(values_[key]);
    }
  }

  [[nodiscard]] const std::vector<compress::Index>& positions(std::uint32_t round, comm::Kind kind,
                                                              std::uint32_t worker) const {
    return positions_.at({round, kind, worker});
  }
  [[nodiscard]] const std::vector<float>& values(std::uint32_t round, comm::Kind kind,
                                                 std::uint32_t worker) const {
    return values_.at({round, kind, worker});
  }

 private:
  using Key = std::tuple<std::uint32_t, comm::Kind, std::uint32_t>;
  Protocol protocol_;
  std::mutex mutex_;
  std::map<Key, std::vector<compress::Index>> positions_;
  std::map<Key, std::vector<float>> values_;
};

/// A small run of real workers and server beside the definition, everything compared bit for bit.
void check_algorithm_1(std::vector<Check>& checks) {
  Settings settings = preset("ssgd-mv").settings;
  settings.tie_break = TieBreaking::index;
  settings.phi = Decimal::parse("0.03");
  const std::size_t d = 20'011;  // not a multiple of B
  const std::vector<Round> plan = rounds(1, 5);
  const Protocol protocol = make_protocol(settings, d);

  DrawnUpdate update(d, settings.workers, kSeed);
  Slots slots(settings.workers);
  Telemetry telemetry;
  Wire wire(protocol);
  const GroupResult run = run_group(
      {.settings = settings,
       .rounds = plan,
       .update = update,
       .slots = slots,
       .telemetry = telemetry,
       .evaluate = {},
       .on_closed = {},
       .on_message = [&](std::uint32_t to, const comm::Message& message) { wire.add(to, message); },
       .on_counts = {}},
      std::vector<float>(d, 0.25F), {}, true);

  Definition definition(settings, std::vector<float>(d, 0.25F));
  bool eq4 = true;
  bool eq6 = true;
  bool eq8 = true;
  bool eq9 = true;
  bool values = true;
  std::vector<std::vector<float>> differences(settings.workers);
  for (const Round& round : plan) {
    const DefinedRound defined = definition.run(round, update);
    const auto& aggregate = wire.values(round.t, comm::Kind::aggregate, 0);
    if (round.dense) {
      eq4 = eq4 && aggregate == defined.aggregate;
      continue;
    }
    const auto& mask = wire.positions(round.t, comm::Kind::mask, 0);
    eq9 = eq9 && mask == defined.mask && mask.size() == protocol.k;
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      const auto& vote = wire.positions(round.t, comm::Kind::vote, n);
      eq6 = eq6 && vote == defined.votes[n] && vote.size() == protocol.k;
      values = values && wire.values(round.t, comm::Kind::update, n).size() == protocol.k;
    }
    for (std::size_t j = 0; j < mask.size(); ++j) {
      eq8 = eq8 && aggregate[j] == defined.aggregate[mask[j]];
    }
  }
  bool memory = true;
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    memory = memory && std::ranges::equal(run.errors[n], definition.error(n));
  }
  const std::string shown = fmt::format("d = {}, N = {}, K = {}, {} rounds over the wire", d,
                                        settings.workers, protocol.k, plan.size());
  checks.push_back(
      {"eq 4", "a dense round's aggregate is the mean of the model differences", eq4, shown});
  checks.push_back({"eq 6", "each vote is supp S_top(|D|, K), K strong", eq6, shown});
  checks.push_back(
      {"eq 8", "the mean of masked values is the masked mean, bit for bit", eq8 && values, shown});
  checks.push_back({"eq 9", "the mask is S_top of the votes' sum, K strong", eq9, shown});
  checks.push_back({"Algorithm 1", "e = D - M (x) D and theta, bit for bit with whole vectors",
                    memory && std::ranges::equal(run.theta, definition.theta()), shown});
}

/// H local steps of the real trainer against a loop over eqs 11 and 12 written out here.
void check_local_sgd(std::vector<Check>& checks) {
  Settings settings = preset("ssgd-mv-l4").settings;
  settings.backend = "reference";
  settings.width = 2;
  settings.batch = 4;
  settings.workers = 1;
  const data::TrainTest images = data::synthesize({.train = 64, .test = 1, .seed = 0});
  std::vector<Compute> compute = make_compute(settings, 1);
  LocalTraining training(settings, images.train, compute);
  Round round;
  round.t = 1;
  round.steps = 4;
  round.learning_rate = 0.1;

  const nn::Layout layout = nn::resnet18_parameters({.width = settings.width});
  const auto theta_0 = nn::initial_parameters(layout, kSeed);
  auto buffers = nn::initial_buffers(nn::resnet18_buffers({.width = settings.width}));
  auto own_buffers = buffers;
  const LocalResult local = training.run(0, round, 0, theta_0, buffers);
  const std::vector<float> theta_h(local.theta.begin(), local.theta.end());

  const auto backend = nn::make_reference_backend();
  backend->enter(1);
  nn::ResNet18 model(*backend, {.width = settings.width});
  backend->write(model.buffers(), own_buffers);
  data::BatchSource source(
      images.train, data::partition(images.train.size(), 1, settings.seed)[0],
      {.batch = settings.batch, .augment = settings.augment, .seed = settings.seed, .worker = 0});
  const auto eta = static_cast<float>(round.learning_rate);
  const auto decay = static_cast<float>(settings.weight_decay);
  std::vector<float> theta = theta_0;
  std::vector<float> g(theta.size());
  std::vector<double> sum(theta.size());        // eq 10, in double
  std::vector<double> magnitude(theta.size());  // what its rounding errors are relative to
  std::vector<float> pixels(settings.batch * data::kImageBytes);
  std::vector<std::uint8_t> labels(settings.batch);
  for (std::uint32_t h = 0; h < round.steps; ++h) {
    source.load(h, pixels, labels);
    backend->write(model.parameters(), theta);
    model.train(pixels, labels);
    backend->read(model.gradients(), g);
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const float with_decay = g[i] + decay * theta[i];
      theta[i] = theta[i] - eta * with_decay;
      sum[i] -= static_cast<double>(eta) * static_cast<double>(with_decay);
      magnitude[i] += std::abs(static_cast<double>(eta * with_decay)) +
                      2 * std::abs(static_cast<double>(theta[i]));
    }
  }
  // Each step rounds a product and a difference, the final subtraction rounds once: every rounding
  // is at most eps/2 of a term counted in `magnitude`.
  double worst = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const double difference = static_cast<double>(theta_h[i]) - static_cast<double>(theta_0[i]);
    const double bound = std::numeric_limits<float>::epsilon() * magnitude[i];
    worst = std::max(worst, std::abs(difference - sum[i]) / bound);
  }
  const std::string shown = fmt::format("ResNet-18 of width {}, d = {}, H = {}", settings.width,
                                        theta.size(), round.steps);
  checks.push_back({"eq 10", "Delta theta is the sum of -eta g within rounding", worst <= 1,
                    fmt::format("{}; worst error {:.2f} of its bound", shown, worst)});
  checks.push_back({"eq 11", "gradients are taken at theta^(h-1) (erratum), one batch each",
                    theta == theta_h && theta != theta_0, shown});
  checks.push_back(
      {"eq 12", "theta^(h) = theta^(h-1) - eta g, bit for bit", theta == theta_h, shown});
}

/// Rounds at the paper's size, their bits as measured on the wire.
void check_bits(const LawConstants& law, Verification& verification) {
  const Settings settings = preset("ssgd-mv").settings;
  const auto d = static_cast<std::uint64_t>(nn::resnet18_parameters({.width = 64}).size());
  const double phi = settings.phi.to_double();
  const std::uint64_t k = settings.phi.ceil_times(d);
  const std::uint64_t block_size = settings.phi.rounded_reciprocal();
  const std::vector<Round> plan = rounds(1, 2);

  Slots slots(slot_count(settings));
  DrawnUpdate update(d, slots.count(), kSeed);
  Telemetry telemetry;
  const Audit audit(law, settings, d, 0);
  Account account(d, settings.workers);
  std::string difference;
  const auto closed = [&](const RoundRecord& record) {
    account.add(record.round, record.ledger);
    try {
      audit.check(record.round, record.ledger, record.sizes);
    } catch (const CheckFailed& e) {
      if (difference.empty()) difference = e.what();
    }
  };
  (void)run_group({.settings = settings,
                   .rounds = plan,
                   .update = update,
                   .slots = slots,
                   .telemetry = telemetry,
                   .evaluate = {},
                   .on_closed = closed,
                   .on_message = {},
                   .on_counts = {}},
                  std::vector<float>(d), {});

  const auto measured = [&](comm::Field field) {
    return std::pair{account.sparse_round(comm::Direction::up)[field],
                     account.sparse_round(comm::Direction::down)[field]};
  };
  auto& checks = verification.checks;
  checks.push_back({"ledger", "every row of every message is the law's, sent = moved = decoded",
                    difference.empty(),
                    difference.empty() ? fmt::format("d = {}, N = {}, {} rounds", grouped(d),
                                                     settings.workers, plan.size())
                                       : difference});

  const auto [values_up, values_down] = measured(comm::Field::values);
  const comm::Bits values = value_law(k, law.float_bits);
  const double eq13 = equation_13(static_cast<double>(d), phi, 32);
  checks.push_back(
      {"eq 13", "q K value bits each way", values_up == values && values_down == values,
       fmt::format("wire {} up, {} down; law {}; as printed {:.2f}, of which K rounded "
                   "up {:+.2f}",
                   grouped(values_up.count()), grouped(values_down.count()),
                   grouped(values.count()), eq13, static_cast<double>(values.count()) - eq13)});

  const auto [positions_up, positions_down] = measured(comm::Field::positions);
  const comm::Bits positions = position_law(law, d, k, block_size);
  const double eq14 = equation_14(static_cast<double>(d), phi);
  const PositionDifference parts = position_difference(static_cast<double>(d), phi, k, block_size);
  const double rest = static_cast<double>(positions.count()) - eq14 - parts.rounding_of_k -
                      parts.rounding_of_log2 - parts.block_count;
  checks.push_back(
      {"eq 14", "K (1 + ceil(log2 B)) + ceil(d / B) position bits each way",
       positions_up == positions && positions_down == positions && std::abs(rest) < 1e-3,
       fmt::format("wire {} up, {} down; law {}; as printed {:.2f}, of which log2 rounded up "
                   "{:+.2f}, K {:+.2f}, blocks {:+.2f}",
                   grouped(positions_up.count()), grouped(positions_down.count()),
                   grouped(positions.count()), eq14, parts.rounding_of_log2, parts.rounding_of_k,
                   parts.block_count)});
  checks.push_back({"eq 15", "their sum, the same in both directions",
                    positions_up + values_up == positions + values &&
                        positions_down + values_down == positions + values,
                    fmt::format("wire {}; law {}; as printed {:.2f}",
                                grouped((positions_up + values_up).count()),
                                grouped((positions + values).count()), eq13 + eq14)});

  constexpr std::tuple<const char*, double> kPrinted[] = {
      {"ssgd-mv", 78}, {"ssgd-mv-l2", 156}, {"ssgd-mv-l4", 312}, {"ssgd-mv-l8", 624}};
  for (const auto& [name, printed] : kPrinted) {
    const std::uint32_t h = preset(name).settings.local_steps;
    const double budget = comm::ratio(positions_up + values_up, comm::Bits(d * h));
    const double rate = 32 / budget;
    verification.table.push_back({.name = name,
                                  .local_steps = h,
                                  .budget = budget,
                                  .rate = rate,
                                  .printed = printed,
                                  .holds = std::lround(rate) == std::lround(printed)});
  }
}

}  // namespace

bool Verification::holds() const {
  return std::ranges::all_of(checks, &Check::holds) && std::ranges::all_of(table, &TableRow::holds);
}

Verification verify_paper(const LawConstants& law) {
  Verification verification;
  check_algorithm_1(verification.checks);
  check_local_sgd(verification.checks);
  check_bits(law, verification);
  return verification;
}

Verification verify_run(const std::filesystem::path& directory, const LawConstants& law) {
  const Settings settings = read_toml((directory / "config.toml").string(), std::nullopt);
  const std::vector<comm::LedgerRow> rows = read_ledger(directory / "ledger.csv");
  const std::uint64_t images =
      settings.data == "synthetic" ? settings.synthetic_train : data::kCifar10Train;
  const nn::ResNet18Options network{.width = settings.width};
  const auto d = static_cast<std::uint64_t>(nn::resnet18_parameters(network).size());
  const auto buffers = static_cast<std::uint64_t>(nn::resnet18_buffers(network).size());
  const Audit audit(law, settings, d, buffers);

  Check check{.subject = directory.string(),
              .claim = "every row of ledger.csv is the law's, and none is missing",
              .holds = true,
              .detail = ""};
  std::vector<Round> plan = schedule(settings, images);
  plan.insert(plan.begin(), Round());
  auto begin = rows.begin();
  try {
    for (const Round& round : plan) {
      const auto end = std::find_if(
          begin, rows.end(), [&](const comm::LedgerRow& row) { return row.id.round != round.t; });
      audit.check(round, {begin, end}, audit.sizes_in(round, {begin, end}));
      begin = end;
    }
    if (begin != rows.end()) {
      throw CheckFailed(fmt::format("round {} is not one of the schedule's next", begin->id.round));
    }
    check.detail = fmt::format("{} rows, {} rounds", grouped(rows.size()), plan.size() - 1);
  } catch (const CheckFailed& e) {
    check.holds = false;
    check.detail = e.what();
  }
  return {.checks = {check}, .table = {}};
}

void print(std::ostream& out, const Verification& verification) {
  for (const Check& check : verification.checks) {
    fmt::print(out, "{:<5} {:<12} {}\n{:<19}{}\n", check.holds ? "ok" : "WRONG", check.subject,
               check.claim, "", check.detail);
  }
  if (!verification.table.empty()) {
    fmt::print(out, "\nTable 1, uplink and downlink alike, from the bits on the wire:\n");
    fmt::print(out, "{:<5} {:<12} {:>3} {:>14} {:>9} {:>9}\n", "", "row", "H", "q_loc + q_val",
               "rate", "printed");
  }
  for (const TableRow& row : verification.table) {
    fmt::print(out, "{:<5} {:<12} {:>3} {:>14.6f} {:>9} {:>9}\n", row.holds ? "ok" : "WRONG",
               row.name, row.local_steps, row.budget, fmt::format("x{:.2f}", row.rate),
               fmt::format("x{}", row.printed));
  }
}

}  // namespace mvsgd::sim
