// What comes at TCP sockets of this very process, which are connected by its loopback device.
#include "comm/mpi/sockets.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>

#include "tests/sanitizers.hpp"

namespace {

// Which of the next calls of epoll_ctl the kernel refuses, as where it watches all that it may.
std::atomic<int> refused = 0;  // NOLINT(*-avoid-non-const-global-variables): epoll_ctl's

}  // namespace

int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
  if (refused > 0 && --refused == 0) {
    errno = ENOSPC;
    return -1;
  }
  return static_cast<int>(syscall(SYS_epoll_ctl, epoll, operation, descriptor, event));
}

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
    connect(socket);
    return socket;
  }
  void connect(int socket) { EXPECT_EQ(::connect(socket, generic(), sizeof address_), 0); }

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

/// What the kernel says under this name.
std::string status_of(const std::string& thread, const std::string& name) {
  std::ifstream file(thread + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  ADD_FAILURE() << "no " << name << " of " << thread;
  return "0";
}

/// A bit for each signal that the thread takes later, by its number less one.
std::uint64_t blocked(const std::string& thread) {
  return std::stoull(status_of(thread, "SigBlk"), nullptr, 16);
}

/// The one that is not among those, when it sleeps.
std::string asleep_but(const std::set<std::string>& those) {
  std::string other;
  for (const std::string& thread : threads()) other = those.contains(thread) ? other : thread;
  while (!status_of(other, "State").starts_with("S")) std::this_thread::sleep_for(1ms);
  return other;
}

std::set<int> descriptors() {
  std::set<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const std::string name = entry.path().filename();
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    all.insert(number);
  }
  std::erase_if(all, [](int number) { return fcntl(number, F_GETFD) < 0; });  // the iterator's
  return all;
}

/// So many descriptors more at most while it lives.
class Descriptors {
 public:
  explicit Descriptors(int more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = eventfd(0, 0);
    close(next);
    const rlimit limit{.rlim_cur = static_cast<rlim_t>(next + more), .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~Descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

 private:
  rlimit before_{};
};

/// The error of sockets that cannot be had; 0 if they can.
int error_of_new_sockets() {
  try {
    const Sockets sockets([] {});
  } catch (const std::system_error& e) {
    return e.code().value();
  }
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

// As one that a library connects while it does other things.
TEST_F(SocketsTest, TellsOfWhatComesAtASocketThatWasFoundBeforeItWasConnected) {
  const Descriptor near(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_TRUE(sockets_.find());
  listener_.connect(near.get());
  const Descriptor far(listener_.accept_one());
  EXPECT_TRUE(sockets_.find());  // the other end
  EXPECT_FALSE(sockets_.find());
  (void)sockets_.news();
  say(far);
  EXPECT_TRUE(sockets_.news().bytes);
}

TEST_F(SocketsTest, FindsASocketBeforeOthersThatItWatches) {
  std::optional<Descriptor> hole(std::in_place, eventfd(0, 0));
  const Descriptor last(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_TRUE(sockets_.find());
  hole.reset();
  const Descriptor first(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_LT(first.get(), last.get());
  EXPECT_TRUE(sockets_.find());
}

TEST_F(SocketsTest, FindsLaterWhatTheKernelDidNotWatch) {
  refused = 1;
  EXPECT_TRUE(sockets_.find());  // two others
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(sockets_.find());
  EXPECT_FALSE(sockets_.find());
}

TEST_F(SocketsTest, FindsNothingWithoutADescriptorToLookWith) {
  {
    const Descriptors none(0);
    EXPECT_FALSE(sockets_.find());
  }
  EXPECT_TRUE(sockets_.find());
}

TEST_F(SocketsTest, TellsOfAllThatHasComeAtOnce) {
  std::deque<Descriptor> near;
  std::deque<Descriptor> far;
  for (int i = 0; i < 100; ++i) {
    near.emplace_back(listener_.connect_one());
    far.emplace_back(listener_.accept_one());
  }
  EXPECT_TRUE(sockets_.find());
  (void)sockets_.news();
  for (const Descriptor& socket : far) say(socket);
  EXPECT_TRUE(sockets_.news().bytes);
  EXPECT_FALSE(sockets_.news().bytes);
  sockets_.arm();
  EXPECT_TRUE(has_called(0));
}

TEST(Sockets, HasAThreadThatTakesNoSignals) {
  sigset_t none;
  sigset_t before_all;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &before_all);
  const std::set<std::string> before = threads();
  const Sockets sockets([] {});
  for (const std::string& thread : threads()) {
    if (before.contains(thread)) continue;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE}) {
      EXPECT_TRUE((blocked(thread) >> static_cast<unsigned>(signal - 1) & 1U) != 0) << signal;
    }
  }
  EXPECT_EQ(threads().size(), before.size() + 1);
  EXPECT_EQ(blocked("/proc/thread-self"), 0U);
  pthread_sigmask(SIG_SETMASK, &before_all, nullptr);
}

TEST(Sockets, EndsItsThreadWhetherItIsArmedOrNot) {
  const std::set<std::string> before = threads();
  int calls = 0;
  for (const bool is_armed : {false, true}) {
    Sockets sockets([&] { ++calls; });
    if (is_armed) sockets.arm();
  }
  EXPECT_EQ(threads(), before);
  EXPECT_EQ(calls, 0);
}

TEST(Sockets, SleepsWhileNothingComes) {
  const std::set<std::string> before = threads();
  Sockets sockets([] {});
  sockets.arm();
  const std::string thread = asleep_but(before);
  const std::string times = status_of(thread, "voluntary_ctxt_switches");
  std::this_thread::sleep_for(3 * kForNothing);
  EXPECT_EQ(status_of(thread, "voluntary_ctxt_switches"), times);
}

/// Stops this process when that thread sleeps, and is waited for.
bool is_called_after_a_stop() {
  const std::set<std::string> before = threads();
  Listener listener;
  const Descriptor near(listener.connect_one());
  const Descriptor far(listener.accept_one());
  std::atomic<int> calls = 0;
  Sockets sockets([&] { ++calls; });
  sockets.find();
  sockets.arm();
  (void)asleep_but(before);
  kill(getpid(), SIGSTOP);
  std::this_thread::sleep_for(kForNothing);
  if (calls != 0) return false;
  say(far);
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (calls == 0 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  return calls == 1;
}

// The wait of a thread that takes no signals ends without news then.
TEST(Sockets, CallsOnceAfterItsProcessWasStopped) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(is_called_after_a_stop() ? 0 : 1);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
  EXPECT_TRUE(WIFSTOPPED(status));
  kill(child, SIGCONT);
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Sockets, LeavesNoDescriptorsBehindAndNoneToOtherPrograms) {
  const std::set<int> before = descriptors();
  {
    const Sockets sockets([] {});
    const std::set<int> with = descriptors();
    EXPECT_EQ(with.size(), before.size() + 3);
    for (const int number : with) {
      EXPECT_TRUE(before.contains(number) || fcntl(number, F_GETFD) == FD_CLOEXEC) << number;
    }
  }
  EXPECT_EQ(descriptors(), before);
}

TEST(Sockets, AreRefusedWhereTheKernelGivesNoDescriptors) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs a pipe to look at an object's type";
  const std::set<int> before = descriptors();
  for (const int more : {0, 1, 2}) {
    const Descriptors few(more);
    EXPECT_EQ(error_of_new_sockets(), EMFILE) << more;
  }
  EXPECT_EQ(descriptors(), before);
}

TEST(Sockets, AreRefusedWhereTheKernelWatchesNoMore) {
  const std::set<int> before = descriptors();
  for (const int call : {1, 2}) {
    refused = call;
    EXPECT_EQ(error_of_new_sockets(), ENOSPC) << call;
    EXPECT_EQ(refused, 0);
  }
  EXPECT_EQ(error_of_new_sockets(), 0);
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace mvsgd::comm
