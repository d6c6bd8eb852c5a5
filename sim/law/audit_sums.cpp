// The audit of sums: of a round over its workers, and of rounds.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/law/row_check.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;

comm::Bits bits_in(std::span<const comm::LedgerRow> sums, const MessageShape& shape, Field field) {
  comm::Bits bits;
  for (const comm::LedgerRow& row : sums) {
    if (row.id.kind == shape.kind && row.id.direction == shape.way && row.field == field) {
      bits += row.bits;
    }
  }
  return bits;
}

/// Messages of which no number but the run's own tells the length.
struct Untold {
  std::uint64_t messages = 0;
  std::optional<std::uint64_t> more = 0;  ///< than the least, at most; none: nothing tells
};

using Totals = std::map<comm::MessageId, comm::FieldBits>;

std::vector<comm::LedgerRow> rows_of(const Totals& totals) {
  std::vector<comm::LedgerRow> rows;
  for (const auto& [id, bits] : totals) append_rows(id, bits, rows);
  return rows;
}

/// Sums over rounds, as the law wants them. They bear the number of the last round.
class WantedTotals {
 public:
  WantedTotals(const MessageLaw& law, std::uint32_t last) : law_(law), last_(last) {}

  void add(const MessageShape& shape, const Round& round, const RoundSizes& sizes) {
    const bool is_free = law_.depends_on_content(shape);
    comm::FieldBits one = law_.least(shape);
    bool is_first = true;
    for (const Peer& peer : law_.peers_of(shape, round)) {
      const comm::MessageId id{.round = last_,
                               .worker = by_worker() ? peer.worker : 0,
                               .direction = shape.way,
                               .kind = shape.kind};
      if (is_free) {
        add_untold(untold_[{id, content_field(shape)}], one, shape);
      } else if (is_first || differs_by_worker(shape)) {
        one = law_.message(shape, round, peer, sizes);
      }
      is_first = false;
      totals_[id] += one;
    }
  }

  /// Takes what nothing tells from the ledger, within its bounds. Its padding must fill whole bytes
  /// and be less than a byte a message.
  void follow(Totals& told) {
    for (const auto& [message, untold] : untold_) {
      const auto& [id, content] = message;
      const comm::FieldBits& got = told[id];
      comm::FieldBits& want = totals_[id];
      const std::uint64_t most = want[content].count() + untold.more.value_or(0);
      if (untold.more && got[content].count() > most) {
        throw CheckFailed(fmt::format(
            "{}, at most {}", describe({.id = id, .field = content, .bits = got[content]}, whose()),
            most));
      }
      want[content] = std::max(want[content], got[content]);
      const std::uint64_t padding = got[Field::padding].count();
      const bool fills = padding_law(got.total()) == comm::Bits(0);
      if (fills && padding <= want[Field::padding].count() + 7 * untold.messages) {
        want[Field::padding] = std::max(want[Field::padding], got[Field::padding]);
      }
    }
  }

  [[nodiscard]] const Totals& totals() const { return totals_; }
  [[nodiscard]] Of whose() const { return by_worker() ? Of::worker : Of::all_workers; }

 private:
  [[nodiscard]] bool by_worker() const { return law_.settings().ledger_rows == LedgerRows::worker; }

  void add_untold(Untold& untold, const comm::FieldBits& least, const MessageShape& shape) const {
    const auto most = law_.most_coded(shape);
    ++untold.messages;
    untold.more =
        most && untold.more
            ? std::optional(*untold.more + most->count() - least[content_field(shape)].count())
            : std::nullopt;
  }

  const MessageLaw& law_;
  std::uint32_t last_;
  Totals totals_;
  std::map<std::pair<comm::MessageId, Field>, Untold> untold_;
};

/// A round's messages of a kind, summed over the workers, where each has a length of its own that
/// follows from nothing else.
comm::FieldBits untold_sum(const MessageLaw& law, const MessageShape& shape, const Round& round,
                           std::uint64_t workers, std::span<const comm::LedgerRow> sums) {
  const Field content = content_field(shape);
  comm::FieldBits sum;
  const comm::FieldBits least = law.least(shape);
  for (const Field field : comm::kAllFields)
    sum[field] = comm::Bits(workers * least[field].count());
  sum[content] = std::max(sum[content], bits_in(sums, shape, content));
  law.check_most(shape, round, sum[content], workers);
  const comm::Bits padding = bits_in(sums, shape, Field::padding);
  const bool fills = padding_law(sum.total() + padding) == comm::Bits(0);
  if (!fills || padding.count() > 7 * workers) {
    throw CheckFailed(
        fmt::format("round {}, all workers, {} {}: {} bits of padding after {} in {} messages",
                    round.t, comm::name(shape.way), comm::name(shape.kind), padding.count(),
                    sum.total().count(), workers));
  }
  sum[Field::padding] = padding;
  return sum;
}

}  // namespace

comm::FieldBits Audit::message_sum(const MessageShape& shape, const Round& round,
                                   const RoundSizes& sizes,
                                   std::span<const comm::LedgerRow> sums) const {
  const std::vector<Peer> peers = law_.peers_of(shape, round);
  const std::uint64_t workers = peers.size();
  if (!is_for_all(shape.kind) && law_.depends_on_content(shape)) {
    return untold_sum(law_, shape, round, workers, sums);
  }
  comm::FieldBits sum;
  const bool by_worker = differs_by_worker(shape);
  const std::uint64_t times = by_worker ? 1 : workers;
  for (const Peer& peer : std::span(peers).first(by_worker ? workers : 1)) {
    const comm::FieldBits one = law_.message(shape, round, peer, sizes);
    for (const Field field : comm::kAllFields) {
      sum[field] += comm::Bits(times * one[field].count());
    }
  }
  return sum;
}

void Audit::check_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                       const RoundSizes& sizes) const {
  law_.check_sizes(round, sizes);
  std::vector<comm::LedgerRow> wanted;
  for (const MessageShape& shape : law_.shape_of(round)) {
    append_rows({.round = round.t, .worker = 0, .direction = shape.way, .kind = shape.kind},
                message_sum(shape, round, sizes, sums), wanted);
  }
  take(sums, wanted, Of::all_workers);
  check_nothing_is_left(sums, Of::all_workers);
}

void Audit::check_totals(std::span<const Round> rounds,
                         const std::function<RoundSizes(const Round&)>& sizes_of,
                         std::span<const comm::LedgerRow> totals) const {
  const std::uint32_t last = rounds.back().t;
  Totals told;
  for (const comm::LedgerRow& row : totals) {
    comm::MessageId id = row.id;
    id.round = last;
    told[id][row.field] += row.bits;
  }
  WantedTotals wanted(law_, last);
  for (const Round& round : rounds) {
    const RoundSizes sizes = sizes_of(round);
    law_.check_sizes(round, sizes);
    for (const MessageShape& shape : law_.shape_of(round)) wanted.add(shape, round, sizes);
  }
  wanted.follow(told);
  const std::vector<comm::LedgerRow> rows = rows_of(told);
  std::span<const comm::LedgerRow> left = rows;
  take(left, rows_of(wanted.totals()), wanted.whose());
  check_nothing_is_left(left, wanted.whose());
}

RoundSizes Audit::sizes_in_sums(const Round& round, std::span<const comm::LedgerRow> sums,
                                std::vector<std::uint32_t> changes) const {
  RoundSizes sizes;
  sizes.changes = std::move(changes);
  for (const MessageShape& shape : law_.shape_of(round)) {
    if (shape.counted_by == CountedBy::supports && shape.universe == 0) {
      const comm::Bits values = bits_in(sums, shape, Field::values);
      sizes.union_size = static_cast<std::uint32_t>(values.count() / law_.bits_of_value(shape) /
                                                    law_.settings().workers);
    }
    if (is_for_all(shape.kind) && law_.depends_on_content(shape)) {
      sizes.coded_bits[known_under(shape.kind, 0)] =
          comm::Bits(bits_in(sums, shape, content_field(shape)).count() / law_.settings().workers);
    }
  }
  return sizes;
}

}  // namespace mvsgd::sim
