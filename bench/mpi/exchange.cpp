// What comm/mpi costs, beside MPI itself and beside threads. Each mode is a program of its own, as
// MPI starts once: compare.py runs them in turns.
//
//   exchange mpi                 two ranks: MPI_Send and MPI_Recv there and back
//   exchange ours                two ranks: messages of a group there and back
//   exchange rounds threads|mpi COUNT
//                                rounds of ssgd-mv at d = 11,173,962 with N = 10, whose model
//                                differences are drawn
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/inproc/one_process.hpp"
#include "comm/message.hpp"
#include "comm/mpi/mpi_processes.hpp"
#include "sim/plan/presets.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"

namespace {

using namespace mvsgd;

constexpr std::size_t kParameters = 11'173'962;
constexpr int kTimes = 20;  // there and back
constexpr int kWarmup = 3;
constexpr auto kDeadline = std::chrono::seconds(600);

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void require(bool is_true, std::string_view what) {
  if (is_true) return;
  fmt::print(stderr, "exchange: {}\n", what);
  std::exit(1);
}

/// The median, in seconds, of half the time there and back.
void print_one_way(std::string_view what, std::vector<double> seconds) {
  std::ranges::nth_element(seconds, seconds.begin() + kTimes / 2);
  const double one_way = seconds[kTimes / 2] / 2;
  const double bytes = 4 * double{kParameters};
  fmt::print("{} {:.5f} s {:.3f} GB/s\n", what, one_way, bytes / one_way / 1e9);
}

void time_mpi() {
  int rank = 0;
  int ranks = 0;
  MPI_Init(nullptr, nullptr);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  require(ranks == 2, "two ranks are wanted");
  const std::vector<float> out(kParameters, 0.5F + static_cast<float>(rank));
  std::vector<float> in(kParameters);
  const int count = kParameters;
  std::vector<double> seconds;
  for (int i = 0; i < kWarmup + kTimes; ++i) {
    const double start = now();
    if (rank == 0) MPI_Send(out.data(), count, MPI_FLOAT, 1, 1, MPI_COMM_WORLD);
    MPI_Recv(in.data(), count, MPI_FLOAT, 1 - rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1) MPI_Send(out.data(), count, MPI_FLOAT, 0, 1, MPI_COMM_WORLD);
    if (i >= kWarmup) seconds.push_back(now() - start);
  }
  require(in.back() == 1.5F - static_cast<float>(rank), "another number has come");
  if (rank == 0) print_one_way("mpi", seconds);
  MPI_Finalize();
}

comm::Message dense(comm::Kind kind, std::uint32_t sender, float value) {
  comm::MessageWriter writer({.kind = kind, .value_bits = 32, .sender = sender, .round = 1});
  writer.field(comm::Field::values).put_floats(std::vector<float>(kParameters, value));
  return std::move(writer).finish();
}

void time_ours() {
  comm::MpiProcesses processes;
  require(processes.count() == 2, "two ranks are wanted");
  {
    const auto group = processes.make_group(1, kDeadline, {});
    const bool leads = processes.leads();
    comm::Transport& end = group->end(leads ? group->server() : 0);
    const std::uint32_t other = leads ? 0 : group->server();
    const auto own = leads ? comm::Kind::aggregate : comm::Kind::dense;
    const auto theirs = leads ? comm::Kind::dense : comm::Kind::aggregate;
    const comm::Message message = dense(own, end.rank(), leads ? 0.5F : 1.5F);
    std::vector<double> seconds;
    float last = 0;
    for (int i = 0; i < kWarmup + kTimes; ++i) {
      const double start = now();
      if (leads) end.send(other, message);
      comm::Incoming incoming = end.receive(other, theirs, 1);
      if (!leads) end.send(other, message);
      if (i >= kWarmup) seconds.push_back(now() - start);
      incoming.field(comm::Field::values).get_floats({&last, 1});
    }
    require(last == (leads ? 1.5F : 0.5F), "another number has come");
    if (leads) print_one_way("ours", seconds);
  }
  (void)processes.leave({}, kDeadline);
}

std::set<std::string> threads() {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    all.insert(entry.path().filename());
  }
  return all;
}

/// Processor seconds of these threads.
double seconds_of(const std::set<std::string>& those) {
  double all = 0;
  for (const std::string& thread : those) {
    double nanoseconds = 0;
    std::ifstream("/proc/self/task/" + thread + "/schedstat") >> nanoseconds;
    all += nanoseconds / 1e9;
  }
  return all;
}

/// Prints the processor seconds, summed over processes, of the ranks' phases and of the threads
/// that move bytes. compare.py takes the difference of many and few rounds.
void time_rounds(comm::Processes& processes, std::uint32_t count) {
  sim::Settings settings = sim::preset("ssgd-mv").settings;
  const std::vector<sim::Round> rounds = sim::plain_rounds(0, count);
  sim::DrawnUpdate update(kParameters, 1, 5, settings);
  sim::Slots slots(1);
  sim::Phases phases;
  // The transport's threads are there already; those of ranks begin and end with the group.
  std::set<std::string> transport = threads();
  transport.erase(std::to_string(getpid()));
  const auto group = processes.make_group(settings.workers, kDeadline, {});
  const double before = seconds_of(transport);
  const sim::GroupState state = sim::run_group(
      {.group = *group,
       .settings = settings,
       .rounds = rounds,
       .update = update,
       .slots = slots,
       .on_closed = [&](const sim::RoundRecord& record) { phases += record.report.phases; }},
      sim::initial_state(settings.workers, std::vector<float>(kParameters), {}));
  double moving = seconds_of(transport) - before;
  if (!processes.leads()) {
    const std::string text = fmt::format("{}", moving);
    const auto bytes = std::as_bytes(std::span(text));
    processes.send(0, {bytes.begin(), bytes.end()});
    return;
  }
  for (std::uint32_t p = 1; p < processes.count(); ++p) {
    const auto bytes = processes.receive(p, kDeadline);
    moving += std::stod(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  fmt::print("rounds {} processes {} vote {:.4f} exchange {:.4f} server {:.4f} moving {:.4f}\n",
             count, processes.count(), phases.vote, phases.exchange, phases.server, moving);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  const std::string_view mode = words.empty() ? "" : words[0];
  if (mode == "mpi") {
    time_mpi();
  } else if (mode == "ours") {
    time_ours();
  } else if (mode == "rounds" && words.size() == 3) {
    const auto count = static_cast<std::uint32_t>(std::stoul(std::string(words[2])));
    if (words[1] == "threads") {
      comm::OneProcess alone;
      time_rounds(alone, count);
    } else {
      comm::MpiProcesses processes;
      time_rounds(processes, count);
      (void)processes.leave({}, kDeadline);
    }
  } else {
    require(false, "usage: exchange mpi | ours | rounds threads|mpi COUNT");
  }
}
