// Whether bytes have come at the TCP sockets of this process, whoever reads them.
#pragma once

#include <functional>
#include <thread>

namespace mvsgd::comm {

/// Watches the TCP sockets that this process has, its library's and whatever else it was given, and
/// neither reads nor writes any. A thread sleeps until bytes come at one or somebody connects, and
/// says so once: what nobody reads does not wake it again.
///
/// How to miss nothing: news(), then look for messages, then arm() and wait for `on_news`. All but
/// that are called from one thread.
class Sockets {
 public:
  struct News {
    bool bytes = false;       ///< bytes have come at a connection, or its end
    bool connection = false;  ///< somebody has connected: find() may find a socket more
  };

  /// `on_news` is called from the thread that sleeps, which takes no signals. Throws
  /// std::system_error where the kernel gives no descriptors or no thread.
  explicit Sockets(std::function<void()> on_news);
  /// Ends the thread. Then nothing is called any more.
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  /// Watches from now on those that were not watched; whether there were any. Costs a call or two
  /// for each descriptor of the process.
  bool find();

  /// What has come since the last call.
  [[nodiscard]] News news();

  /// `on_news` is called once, when there is something that news() has not told: at once if there
  /// is.
  void arm();

 private:
  /// A descriptor that is closed with it.
  class Descriptor {
   public:
    Descriptor(int number, const char* what);
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return number_; }

   private:
    int number_;
  };

  void run();

  std::function<void()> on_news_;
  Descriptor sockets_;  // an epoll of them all, edge-triggered: each is there once for what comes
  Descriptor alarm_;    // one of that and of end_
  Descriptor end_;      // an eventfd
  std::thread thread_;
};

}  // namespace mvsgd::comm
