#include "comm/mpi/sockets.hpp"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace mvsgd::comm {
namespace {

enum Of : std::uint32_t { kConnection, kListener, kSockets, kEnd };

int option_of(int socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

bool add(int epoll, int descriptor, std::uint32_t events, Of of) {
  epoll_event event{.events = events, .data = {.u32 = of}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

/// What a thread that begins within its life takes: no signals.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

Sockets::Descriptor::Descriptor(int number, const char* what) : number_(number) {
  if (number < 0) throw std::system_error(errno, std::system_category(), what);
}

Sockets::Descriptor::~Descriptor() { close(number_); }

Sockets::Sockets(std::function<void()> on_news)
    : on_news_(std::move(on_news)),
      sockets_(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"),
      alarm_(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"),
      end_(eventfd(0, EFD_CLOEXEC), "eventfd") {
  // No events: until arm() it is there and tells nothing.
  if (!add(alarm_.get(), sockets_.get(), 0, kSockets) ||
      !add(alarm_.get(), end_.get(), EPOLLIN, kEnd)) {
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }
  const NoSignals none;
  thread_ = std::thread([this] { run(); });
}

Sockets::~Sockets() {
  eventfd_write(end_.get(), 1);
  thread_.join();
}

bool Sockets::find() {
  namespace fs = std::filesystem;
  bool found = false;
  std::error_code error;
  // Where there is no descriptor to look with, there is nothing to find.
  for (fs::directory_iterator at("/proc/self/fd", error), end; at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    int socket = -1;
    std::from_chars(name.data(), name.data() + name.size(), socket);
    if (option_of(socket, SO_PROTOCOL) != IPPROTO_TCP) continue;
    // Another thread may close it meanwhile; one that is watched already is refused.
    const bool listens = option_of(socket, SO_ACCEPTCONN) == 1;
    found |= add(sockets_.get(), socket, EPOLLIN | EPOLLET, listens ? kListener : kConnection);
  }
  return found;
}

Sockets::News Sockets::news() {
  News news;
  std::array<epoll_event, 64> events{};
  int count = 0;
  do {
    count = epoll_wait(sockets_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const bool listens = events[static_cast<std::size_t>(i)].data.u32 == kListener;
      (listens ? news.connection : news.bytes) = true;
    }
  } while (count == static_cast<int>(events.size()));
  return news;
}

void Sockets::arm() {
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.u32 = kSockets}};
  epoll_ctl(alarm_.get(), EPOLL_CTL_MOD, sockets_.get(), &event);
}

void Sockets::run() {
  while (true) {
    epoll_event event{};
    if (epoll_wait(alarm_.get(), &event, 1, -1) != 1) continue;
    if (event.data.u32 == kEnd) return;
    on_news_();
  }
}

}  // namespace mvsgd::comm
