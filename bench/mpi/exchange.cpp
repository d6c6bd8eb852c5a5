// What comm/mpi costs, beside MPI itself and beside threads. Each mode is a program of its own, as
// MPI starts once: compare.py runs them in turns.
//
//   exchange mpi                 two ranks: MPI_Send and MPI_Recv there and back
//   exchange ours                two ranks: messages of a group there and back
//   exchange rounds threads|mpi COUNT WORKERS PARAMETERS
//                                COUNT rounds of ssgd-mv whose model differences are drawn, without
//                                what comes before the first and after the last
//   exchange sum server VALUES   float32 vectors of all ranks but the first, summed up by that
//   exchange sum allreduce VALUES
//                                the same of all ranks by MPI_Allreduce
//   exchange waits SECONDS COUNT COUNT words of process 0 to each other one, so long apart: how
//   late
//                                they are, and what share of a core waiting takes
#include <fmt/format.h>
#include <mpi.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
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
constexpr std::uint32_t kTimes = 10;  // there and back
constexpr std::uint32_t kWarmup = 3;
constexpr auto kDeadline = std::chrono::seconds(600);

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void require(bool is_true, std::string_view what) {
  if (is_true) return;
  fmt::print(stderr, "exchange: {}\n", what);
  std::exit(1);
}

double median(std::vector<double> seconds) {
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::ranges::nth_element(seconds, middle);
  return *middle;
}

/// Of times there and back.
void print_one_way(std::string_view what, const std::vector<double>& seconds) {
  const double one_way = median(seconds) / 2;
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
  for (std::uint32_t i = 0; i < kWarmup + kTimes; ++i) {
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

/// A ledger has a message of a kind once a round.
comm::Message message_of(comm::Kind kind, std::uint32_t sender, std::uint32_t round,
                         std::span<const float> values) {
  comm::MessageWriter writer({.kind = kind, .value_bits = 32, .sender = sender, .round = round});
  writer.field(comm::Field::values).put_floats(values);
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
    const std::vector<float> values(kParameters, leads ? 0.5F : 1.5F);
    std::vector<comm::Message> messages;
    for (std::uint32_t i = 0; i < kWarmup + kTimes; ++i) {
      messages.push_back(message_of(own, end.rank(), i + 1, values));
    }
    std::vector<double> seconds;
    float last = 0;
    for (std::uint32_t i = 0; i < kWarmup + kTimes; ++i) {
      const double start = now();
      if (leads) end.send(other, messages[i]);
      comm::Incoming incoming = end.receive(other, theirs, i + 1);
      if (!leads) end.send(other, messages[i]);
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

/// What every other process sends process 0, summed up there.
double sum_at_zero(comm::Processes& processes, double own) {
  if (!processes.leads()) {
    const std::string text = fmt::format("{}", own);
    const auto bytes = std::as_bytes(std::span(text));
    processes.send(0, {bytes.begin(), bytes.end()});
    return own;
  }
  for (std::uint32_t p = 1; p < processes.count(); ++p) {
    const auto bytes = processes.receive(p, kDeadline);
    own += std::stod(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  return own;
}

struct Size {
  std::uint32_t rounds;
  std::uint32_t workers;
  std::size_t parameters;
};

/// The rounds that are timed: not the first two, which have the initial model and new memory, and
/// not what a pause sends after the last.
class Timed {
 public:
  /// Of the processor time of `transport`, threads of this process. `count` > 0.
  Timed(std::set<std::string> transport, std::uint32_t count)
      : transport_(std::move(transport)), last_(kFirst + count - 1) {}

  [[nodiscard]] std::uint32_t all() const { return last_ + 1; }
  [[nodiscard]] bool has(std::uint32_t t) const { return kFirst <= t && t <= last_; }
  /// Round t begins in this process, as some of its ranks say.
  void begins(std::uint32_t t) {
    const std::lock_guard lock(mutex_);
    if (t <= begun_) return;
    begun_ = t;
    if (t == kFirst) seconds_ -= seconds_of(transport_);
    if (t == last_ + 1) seconds_ += seconds_of(transport_);
  }
  /// Of the timed rounds, when all have run.
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  static constexpr std::uint32_t kFirst = 3;
  std::set<std::string> transport_;
  std::uint32_t last_;
  std::mutex mutex_;
  std::uint32_t begun_ = 0;
  double seconds_ = 0;
};

/// Another update, and says which rounds begin.
class TimedUpdate final : public sim::LocalUpdate {
 public:
  TimedUpdate(sim::LocalUpdate& update, Timed& timed) : update_(&update), timed_(&timed) {}
  sim::LocalResult run(std::size_t slot, const sim::Round& round, std::uint32_t worker,
                       const sim::FlatView& theta, sim::LocalMemory memory) override {
    timed_->begins(round.t);
    return update_->run(slot, round, worker, theta, memory);
  }

 private:
  sim::LocalUpdate* update_;
  Timed* timed_;
};

/// Prints the processor seconds of the timed rounds, summed over processes, of the ranks' phases
/// and of the threads that move bytes.
void time_rounds(comm::Processes& processes, const Size& size) {
  sim::Settings settings = sim::preset("ssgd-mv").settings;
  settings.workers = size.workers;
  // The transport's threads are there already; those of ranks begin and end with the group.
  std::set<std::string> transport = threads();
  transport.erase(std::to_string(getpid()));
  Timed timed(std::move(transport), size.rounds);
  const std::vector<sim::Round> rounds = sim::plain_rounds(0, timed.all());
  sim::DrawnUpdate drawn(size.parameters, 1, 5, settings);
  TimedUpdate update(drawn, timed);
  sim::Slots slots(1);
  sim::Phases phases;
  const auto group = processes.make_group(settings.workers, kDeadline, {});
  const sim::GroupState state =
      sim::run_group({.group = *group,
                      .settings = settings,
                      .rounds = rounds,
                      .update = update,
                      .slots = slots,
                      .on_closed =
                          [&](const sim::RoundRecord& record) {
                            timed.begins(record.round.t + 1);
                            if (timed.has(record.round.t)) phases += record.report.phases;
                          }},
                     sim::initial_state(settings.workers, std::vector<float>(size.parameters), {}));
  const double moving = sum_at_zero(processes, timed.seconds());
  if (!processes.leads()) return;
  fmt::print("rounds {} processes {} vote {:.4f} exchange {:.4f} server {:.4f} moving {:.4f}\n",
             size.rounds, processes.count(), phases.vote, phases.exchange, phases.server, moving);
}

/// Sums of values of each worker, as a dense round has them: up, added in the order of workers, and
/// down.
void time_sum_at_server(std::size_t count) {
  comm::MpiProcesses processes;
  {
    const std::uint32_t workers = processes.count() - 1;
    require(workers > 0, "two ranks or more are wanted");
    const auto group = processes.make_group(workers, kDeadline, {});
    const bool leads = processes.leads();
    comm::Transport& end = group->end(leads ? group->server() : processes.index() - 1);
    const std::vector<float> own(count, 1.0F);
    std::vector<float> values(count);
    std::vector<float> sum(count);
    std::vector<double> seconds;
    const auto read = [&](comm::Incoming incoming) {
      incoming.field(comm::Field::values).get_floats(values);
    };
    for (std::uint32_t i = 0; i < kWarmup + kTimes; ++i) {
      const double start = now();
      if (leads) {
        std::ranges::fill(sum, 0.0F);
        for (std::uint32_t n = 0; n < workers; ++n) {
          read(end.receive(n, comm::Kind::dense, i + 1));
          for (std::size_t j = 0; j < count; ++j) sum[j] += values[j];
        }
        const comm::Message message = message_of(comm::Kind::aggregate, end.rank(), i + 1, sum);
        for (std::uint32_t n = 0; n < workers; ++n) end.send(n, message);
      } else {
        end.send(group->server(), message_of(comm::Kind::dense, end.rank(), i + 1, own));
        read(end.receive(group->server(), comm::Kind::aggregate, i + 1));
        if (i >= kWarmup) seconds.push_back(now() - start);
      }
    }
    if (!leads) require(values.back() == static_cast<float>(workers), "another sum has come");
    if (processes.index() == 1) fmt::print("server {:.6f} s\n", median(seconds));
  }
  (void)processes.leave({}, kDeadline);
}

void time_allreduce(std::size_t count) {
  int rank = 0;
  int ranks = 0;
  MPI_Init(nullptr, nullptr);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const std::vector<float> own(count, 1.0F);
  std::vector<float> sum(count);
  std::vector<double> seconds;
  for (std::uint32_t i = 0; i < kWarmup + kTimes; ++i) {
    const double start = now();
    MPI_Allreduce(own.data(), sum.data(), static_cast<int>(count), MPI_FLOAT, MPI_SUM,
                  MPI_COMM_WORLD);
    if (i >= kWarmup) seconds.push_back(now() - start);
  }
  require(sum.back() == static_cast<float>(ranks), "another sum has come");
  if (rank == 0) fmt::print("allreduce {:.6f} s\n", median(seconds));
  MPI_Finalize();
}

/// Processor seconds of this process.
double own_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The hosts share a clock, which is this machine's.
void time_waits(double apart, std::uint32_t count) {
  comm::MpiProcesses processes;
  const auto send = [&](std::uint32_t to) {
    comm::Processes::Blob bytes(sizeof(double));
    const double time = now();
    std::memcpy(bytes.data(), &time, sizeof time);
    processes.send(to, std::move(bytes));
  };
  const auto receive = [&](std::uint32_t from) {
    const auto bytes = processes.receive(from, kDeadline);
    double sent = 0;
    std::memcpy(&sent, bytes.data(), sizeof sent);
    return now() - sent;
  };
  // There and back, so that all are here and are connected.
  for (std::uint32_t i = 0; i < kWarmup; ++i) {
    for (std::uint32_t p = 1; p < processes.count(); ++p) {
      if (processes.leads()) {
        send(p);
        (void)receive(p);
      } else if (p == processes.index()) {
        (void)receive(0);
        send(0);
      }
    }
  }
  const double start = now();
  const double used = own_seconds();
  std::vector<double> late;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!processes.leads()) {
      late.push_back(receive(0));
      continue;
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(apart));
    for (std::uint32_t p = 1; p < processes.count(); ++p) send(p);
  }
  const double share = (own_seconds() - used) / (now() - start);
  std::string said = fmt::format("process {} waits {} s: {:.2f} % of a core", processes.index(),
                                 apart, 100 * share);
  if (!late.empty()) {
    said += fmt::format(", {} words {:.3f} ms late, {:.3f} at most", late.size(),
                        1e3 * median(late), 1e3 * *std::ranges::max_element(late));
  }
  fmt::print("{}\n", said);
  std::fflush(stdout);
  (void)processes.leave({}, kDeadline);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string mode = words.empty() ? "" : words[0];
  if (mode == "mpi") {
    time_mpi();
  } else if (mode == "ours") {
    time_ours();
  } else if (mode == "sum" && words.size() == 3) {
    const std::size_t count = std::stoul(words[2]);
    words[1] == "server" ? time_sum_at_server(count) : time_allreduce(count);
  } else if (mode == "waits" && words.size() == 3) {
    time_waits(std::stod(words[1]), static_cast<std::uint32_t>(std::stoul(words[2])));
  } else if (mode == "rounds" && words.size() == 5) {
    const Size size{.rounds = static_cast<std::uint32_t>(std::stoul(words[2])),
                    .workers = static_cast<std::uint32_t>(std::stoul(words[3])),
                    .parameters = std::stoul(words[4])};
    if (words[1] == "threads") {
      comm::OneProcess alone;
      time_rounds(alone, size);
    } else {
      comm::MpiProcesses processes;
      time_rounds(processes, size);
      (void)processes.leave({}, kDeadline);
    }
  } else {
    require(false,
            "usage: exchange mpi | ours | rounds threads|mpi COUNT WORKERS PARAMETERS | "
            "sum server|allreduce VALUES | waits SECONDS COUNT");
  }
}
