// Processes of MPI hold what comm/processes.hpp and comm/group.hpp promise. Every process runs
// every test, in the same order: mpiexec -n 1, 2, 3, 5, 6 or 11 (CMakeLists.txt). With the argument
// "brothers" it only ends, in one of the ways in which a run does.
#include "comm/mpi/mpi_processes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/comm/one_value.hpp"

namespace mvsgd::comm {
namespace {

using ::testing::HasSubstr;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr auto kDeadline = 60s;  // only a hang reaches it
constexpr int kSkipped = 77;
/// Nearly every message is cut, and some end with a chunk.
constexpr std::size_t kSmallChunk = 7;

// MPI starts once a program.
std::optional<MpiProcesses> the_processes;  // NOLINT(*-avoid-non-const-global-variables): main's
MpiProcesses& processes() { return *the_processes; }

/// Five, or as many as leave no process without a rank.
std::uint32_t workers() { return std::max(5U, processes().count() - 1); }

std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(31 * i + seed);
  return bytes;
}

TEST(Shares, AreContiguousAndOfAllWorkers) {
  for (std::uint32_t workers = 1; workers <= 40; ++workers) {
    for (std::uint32_t count = 1; count <= workers + 1; ++count) {
      std::uint32_t next = 0;
      for (std::uint32_t p = 0; p < count; ++p) {
        const Share share = share_of(p, count, workers);
        ASSERT_EQ(share.first, next);
        for (std::uint32_t n = 0; n < share.count; ++n) {
          ASSERT_EQ(process_of(next++, count, workers), p) << count << " of " << workers;
        }
        ASSERT_TRUE(share.count > 0 || (p == 0 && count == workers + 1));
      }
      ASSERT_EQ(next, workers);
    }
  }
}

TEST(MpiProcesses, BringBytesOfAnyLengthInOrderBothWays) {
  const std::vector<std::size_t> sizes = {0, 1, 6, 7, 8, 13, 14, 15, 1000, 100'000};
  const auto send_all = [&](std::uint32_t to, unsigned seed) {
    for (const std::size_t size : sizes) processes().send(to, pattern(size, seed));
  };
  const auto expect_all = [&](std::uint32_t from, unsigned seed) {
    for (const std::size_t size : sizes) {
      EXPECT_EQ(processes().receive(from, kDeadline), pattern(size, seed)) << size;
    }
  };
  if (processes().leads()) {
    for (std::uint32_t p = 1; p < processes().count(); ++p) send_all(p, p);
    for (std::uint32_t p = 1; p < processes().count(); ++p) expect_all(p, 100 + p);
  } else {
    send_all(0, 100 + processes().index());
    expect_all(0, processes().index());
  }
}

TEST(MpiProcesses, HaveEachRankOfAGroupOnce) {
  const auto group = processes().make_group(workers(), kDeadline, {});
  const auto here = group->here();
  EXPECT_EQ(group->is_here(workers()), processes().leads());
  const Share share = processes().share(workers());
  EXPECT_EQ(here.size(), share.count + (processes().leads() ? 1 : 0));
  EXPECT_THROW((void)group->end(processes().leads() ? workers() + 1 : workers()),
               std::invalid_argument);
}

TEST(MpiProcesses, RefuseAGroupOfTooFewWorkers) {
  if (processes().count() <= 2) return;
  EXPECT_THROW((void)processes().make_group(processes().count() - 2, kDeadline, {}),
               std::invalid_argument);
}

// Rounds of a sum over the workers and its broadcast, and all counts together at the server.
TEST(MpiProcesses, AddUpEveryWorkersMessagesRoundAfterRound) {
  const auto group = processes().make_group(workers(), kDeadline, {});
  constexpr std::uint32_t kRounds = 50;
  group->run([&](Transport& end) {
    for (std::uint32_t round = 1; round <= kRounds; ++round) {
      if (end.rank() == end.server()) {
        std::uint64_t sum = 0;
        for (std::uint32_t n = 0; n < workers(); ++n) {
          sum += receive_value(end, n, Kind::dense, round);
        }
        for (std::uint32_t n = 0; n < workers(); ++n) {
          end.send(n, message(Kind::aggregate, end.rank(), round, sum));
        }
        const ClosedRound closed = end.close_round(round);
        EXPECT_EQ(closed.rows.size() % workers(), 0U);
        EXPECT_EQ(closed.reports.size(), workers());
      } else {
        end.send(end.server(), message(Kind::dense, end.rank(), round, end.rank() * 1000 + round));
        EXPECT_EQ(receive_value(end, end.server(), Kind::aggregate, round),
                  1000 * (workers() * (workers() - 1) / 2) + workers() * round);
        end.report_round(round, {});
      }
    }
  });
}

/// A number goes around from every worker, and grows at each. `group` may be any of many.
void go_around(Group& group, std::uint32_t rounds) {
  const std::uint32_t count = workers();
  Bits bits;
  group.run([&](Transport& end) {
    const std::uint32_t n = end.rank();
    for (std::uint32_t round = 1; round <= rounds; ++round) {
      if (n == end.server()) {
        bits += sum_by_direction(end.close_round(round).rows)[Direction::across].total();
        continue;
      }
      std::uint64_t sum = n + round;
      for (std::uint32_t step = 1; step < count; ++step) {
        end.send((n + 1) % count, message(Kind::gather, n, round, sum));
        sum = receive_value(end, (n + count - 1) % count, Kind::gather, round) + n + round;
      }
      EXPECT_EQ(sum, count * (count - 1) / 2 + count * round);
      end.report_round(round, {});
    }
  });
  if (processes().leads()) {
    EXPECT_EQ(bits, std::uint64_t{rounds} * count * (count - 1) * Bits(256));
  }
}

TEST(MpiProcesses, GoAroundARingOfWorkersRoundAfterRoundInOneGroupAfterAnother) {
  for (int i = 0; i < 5; ++i) {
    const auto group = processes().make_group(workers(), kDeadline, {});
    go_around(*group, 20);
  }
}

// What workers have sent each other before one has failed is of no group after.
TEST(MpiProcesses, ForgetWhatHasGoneAcrossInAGroupThatHasFailed) {
  for (std::uint32_t attempt = 0; attempt < 20; ++attempt) {
    {
      const auto group = processes().make_group(workers(), kDeadline, {});
      EXPECT_THROW(group->run([&](Transport& end) {
        const std::uint32_t n = end.rank();
        if (n == end.server()) return (void)receive_value(end, 0, Kind::dense, 1);
        for (int i = 0; i < 3; ++i) {
          end.send((n + 1) % workers(), message(Kind::gather, n, 1, 4711));
        }
        if (n == workers() - 1) throw std::runtime_error("out of luck");
        (void)receive_value(end, end.server(), Kind::aggregate, 1);
      }),
                   std::runtime_error);
    }
    const auto group = processes().make_group(workers(), kDeadline, {});
    go_around(*group, 2);
  }
}

// Who looks unasked looks three times a second: without a bell each way takes 150 ms at the mean,
// and both together less than 3 ms once in 20,000 times. With one, beside other work, some are as
// quick.
TEST(MpiProcesses, WakeWhoWaitsOnTheSameHost) {
  if (processes().count() == 1 || processes().on_this_host() < processes().count()) return;
  constexpr int kWanted = 5;
  constexpr int kTimes = 200;
  if (processes().leads()) {
    int quick = 0;
    for (int i = 0; i < kTimes && quick < kWanted; ++i) {
      std::this_thread::sleep_for(30ms);  // all wait
      const auto start = std::chrono::steady_clock::now();
      processes().send(1, pattern(1, 0));
      (void)processes().receive(1, kDeadline);
      quick += std::chrono::steady_clock::now() - start < 3ms ? 1 : 0;
    }
    processes().send(1, {});  // enough
    EXPECT_EQ(quick, kWanted);
  } else if (processes().index() == 1) {
    while (!processes().receive(0, kDeadline).empty()) processes().send(0, {});
  }
}

TEST(MpiProcesses, TellNotesInOrderWithWhatTheyBelongTo) {
  std::mutex mutex;
  std::vector<unsigned> told;
  processes().listen({.on_note =
                          [&](std::uint32_t from, std::uint8_t note) {
                            const std::lock_guard lock(mutex);
                            told.push_back(100 * from + note);
                          },
                      .poll = {}});
  if (processes().leads()) {
    std::vector<unsigned> want;
    for (std::uint32_t p = 1; p < processes().count(); ++p) {
      EXPECT_EQ(processes().receive(p, kDeadline).size(), 3U);
      for (unsigned note = 0; note < 10; ++note) want.push_back(100 * p + note);
    }
    const std::lock_guard lock(mutex);
    EXPECT_THAT(told, testing::UnorderedElementsAreArray(want));  // before the bytes behind them
  } else {
    for (std::uint8_t note = 0; note < 10; ++note) processes().tell(0, note);
    processes().send(0, pattern(3, 0));
  }
  processes().listen({});
}

// The worker that fails is in the last process, and what it has sent before is of no group after.
TEST(MpiProcesses, EndEveryWaitWhereOneFailsAndHaveAGroupAfter) {
  for (std::uint32_t attempt = 0; attempt < 20; ++attempt) {
    const auto group = processes().make_group(workers(), kDeadline, {});
    std::string what;
    try {
      group->run([&](Transport& end) {
        if (end.rank() == workers() - 1) {
          end.send(end.server(), message(Kind::dense, end.rank(), 1, 1));
          throw std::runtime_error("out of luck");
        }
        if (end.rank() == end.server()) {
          (void)receive_value(end, 0, Kind::dense, 1);
        } else {
          (void)receive_value(end, end.server(), Kind::aggregate, 1);
        }
      });
    } catch (const std::exception& e) {
      what = e.what();
    }
    EXPECT_THAT(what, HasSubstr("out of luck"));
    if (!group->is_here(workers() - 1)) {
      EXPECT_THAT(what, HasSubstr("worker " + std::to_string(workers() - 1) + " has failed"));
    }
  }
  const auto group = processes().make_group(workers(), kDeadline, {});
  group->run([&](Transport& end) {
    if (end.rank() != end.server()) {
      end.send(end.server(), message(Kind::dense, end.rank(), 2, 77 + end.rank()));
      return;
    }
    for (std::uint32_t n = 0; n < workers(); ++n) {
      EXPECT_EQ(receive_value(end, n, Kind::dense, 2), 77 + n);
    }
  });
}

TEST(MpiProcesses, MissADeadlineWithTheNameOfWhomTheyAwait) {
  if (processes().count() == 1) return;
  if (processes().leads()) {
    try {
      (void)processes().receive(1, 30ms);
      ADD_FAILURE() << "there was something";
    } catch (const TransportError& e) {
      EXPECT_THAT(e.what(), HasSubstr("process 0 of " + std::to_string(processes().count())));
      EXPECT_THAT(e.what(), HasSubstr("awaited bytes from process 1 of"));
      EXPECT_THAT(e.what(), HasSubstr("nothing within 30 ms"));
    }
    processes().send(1, {});
  }
  if (processes().index() == 1) (void)processes().receive(0, kDeadline);
}

TEST(MpiProcesses, AskTheFirstToStop) {
  if (processes().index() == processes().count() - 1) processes().ask_to_stop();
  if (!processes().leads()) return;
  for (int i = 0; i < 6000 && !processes().is_asked_to_stop(); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(processes().is_asked_to_stop());
}

}  // namespace

int run_tests() {
  the_processes.emplace(kSmallChunk);
  const int result = RUN_ALL_TESTS();
  // Nobody leaves while another is still at it.
  for (std::uint32_t p = 1; p < processes().count(); ++p) {
    if (processes().leads()) (void)processes().receive(p, kDeadline);
  }
  for (std::uint32_t p = 1; p < processes().count(); ++p) {
    if (processes().leads()) processes().send(p, {});
  }
  if (!processes().leads()) {
    processes().send(0, {});
    (void)processes().receive(0, kDeadline);
  }
  // The last one fails for a reason of its own, the others because of it: all end with its code.
  const bool is_last = processes().index() == processes().count() - 1;
  const auto farewell = processes().leave(
      {.code = result != 0 ? 9 : (is_last ? 3 : 4), .is_own = result != 0 || is_last, .text = "x"},
      10s);
  the_processes.reset();
  return farewell.code == 3 ? 0 : 1;
}

/// Each fails at a place of its own, the last at the first one, long after all others: its words
/// alone are told.
int run_brothers() {
  the_processes.emplace();
  const std::uint32_t last = processes().count() - 1;
  if (processes().index() == last) std::this_thread::sleep_for(5s);
  const auto farewell = processes().leave({.code = 4,
                                           .place = {{7, last - processes().index()}},
                                           .text = std::to_string(processes().index())},
                                          kDeadline);
  const bool is_told =
      !processes().leads() || farewell.texts == std::vector<std::string>{std::to_string(last)};
  the_processes.reset();
  return farewell.code == 4 && farewell.reached_zero && is_told ? 0 : 1;
}

/// The last one closes MPI long after all others have left in haste. MPICH's launcher kills whoever
/// is there when another has ended without that; Open MPI's gives no time for it.
int run_haste() {
  if (!describe_mpi().starts_with("MPICH")) return kSkipped;
  the_processes.emplace();
  const bool is_last = processes().index() == processes().count() - 1;
  const auto farewell = processes().leave({.code = 5, .in_haste = true, .text = {}}, kDeadline);
  if (is_last) std::this_thread::sleep_for(2s);
  the_processes.reset();
  return farewell.code == 5 ? 0 : 1;
}

}  // namespace mvsgd::comm

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "brothers") return mvsgd::comm::run_brothers();
  if (argc == 2 && std::string_view(argv[1]) == "haste") return mvsgd::comm::run_haste();
  testing::InitGoogleTest(&argc, argv);
  return mvsgd::comm::run_tests();
}
