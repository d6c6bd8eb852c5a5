#include "sim/round/group.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "sim/round/control.hpp"

namespace mvsgd::sim {
GroupState initial_state(std::uint32_t workers, std::vector<float> theta,
                         const std::vector<float>& buffers) {
  GroupState state;
  state.workers.resize(workers);
  for (WorkerState& worker : state.workers) worker.buffers = buffers;
  state.server.theta = std::move(theta);
  return state;
}

GroupState run_group(const GroupContext& context, GroupState state) {
  if (state.t >= context.rounds.size()) {
    throw std::invalid_argument(
        fmt::format("run_group: {} of {} rounds are done", state.t, context.rounds.size()));
  }
  comm::Group& group = context.group;
  const Settings& settings = context.settings;
  const std::span<const Round> rounds = context.rounds.subspan(state.t);
  const std::size_t d = state.server.theta.size();
  const Protocol protocol = make_protocol(settings, d);
  const std::size_t buffers = state.workers.front().buffers.size();
  const bool server_is_here = group.is_here(group.server());

  const auto work = [&](comm::Transport& end) {
    WorkerState& own = state.workers.at(end.rank());
    Worker worker({.protocol = protocol,
                   .settings = settings,
                   .rounds = rounds,
                   .update = context.update,
                   .slots = context.slots},
                  end, std::move(own));
    const std::uint32_t t = worker.run();
    own = worker.take();
    send_digest(end, digest_of(own.theta, own.mask));
    if (!server_is_here) send_part(end, own);
    if (end.rank() == group.here().back()) state.t = t;
  };
  const auto serve = [&](comm::Transport& end) {
    Server server({.protocol = protocol,
                   .settings = settings,
                   .rounds = rounds,
                   .pause_after = context.pause_after,
                   .evaluate = context.evaluate,
                   .on_closed = context.on_closed,
                   .on_counts = context.on_counts},
                  end, std::move(state.server), buffers);
    state.t = server.run();
    state.server = server.take();
    check_digests(end, digest_of(state.server.theta, state.server.mask));
    for (std::uint32_t n = 0; n < group.workers(); ++n) {
      if (!group.is_here(n)) state.workers.at(n) = receive_part(end, n, d);
    }
  };
  group.run([&](comm::Transport& end) { end.rank() == group.server() ? serve(end) : work(end); });
  return state;
}

}  // namespace mvsgd::sim
