// The program: arguments in, exit code out.
#include <fcntl.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cfenv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/command_line.hpp"

namespace {

/// Whether the descriptor is a terminal that knows escape sequences.
bool is_terminal(int descriptor) {
  const char* const name = std::getenv("TERM");
  return isatty(descriptor) != 0 && name != nullptr && std::string_view(name) != "dumb";
}

/// The width of the terminal behind standard output; 0 if there is none.
std::size_t terminal_columns() {
  constexpr std::size_t kUnknown = 80;
  if (!is_terminal(STDOUT_FILENO)) return 0;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUnknown;
}

/// Whether the descriptor may get colours: https://no-color.org.
bool shows_colors(int descriptor) {
  const char* const forbidden = std::getenv("NO_COLOR");
  return is_terminal(descriptor) && (forbidden == nullptr || *forbidden == '\0');
}

/// Writes to a descriptor.
class DescriptorBuffer final : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor) { restart(); }
  ~DescriptorBuffer() override { (void)write_all(); }
  DescriptorBuffer(const DescriptorBuffer&) = delete;
  DescriptorBuffer& operator=(const DescriptorBuffer&) = delete;

 private:
  void restart() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }
  bool write_all() {
    for (const char* from = pbase(); from != pptr();) {
      const ssize_t written = write(descriptor_, from, static_cast<std::size_t>(pptr() - from));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      from += written;
    }
    restart();
    return true;
  }
  int_type overflow(int_type c) override {
    if (!write_all()) return traits_type::eof();
    return traits_type::eq_int_type(c, traits_type::eof()) ? 0
                                                           : sputc(traits_type::to_char_type(c));
  }
  int sync() override { return write_all() ? 0 : -1; }

  int descriptor_;
  std::array<char, 1U << 14U> bytes_{};
};

/// Gives each closed standard descriptor a file that cannot be used. Otherwise the next file that
/// is opened would get its number, and what is printed would go into that file.
void hold_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is this one, since those before it are taken.
    const int unusable = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (fcntl(descriptor, F_GETFD) < 0) (void)open("/dev/null", unusable);
  }
}

/// Keeps standard output for this program: from now on, what libraries print (such as oneDNN's
/// DNNL_VERBOSE) goes to standard error, so that programs that read the output get no foreign
/// lines.
int keep_standard_output() {
  const int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (kept < 0) return STDOUT_FILENO;  // there is no further descriptor
  (void)dup2(STDERR_FILENO, STDOUT_FILENO);
  return kept;
}

/// Arrays go back to the system when they are let go of. glibc would move the size from which it
/// does so up to the largest that was ever freed, to 32 MiB; below it each thread's heap keeps free
/// what it has had, and a run's peak is what its threads happened to do at once.
void return_large_memory() {
#if defined(__GLIBC__)
  constexpr int kMapped = 1 << 17;  // glibc's own, where it begins
  (void)mallopt(M_MMAP_THRESHOLD, kMapped);
  // A heap of its own for each thread would reserve 64 MiB of addresses.
  rlimit addresses{};
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY) {
    (void)mallopt(M_ARENA_MAX, 1);
  }
#endif
}

// What a worker's thread writes of its stack is 92 KiB, and this thread's is less than 128.
constexpr rlim_t kLeastStack = rlim_t{128} << 10U;

/// Gives the threads that are started from now on a stack on which they can compute, however little
/// `ulimit -s` leaves them. Returns false if this thread cannot have one.
bool have_stacks() {
  rlimit stack{};
  if (getrlimit(RLIMIT_STACK, &stack) != 0) return true;
#if defined(__GLIBC__)
  constexpr rlim_t kOfThread = rlim_t{1} << 20U;
  pthread_attr_t threads{};
  if (stack.rlim_cur < kOfThread && pthread_attr_init(&threads) == 0) {
    if (pthread_attr_setstacksize(&threads, kOfThread) == 0) pthread_setattr_default_np(&threads);
    pthread_attr_destroy(&threads);
  }
#endif
  if (stack.rlim_cur >= kLeastStack) return true;
  stack.rlim_cur = std::min(kLeastStack, stack.rlim_max);  // it grows as far as it may by then
  return setrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur == kLeastStack;
}

/// Rounds to nearest and keeps subnormals, as this thread and those that it starts compute from now
/// on. A library that g++ 12 has linked with -ffast-math makes zeros of subnormals in whoever loads
/// it.
void compute_by_ieee_754() { (void)std::fesetenv(FE_DFL_ENV); }

// Which signal wants the run to stop: 0 none yet, when it came (in milliseconds) if SIGTERM, else
// -1. Any thread may get the signal, and every thread reads this. Without a lock, a handler may
// change it.
std::atomic<std::int64_t> stop_wanted = 0;  // NOLINT(*-avoid-non-const-global-variables)
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// SLURM sends SIGTERM twice when a job's time is over, 26 ms apart, and means one end.
constexpr std::int64_t kOneEnd = 1000;  // milliseconds

std::int64_t milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1000} + now.tv_nsec / 1'000'000;
}

/// The first signal is noted. A second one has its default effect, unless it is a SIGTERM right
/// after the first.
extern "C" void note_or_die(int signal) {
  const std::int64_t now = milliseconds();
  std::int64_t before = 0;
  if (!stop_wanted.compare_exchange_strong(before, signal == SIGTERM ? now : -1)) {
    if (signal == SIGTERM && before > 0 && now - before < kOneEnd) return;
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  constexpr char kText[] =
      "\nmvsgd: asked to stop, gives this round up; once more: stops at once\n";
  const int of_the_thread = errno;
  // If it cannot be written, nothing can be done.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof kText - 1);
  errno = of_the_thread;
}

// Whether SIGHUP was ignored when the program began, as nohup asks for. This is noted before
// libraries are initialized: UCX, with which many an MPI is linked, then handles SIGHUP.
bool hangup_was_ignored = false;  // NOLINT(*-avoid-non-const-global-variables)

void note_hangup(int /*argc*/, char** /*argv*/, char** /*environment*/) {
  struct sigaction action {};
  hangup_was_ignored = sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

/// Takes from the environment what OpenMP's library would give its threads in place of what they
/// need, before it looks: a stack too small to compute on, or places. It would bind the thread that
/// loads it to the first of them, and with it all workers, to which each worker's team is another.
void forget_threads_of_openmp(int /*argc*/, char** /*argv*/, char** environment) {
  constexpr std::string_view kForgotten[] = {"OMP_STACKSIZE", "GOMP_STACKSIZE", "KMP_STACKSIZE",
                                             "OMP_PROC_BIND", "OMP_PLACES",     "GOMP_CPU_AFFINITY",
                                             "KMP_AFFINITY"};
  const auto is_forgotten = [&](const std::string_view variable) {
    return std::ranges::any_of(kForgotten,
                               [&](std::string_view name) { return variable.starts_with(name); });
  };
  char** end = environment;
  while (*end != nullptr) ++end;
  *std::remove_if(environment, end, is_forgotten) = nullptr;
}

using Initializer = void (*)(int, char**, char**);
// One by one: an array would stand at a multiple of 16 bytes, behind a hole that is called, too.
// NOLINTBEGIN(*-avoid-non-const-global-variables)
[[gnu::section(".preinit_array"), gnu::used]] Initializer before_libraries = note_hangup;
[[gnu::section(".preinit_array"), gnu::used]] Initializer before_openmp = forget_threads_of_openmp;
// NOLINTEND(*-avoid-non-const-global-variables)

// The signals that terminals, shells and schedulers send to end a program or to warn it of its end.
constexpr int kEndings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGUSR1, SIGUSR2};

bool interrupted() {
  static const bool installed = [] {
    for (const int signal : kEndings) {
      const auto before = std::signal(signal, note_or_die);
      // Shells also let background jobs ignore SIGINT and SIGQUIT, but whoever sends those means
      // them.
      if (signal == SIGHUP && (hangup_was_ignored || before == SIG_IGN)) {
        std::signal(signal, SIG_IGN);
      }
    }
    // A run should go on even if nobody reads its progress any more.
    std::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  return installed && stop_wanted != 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool has_stacks = have_stacks();
  return_large_memory();
  compute_by_ieee_754();
  const std::vector<std::string> args(argv + 1, argv + argc);
  hold_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // what is too large is an error of write(), with a message
  const bool on_terminal = isatty(STDOUT_FILENO) != 0;
  const std::size_t columns = terminal_columns();
  const bool out_colors = shows_colors(STDOUT_FILENO);
  DescriptorBuffer buffer(keep_standard_output());
  std::ostream out(&buffer);
  if (on_terminal) out << std::unitbuf;  // so that output is visible at once
  const mvsgd::sim::Streams streams{.out = out,
                                    .err = std::cerr,
                                    .columns = columns,
                                    .out_colors = out_colors,
                                    .err_colors = shows_colors(STDERR_FILENO)};
  if (!has_stacks) {
    std::cerr << "mvsgd: the limit of the stack (ulimit -s) is below the 128 KiB that it takes\n";
    return static_cast<int>(mvsgd::sim::Exit::bad_input);
  }
  return static_cast<int>(mvsgd::sim::run_command(args, streams, {}, interrupted));
}
