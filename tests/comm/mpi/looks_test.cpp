// How often a process looks for messages: the calls of MPI_Improbe are counted on their way to MPI,
// by its interface for profiling. A machine that is busy looks less often, never more. Every
// process runs every test, in the same order, on one host and on two.
#include <gtest/gtest.h>
#include <mpi.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include "comm/mpi/mpi_processes.hpp"
#include "comm/mpi/pace.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono_literals::operator""ms;

// MPI_Improbe's. NOLINTBEGIN(*-avoid-non-const-global-variables)
std::atomic<int> improbes = 0;
// Since when a look is wanted, and how many came within 3 ms: some do on any machine.
std::atomic<Clock::rep> wanted_since = 0;
std::atomic<int> quick = 0;
// NOLINTEND(*-avoid-non-const-global-variables)

}  // namespace

int MPI_Improbe(int source, int tag, MPI_Comm comm, int* flag, MPI_Message* message,
                MPI_Status* status) {
  ++improbes;
  if (const Clock::rep since = wanted_since.exchange(0); since != 0) {
    if (Clock::now().time_since_epoch().count() - since < Clock::duration(3ms).count()) ++quick;
  }
  return PMPI_Improbe(source, tag, comm, flag, message, status);
}

namespace mvsgd::comm {
namespace {

using std::chrono_literals::operator""s;

constexpr auto kDeadline = 60s;  // only a hang reaches it

// MPI starts once a program.
std::optional<MpiProcesses> the_processes;  // NOLINT(*-avoid-non-const-global-variables): main's
MpiProcesses& processes() { return *the_processes; }

/// Of which each asks twice where it finds nothing.
int looks() { return improbes / 2; }

/// Until all are here, and wait for nothing.
void meet() {
  if (!processes().leads()) {
    processes().send(0, {});
    (void)processes().receive(0, kDeadline);
    return;
  }
  for (std::uint32_t p = 1; p < processes().count(); ++p) (void)processes().receive(p, kDeadline);
  for (std::uint32_t p = 1; p < processes().count(); ++p) processes().send(p, {});
}

/// Until sockets are trusted, if there are any: of four processes on two hosts 1 and 2 are those
/// whom the start of MPI has not connected with each other.
void connect() {
  for (int i = 0; i <= Pace::kProofs; ++i) {
    meet();
    if (processes().count() > 3 && (processes().index() == 1 || processes().index() == 2)) {
      const std::uint32_t other = 3 - processes().index();
      processes().send(other, {});
      (void)processes().receive(other, kDeadline);
    }
    std::this_thread::sleep_for(2 * Pace::kTick);
  }
  std::this_thread::sleep_for(Pace::kProbation);
}

/// Looks and the time since it was made.
class Span {
 public:
  [[nodiscard]] int looks() const { return comm::looks() - before_; }
  /// How often that time has so long in it.
  [[nodiscard]] int times(std::chrono::nanoseconds each) const {
    return static_cast<int>((Clock::now() - begun_) / each);
  }

 private:
  int before_ = comm::looks();
  Clock::time_point begun_ = Clock::now();
};

/// What the words of meet() may cause.
int of_meeting() { return 6 * static_cast<int>(processes().count()); }

/// Whether it is so in all processes.
bool everywhere(bool here) {
  const auto word = [](bool is_so) { return MpiProcesses::Blob(is_so ? 1 : 0); };
  if (!processes().leads()) {
    processes().send(0, word(here));
    return !processes().receive(0, kDeadline).empty();
  }
  bool all = here;
  for (std::uint32_t p = 1; p < processes().count(); ++p) {
    all &= !processes().receive(p, kDeadline).empty();
  }
  for (std::uint32_t p = 1; p < processes().count(); ++p) processes().send(p, word(all));
  return all;
}

class Looks : public ::testing::Test {
 protected:
  void SetUp() override { meet(); }
  void TearDown() override { meet(); }

  static bool all_ring() { return processes().on_this_host() == processes().count(); }
};

/// Whether they are three a second in this process.
bool are_three_a_second() {
  constexpr int kWanted = 6;
  std::this_thread::sleep_for(300ms);  // those of meet() are over
  const Span span;
  while (span.looks() < kWanted && span.times(kDeadline) == 0) std::this_thread::sleep_for(10ms);
  // Who is there before it says so to the first.
  const int most = span.times(Pace::kUnasked) + 2 + (processes().leads() ? of_meeting() : 0);
  return kWanted <= span.looks() && span.looks() <= most;
}

TEST_F(Looks, AreThreeASecondWhereNobodyAsks) {
  // Sockets are trusted once they have told of some messages. On a busy machine some come untold.
  const int attempts = all_ring() ? 1 : 10;
  bool are = everywhere(are_three_a_second());
  for (int i = 1; i < attempts && !are; ++i) {
    connect();
    are = everywhere(are_three_a_second());
  }
  EXPECT_TRUE(are);
}

/// Some words between the first process and that one, one after another.
struct Words {
  static constexpr int kCount = 200;
  bool were_announced = true;  ///< else unasked ones may have found them
  bool took_few = true;
};

Words words_with(std::uint32_t other) {
  const Span span;
  for (int i = 0; i < Words::kCount; ++i) {
    if (processes().leads()) {
      processes().send(other, {});
      (void)processes().receive(other, kDeadline);
    } else if (processes().index() == other) {
      (void)processes().receive(0, kDeadline);
      processes().send(0, {});
    }
  }
  if (!processes().leads() && processes().index() != other) return {};
  EXPECT_GE(span.looks(), Words::kCount);
  const int unasked = span.times(Pace::kUnasked);
  return {.were_announced = unasked < Words::kCount,
          .took_few = span.looks() <= 10 * Words::kCount + of_meeting() + unasked};
}

TEST_F(Looks, AreAFewForEachMessage) {
  const Words words = words_with(1);
  EXPECT_TRUE(words.were_announced);
  EXPECT_TRUE(words.took_few);
}

// Of four processes on two hosts the third is on the other.
TEST_F(Looks, AreAFewForEachMessageFromAnotherHost) {
  if (all_ring()) GTEST_SKIP() << "there is no other";
  bool are = false;
  for (int i = 0; i < 3 && !are; ++i) {
    connect();
    const Words words = words_with(2);
    are = everywhere(words.were_announced && words.took_few);
  }
  EXPECT_TRUE(are);
}

// Process 1 reads nothing for a while, as its thread is held up by a note.
TEST_F(Looks, BecomeRareWhileNobodyReadsWhatIsSent) {
  if (!all_ring()) GTEST_SKIP() << "between hosts they do after a while";
  constexpr auto kHeldUp = 300ms;
  if (processes().index() == 1) {
    processes().listen(
        {.on_note = [&](std::uint32_t /*from*/,
                        std::uint8_t /*note*/) { std::this_thread::sleep_for(kHeldUp); },
         .poll = {}});
    EXPECT_EQ(processes().receive(0, kDeadline).size(), 8'000'000U);
    processes().send(0, {});
    processes().listen({});
  }
  if (!processes().leads()) return;
  processes().tell(1, 0);
  std::this_thread::sleep_for(kHeldUp / 5);  // else it reads both at once
  const Span span;
  processes().send(1, MpiProcesses::Blob(8'000'000));
  (void)processes().receive(1, kDeadline);
  EXPECT_LE(span.looks(), span.times(Pace::kLongest) + of_meeting() + 40);
}

// A bell that is rung between a look and the sleep behind it ends that sleep: in a poll the thread
// rings its own.
TEST_F(Looks, AreAtOnceForWhatAPollHasPosted) {
  constexpr int kWanted = 5;
  if (processes().index() == 1) {
    processes().listen(
        {.on_note = [](std::uint32_t /*from*/, std::uint8_t /*note*/) {}, .poll = {}});
    (void)processes().receive(0, kDeadline);
    processes().listen({});
  }
  if (!processes().leads()) return;
  std::atomic<int> polls = 0;
  const Span span;
  processes().listen({.on_note = {}, .poll = [&] {
                        if (++polls % 2 == 0) return;  // nothing moves in the turn of the next
                        wanted_since = Clock::now().time_since_epoch().count();
                        processes().tell(1, 0);
                      }});
  while (quick < kWanted && polls < 100) std::this_thread::sleep_for(10ms);
  processes().listen({});
  processes().send(1, {});
  EXPECT_GE(quick, kWanted);
  EXPECT_LE(polls, span.times(Pace::kTick) + 1);
}

/// A TCP socket of this process, which is closed with it.
class Socket {
 public:
  Socket() : number_(socket(AF_INET, SOCK_STREAM, 0)) {
    EXPECT_GE(number_, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  ~Socket() { close(number_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// The port at which others may connect.
  std::uint16_t listen() {
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(number_, generic(), size), 0);
    EXPECT_EQ(::listen(number_, 1 + kAttempts), 0);
    EXPECT_EQ(getsockname(number_, generic(), &size), 0);
    return ntohs(address_.sin_port);
  }
  void connect(std::uint16_t port) {
    address_.sin_port = htons(port);
    EXPECT_EQ(::connect(number_, generic(), sizeof address_), 0);
  }

  /// On a busy machine a thread looks but a few times in a while.
  static constexpr int kAttempts = 10;

 private:
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }

  int number_;
  sockaddr_in address_{};
};

/// Until the last new socket is found and no longer a reason to look.
void settle() { std::this_thread::sleep_for(Pace::kProbation + 2 * Pace::kTick); }

/// Whether now, for a while, they are by the clock, and not three a second.
bool are_by_the_clock() {
  const Span span;
  settle();
  return span.looks() > span.times(Pace::kUnasked) + of_meeting() + 20;
}

TEST_F(Looks, AreByTheClockForAWhileAfterThereIsANewSocket) {
  if (all_ring()) GTEST_SKIP() << "there sockets tell nothing";
  bool are = false;
  for (int i = 0; i < Socket::kAttempts && !are; ++i) {
    settle();
    const Socket one;
    are = are_by_the_clock();
  }
  EXPECT_TRUE(are);
}

// Process 1 connects to process 0, on its host, which does not accept and so has no socket more.
TEST_F(Looks, AreByTheClockForAWhileAfterSomebodyHasConnected) {
  if (all_ring()) GTEST_SKIP() << "there sockets tell nothing";
  if (processes().index() == 1) {
    for (MpiProcesses::Blob port; !(port = processes().receive(0, kDeadline)).empty();) {
      Socket one;
      one.connect(static_cast<std::uint16_t>(std::to_integer<unsigned>(port[0]) << 8U |
                                             std::to_integer<unsigned>(port[1])));
    }
  }
  if (!processes().leads()) return;
  Socket door;
  const std::uint16_t port = door.listen();
  bool are = false;
  for (int i = 0; i < Socket::kAttempts && !are; ++i) {
    settle();
    processes().send(1, {static_cast<std::byte>(port >> 8U), static_cast<std::byte>(port & 0xFFU)});
    are = are_by_the_clock();
  }
  processes().send(1, {});
  EXPECT_TRUE(are);
}

}  // namespace

int run_tests() {
  the_processes.emplace();
  connect();
  const int result = RUN_ALL_TESTS();
  const auto farewell = processes().leave({.code = result, .text = "x"}, 10s);
  the_processes.reset();
  return farewell.code;
}

}  // namespace mvsgd::comm

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return mvsgd::comm::run_tests();
}
