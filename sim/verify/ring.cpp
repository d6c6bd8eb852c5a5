// Eq 8 without the server: workers that sum their values in a ring, against the definition's sum,
// bit for bit, and the law of the ring.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/message.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/text/numbers.hpp"
#include "sim/verify/parts.hpp"
#include "sim/verify/short_run.hpp"

namespace mvsgd::sim {
namespace {

Settings reducing(std::string_view preset) {
  Settings settings = short_settings(preset);
  settings.aggregate = AggregatedBy::reduce;
  return settings;
}

/// What crosses between workers, decoded.
class Across {
 public:
  void add(const comm::Message& message) {
    const comm::Header& header = message.header;
    if (!comm::goes_across(header.kind)) return;
    comm::MessageReader reader(*message.bytes);
    std::vector<float> values(header.count);
    reader.field(comm::Field::values).get_floats(values);
    (void)reader.finish();
    const std::lock_guard lock(mutex_);
    if (header.kind == comm::Kind::gather) sums_[{header.round, header.block_size}] = values;
    sent_[{header.round, header.sender}] += values.size();
  }
  /// The sum that went around, block after block.
  [[nodiscard]] std::vector<float> sum(std::uint32_t round) const {
    std::vector<float> sum;
    for (const auto& [key, values] : sums_) {
      if (key.first == round) sum.insert(sum.end(), values.begin(), values.end());
    }
    return sum;
  }
  /// How many values each worker has sent in a round, where it has sent any.
  [[nodiscard]] std::vector<std::size_t> sent(std::uint32_t round) const {
    std::vector<std::size_t> sent;
    for (const auto& [key, values] : sent_) {
      if (key.first == round) sent.push_back(values);
    }
    return sent;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<float>> sums_;  ///< round, block
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> sent_;         ///< round, worker
};

/// What one run showed. Each bool holds for every round and worker.
struct Shown {
  bool sums = true;     ///< what went around is the definition's sum
  bool counted = true;  ///< 2 (P - 1) n values of n
  bool theta = true;
  bool memory = true;
  std::string unlawful{};  ///< the first row that is not the law's
  std::size_t least = 0;   ///< values that a worker sends in the last round
  std::size_t most = 0;
};

Shown run(const Settings& settings, const LawConstants& law) {
  ShortRun short_run(settings);
  Across across;
  Shown shown;
  const GroupState result =
      short_run.run([&](std::uint32_t, const comm::Message& message) { across.add(message); },
                    [&, audit = Audit(law, settings, kShortD, 0)](const RoundRecord& record) {
                      try {
                        audit.check(record.round, record.ledger, record.sizes);
                      } catch (const CheckFailed& e) {
                        if (shown.unlawful.empty()) shown.unlawful = e.what();
                      }
                    });
  for (const Round& round : short_run.rounds()) {
    const DefinedRound defined = short_run.define(round);
    const std::size_t workers = defined.participants.size();
    std::vector<float> mean = across.sum(round.t);
    for (float& x : mean) x /= static_cast<float>(workers);
    std::vector<float> want;
    for (const compress::Index i : defined.mask) want.push_back(defined.aggregate[i]);
    if (round.dense) want = defined.aggregate;
    shown.sums = shown.sums && mean == want;
    const std::vector<std::size_t> sent = across.sent(round.t);
    std::size_t all = 0;
    for (const std::size_t values : sent) all += values;
    shown.counted =
        shown.counted && sent.size() == workers && all == 2 * (workers - 1) * want.size();
    if (sent.empty()) continue;
    shown.least = std::ranges::min(sent);
    shown.most = std::ranges::max(sent);
  }
  shown.theta = std::ranges::equal(result.server.theta, short_run.definition().theta());
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    shown.memory = shown.memory &&
                   std::ranges::equal(result.workers[n].e, short_run.definition().error(n)) &&
                   std::ranges::equal(result.workers[n].theta, short_run.definition().theta());
  }
  return shown;
}

}  // namespace

std::vector<Check> check_ring(const LawConstants& law) {
  const Shown mv = run(reducing("ssgd-mv"), law);
  const Shown dense = run(reducing("dense"), law);
  Settings some = reducing("ssgd-mv-ad-l4-q");
  some.participation = kShortParticipants;
  const Shown sampled = run(some, law);
  bool holds = true;
  std::string unlawful;
  for (const Shown* shown : {&mv, &dense, &sampled}) {
    holds = holds && shown->sums && shown->counted && shown->theta && shown->memory;
    if (unlawful.empty()) unlawful = shown->unlawful;
  }
  const std::string counts = fmt::format(
      "MV, dense, and AD with 4-bit values on {} of the workers; d = {}, N = {}, K = {}: where "
      "all take part each sends {} or {} float32 values",
      kShortParticipants, kShortD, kShortWorkers, kShortK, grouped(mv.least), grouped(mv.most));
  return {{"all-reduce",
           "eq 8 without the server: the ring's sum in its order, of 2 (P - 1) K values; theta "
           "follows",
           holds && unlawful.empty(), unlawful.empty() ? counts : unlawful}};
}

}  // namespace mvsgd::sim
