// What comes at TCP sockets of this very process, which are connected by its loopback device.
#include "comm/mpi/sockets.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

namespace mvsgd::comm {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr auto kDeadline = 60s;      // only what never comes reaches it
constexpr auto kForNothing = 100ms;  // so long nothing must come

/// A descriptor that is closed with it.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) { EXPECT_GE(number, 0); }
  ~Descriptor() { close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(socket_.get(), generic(), size), 0);
    EXPECT_EQ(listen(socket_.get(), 8), 0);
    EXPECT_EQ(getsockname(socket_.get(), generic(), &size), 0);
  }
  [[nodiscard]] int accept_one() const { return accept(socket_.get(), nullptr, nullptr); }
  /// A socket that is connected to this one.
  [[nodiscard]] int connect_one() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(socket, generic(), sizeof address_), 0);
    return socket;
  }

 private:
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }

  Descriptor socket_;
  sockaddr_in address_{};
};

void say(const Descriptor& socket) { EXPECT_EQ(send(socket.get(), "x", 1, 0), 1); }

std::set<std::string> threads() {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    all.insert(entry.path());
  }
  return all;
}

/// A bit for each signal that the thread takes later, by its number less one.
std::uint64_t blocked(const std::string& thread) {
  std::ifstream file(thread + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("SigBlk:")) return std::stoull(line.substr(7), nullptr, 16);
  }
  ADD_FAILURE() << "no status of " << thread;
  return 0;
}

class SocketsTest : public ::testing::Test {
 protected:
  /// Whether the thread has called so often, and in a while not more often.
  [[nodiscard]] bool has_called(int times) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kDeadline, [&] { return calls_ >= times; });
    changed_.wait_for(lock, kForNothing, [&] { return calls_ > times; });
    return calls_ == times;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int calls_ = 0;

  Listener listener_;
  Descriptor near_{listener_.connect_one()};
  Descriptor far_{listener_.accept_one()};
  Sockets sockets_{[this] {
    const std::lock_guard lock(mutex_);
    ++calls_;
    changed_.notify_all();
  }};
};

TEST_F(SocketsTest, CallsOnceForBytesThatNobodyReads) {
  EXPECT_TRUE(sockets_.find());
  sockets_.arm();
  EXPECT_TRUE(has_called(0));
  say(far_);
  EXPECT_TRUE(has_called(1));
  say(far_);
  EXPECT_TRUE(has_called(1));
  EXPECT_TRUE(sockets_.news().bytes);
  EXPECT_FALSE(sockets_.news().bytes);
  sockets_.arm();
  EXPECT_TRUE(has_called(1));
  say(far_);
  EXPECT_TRUE(has_called(2));
}

TEST_F(SocketsTest, CallsAtOnceForWhatHasComeSinceTheLastNews) {
  sockets_.find();
  EXPECT_FALSE(sockets_.news().bytes);
  say(far_);
  EXPECT_TRUE(has_called(0));
  sockets_.arm();
  EXPECT_TRUE(has_called(1));
  sockets_.arm();
  EXPECT_TRUE(has_called(2));
}

TEST_F(SocketsTest, CallsNotForWhatHasBeenRead) {
  sockets_.find();
  say(far_);
  char byte = 0;
  EXPECT_EQ(recv(near_.get(), &byte, 1, 0), 1);
  sockets_.arm();
  EXPECT_TRUE(has_called(0));
  EXPECT_FALSE(sockets_.news().bytes);
}

TEST_F(SocketsTest, TellsOfWhatCameBeforeASocketWasFound) {
  say(far_);
  EXPECT_FALSE(sockets_.news().bytes);
  sockets_.find();
  EXPECT_TRUE(sockets_.news().bytes);
}

TEST_F(SocketsTest, TellsOfWhoConnectsAndThenFindsTheSocket) {
  EXPECT_TRUE(sockets_.find());
  sockets_.arm();
  const Descriptor near(listener_.connect_one());
  EXPECT_TRUE(has_called(1));
  EXPECT_TRUE(sockets_.news().connection);
  EXPECT_FALSE(sockets_.news().connection);
  EXPECT_TRUE(sockets_.find());  // this end
  const Descriptor far(listener_.accept_one());
  EXPECT_TRUE(sockets_.find());
  EXPECT_FALSE(sockets_.find());
  say(near);
  const Sockets::News news = sockets_.news();
  EXPECT_TRUE(news.bytes);
  EXPECT_FALSE(news.connection);
}

TEST_F(SocketsTest, TellsOfTheEndOfAConnection) {
  sockets_.find();
  sockets_.arm();
  shutdown(far_.get(), SHUT_WR);
  EXPECT_TRUE(has_called(1));
  EXPECT_TRUE(sockets_.news().bytes);
}

TEST_F(SocketsTest, FindsASocketThatHasTheNumberOfOneThatIsClosed) {
  int number = -1;
  {
    const Descriptor near(listener_.connect_one());
    const Descriptor far(listener_.accept_one());
    number = far.get();
    EXPECT_TRUE(sockets_.find());
  }
  const Descriptor near(listener_.connect_one());
  const Descriptor far(listener_.accept_one());
  EXPECT_EQ(far.get(), number);
  EXPECT_TRUE(sockets_.find());
  (void)sockets_.news();
  say(near);
  EXPECT_TRUE(sockets_.news().bytes);
}

TEST_F(SocketsTest, WatchesNothingButTcp) {
  EXPECT_TRUE(sockets_.find());
  const Descriptor datagrams(socket(AF_INET, SOCK_DGRAM, 0));
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const Descriptor one(ends[0]);
  const Descriptor other(ends[1]);
  EXPECT_EQ(pipe(ends.data()), 0);
  const Descriptor out(ends[0]);
  const Descriptor in(ends[1]);
  EXPECT_FALSE(sockets_.find());
  const Descriptor tcp(socket(AF_INET6, SOCK_STREAM, 0));
  EXPECT_TRUE(sockets_.find());
}

TEST(Sockets, HasAThreadThatTakesNoSignals) {
  const std::set<std::string> before = threads();
  const std::uint64_t own = blocked("/proc/thread-self");
  const Sockets sockets([] {});
  for (const std::string& thread : threads()) {
    if (before.contains(thread)) continue;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE}) {
      EXPECT_TRUE((blocked(thread) >> static_cast<unsigned>(signal - 1) & 1U) != 0) << signal;
    }
  }
  EXPECT_EQ(threads().size(), before.size() + 1);
  EXPECT_EQ(blocked("/proc/thread-self"), own);
}

TEST(Sockets, EndsItsThreadWhetherItIsArmedOrNot) {
  const std::set<std::string> before = threads();
  for (const bool is_armed : {false, true}) {
    Sockets sockets([] {});
    if (is_armed) sockets.arm();
  }
  EXPECT_EQ(threads(), before);
}

}  // namespace
}  // namespace mvsgd::comm
