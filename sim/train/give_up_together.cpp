#include "sim/train/give_up_together.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comm/bit_stream.hpp"
#include "comm/transport.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/control.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {
namespace {

// What processes tell each other.
constexpr std::uint8_t kBegun = 1;     ///< to process 0: one of my ranks has begun its next round
constexpr std::uint8_t kGivenUp = 2;   ///< from process 0
constexpr std::uint8_t kWaits = 3;     ///< to process 0: one of my ranks waits for all
constexpr std::uint8_t kAllBegun = 4;  ///< from process 0, as an answer

comm::BitReader reader_of(std::span<const std::byte> bytes) {
  return {bytes, comm::Bits::of_bytes(bytes.size())};
}

}  // namespace

std::size_t ranks_given_up_here(const Settings& settings, const comm::Processes& processes) {
  if (!settings.scheme->sends()) return 1;
  if (processes.leads()) return settings.workers + std::size_t{1};
  return processes.share(settings.workers).count;
}

GiveUpTogether::GiveUpTogether(comm::Processes& processes, comm::Group& group, GiveUp& give_up)
    : processes_(&processes), give_up_(&give_up) {
  if (processes.count() == 1 || !give_up.is_possible()) return;
  if (!processes.leads()) {
    give_up.tell({.begun = [&processes] { processes.tell(0, kBegun); },
                  .given_up = {},
                  .waits = [&processes] { processes.tell(0, kWaits); }});
    processes.listen({.on_note =
                          [&give_up](std::uint32_t /*from*/, std::uint8_t note) {
                            if (note == kGivenUp) give_up.give_up();
                            if (note == kAllBegun) give_up.all_have_begun();
                          },
                      .poll =
                          [&processes, &give_up] {
                            // Whatever its ranks have begun: it comes to nothing.
                            if (processes.is_lost()) give_up.give_up();
                            if (processes.failed_elsewhere()) give_up.leave();
                            (void)give_up.is_due();  // asks for a rank that waits
                          }});
    return;
  }
  give_up.tell({.begun = {},
                .given_up =
                    [&processes] {
                      for (std::uint32_t p = 1; p < processes.count(); ++p) {
                        processes.tell(p, kGivenUp);
                      }
                    },
                .waits = {}});
  processes.listen({.on_note =
                        [&processes, &give_up](std::uint32_t from, std::uint8_t note) {
                          if (note == kBegun) give_up.begin_round();
                          if (note != kWaits) return;
                          give_up.when_all_have_begun(
                              [&processes, from] { processes.tell(from, kAllBegun); });
                        },
                    .poll =
                        [&processes, &group, &give_up] {
                          if (processes.is_lost()) give_up.give_up();
                          if (processes.failed_elsewhere()) return give_up.leave();
                          // Whoever computes is told by GiveUp, whoever waits by the group.
                          if (give_up.is_due()) group.fail(group.server(), RoundGivenUp().what());
                        }});
}

GiveUpTogether::~GiveUpTogether() {
  processes_->listen({});
  give_up_->tell({});
}

// Process p to process 0: the round before the one that was given up, supp M of it, and the part of
// each worker, each with its length in bytes.

void bring_parts(comm::Processes& processes, std::chrono::milliseconds deadline,
                 GroupState& state) {
  const auto n = static_cast<std::uint32_t>(state.workers.size());
  const std::size_t d = state.server.theta.size();
  if (!processes.leads()) {
    const comm::Share share = processes.share(n);
    const auto own = std::span(state.workers).subspan(share.first, share.count);
    comm::BitWriter out;
    out.put(state.t, 32);
    out.put(own.front().mask.size(), 64);
    for (const compress::Index i : own.front().mask) out.put(i, 32);
    processes.send(0, out.take());
    for (const WorkerState& worker : own) processes.send(0, encode_part(worker));
    return;
  }
  for (std::uint32_t p = 1; p < processes.count(); ++p) {
    const auto bytes = processes.receive(p, deadline);
    comm::BitReader in = reader_of(bytes);
    if (const std::uint64_t t = in.get(32); t != state.t) {
      throw comm::TransportError(fmt::format("{} has gone back to round {}, process 0 to round {}",
                                             processes.name_of(p), t, state.t));
    }
    std::vector<compress::Index> mask(static_cast<std::size_t>(in.get(64)));
    for (compress::Index& i : mask) i = static_cast<compress::Index>(in.get(32));
    const comm::Share share = comm::share_of(p, processes.count(), n);
    for (std::uint32_t worker = share.first; worker < share.first + share.count; ++worker) {
      state.workers[worker] = decode_part(processes.receive(p, deadline), worker, d, d);
      state.workers[worker].mask = mask;
    }
  }
}

}  // namespace mvsgd::sim
