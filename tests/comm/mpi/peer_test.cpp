// Whether a process is seen to go.
#include "comm/mpi/peer.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>

namespace mvsgd::comm {
namespace {

/// A process that does nothing until it is killed.
class Child {
 public:
  Child() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const std::uint64_t start = this_process().start;
      if (write(ends[1], &start, sizeof start) != sizeof start) _exit(1);
      while (true) pause();
    }
    EXPECT_EQ(read(ends[0], &start_, sizeof start_), ssize_t{sizeof start_});
    close(ends[0]);
    close(ends[1]);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] Peer peer() const { return {.host = "here", .pid = pid_, .start = start_}; }
  /// It keeps its number, as that of a rank whose launcher has not asked for its end.
  void die() const {
    kill(pid_, SIGKILL);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

 private:
  pid_t pid_ = 0;
  std::uint64_t start_ = 0;
};

/// While it lives this process gets no more descriptors.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(Watch, SeesTheCallingProcess) {
  EXPECT_EQ(this_process().pid, getpid());
  EXPECT_TRUE(Watch(this_process()).sees_it());
}

TEST(Watch, SeesNoOtherProcessWithItsNumber) {
  Peer peer = this_process();
  ++peer.start;
  EXPECT_FALSE(Watch(peer).sees_it());
}

TEST(Watch, SeesOneGoThatNobodyHasAskedFor) {
  const Child child;
  const Watch watch(child.peer());
  EXPECT_TRUE(watch.sees_it());
  child.die();
  EXPECT_FALSE(watch.sees_it());
}

TEST(Watch, SeesItWhereTheKernelGivesNoDescriptor) {
  const Child child;
  const Watch watch = [&] {
    const NoDescriptors none;
    return Watch(child.peer());
  }();
  EXPECT_TRUE(watch.sees_it());
  child.die();
  EXPECT_FALSE(watch.sees_it());
}

}  // namespace
}  // namespace mvsgd::comm
