#include "comm/mpi/engine.hpp"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "comm/mpi/bells.hpp"
#include "comm/mpi/buffers.hpp"
#include "comm/mpi/pace.hpp"
#include "comm/mpi/sockets.hpp"
#include "comm/transport.hpp"

namespace mvsgd::comm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kHaste{200};
/// For how long memory waits for the next message.
constexpr std::chrono::milliseconds kKept{1000};
/// From so many bytes on the sender may wait for the receiver: both MPIs' limits are above.
constexpr std::size_t kAwaited = 4000;

std::string text_of(int error) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(error, text.data(), &length);
  return {text.data(), static_cast<std::size_t>(length)};
}

void check(int error, const char* call) {
  if (error == MPI_SUCCESS) return;
  throw TransportError(std::string(call) + ": " + text_of(error));
}

/// What a launcher has put into the environment; 0 without.
std::uint32_t number_in_environment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? 0 : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

std::string library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  std::string all(text.data(), static_cast<std::size_t>(length));
  // "Open MPI v4.1.4, package: ..." or, in lines of names and values, "MPICH Version:\t4.0.2\n...".
  all.resize(std::min(all.find_first_of(",\n"), all.size()));
  if (const std::size_t at = all.find(" Version:"); at != std::string::npos) {
    all.erase(at, all.find_first_not_of(" \t", at + 9) - at - 1);
    all[at] = ' ';
  }
  return all;
}

/// Its launcher leaves the time to close the library after a signal, and kills whoever still runs
/// when another has ended without. Open MPI's kills all a second later.
bool is_mpich() { return library().starts_with("MPICH"); }

World start_mpi() {
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED) {
    throw TransportError(library() + " refuses to be called from another than the main thread");
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  int index = 0;
  int count = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &index);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  // A launcher that it does not know, as SLURM's, it must not refuse: only one whose processes have
  // not found each other.
  if (const std::uint32_t launched = launched_processes(); launched > 1 && count == 1) {
    throw TransportError(
        "the launcher has started " + std::to_string(launched) + " processes and " + library() +
        " knows of " + std::to_string(count) +
        ": it is the launcher of another MPI than the program was built with, or of "
        "SLURM with another --mpi");
  }
  struct Card {
    std::array<char, 256> host{};
    std::int64_t pid = 0;
    std::uint64_t start = 0;
  };
  const Peer here = this_process();
  Card own{.host = {}, .pid = here.pid, .start = here.start};
  here.host.copy(own.host.data(), own.host.size() - 1);
  std::vector<Card> cards(static_cast<std::size_t>(count));
  check(
      MPI_Allgather(&own, sizeof own, MPI_BYTE, cards.data(), sizeof own, MPI_BYTE, MPI_COMM_WORLD),
      "MPI_Allgather");
  World world{.index = static_cast<std::uint32_t>(index), .peers = {}};
  for (const Card& card : cards) {
    world.peers.push_back({.host = card.host.data(), .pid = card.pid, .start = card.start});
  }
  return world;
}

}  // namespace

/// What is on its way.
class Engine::Traffic {
 public:
  Traffic(std::size_t chunk, std::size_t peers, const Callbacks& callbacks, const Bells& bells)
      : chunk_(chunk), callbacks_(&callbacks), bells_(&bells), others_(peers) {
    check(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  }

  void add(Posted posted) {
    Other& to = others_.at(posted.to);
    to.posted.push_back({std::move(posted), 0});
    ++unsent_;
  }

  void tick(Clock::time_point now) { buffers_->forget(now - kKept); }

  [[nodiscard]] Pace::Load load() const {
    return {.is_sending = unsent_ > 0 || !requests_.empty(), .is_receiving = receiving_ > 0};
  }

  /// Whether a message has come since the last call from a process that does not ring.
  [[nodiscard]] bool take_from_far() { return std::exchange(from_far_, false); }

  /// Whether anything has moved.
  bool move() {
    const bool sent = finish_sends();
    const bool sending = begin_sends();
    const bool begun = begin_receives();
    const bool received = finish_receives();
    ring();
    return sent || sending || begun || received;
  }

 private:
  struct Send {
    Posted posted;
    std::size_t at;  // the first byte that no message has yet
  };
  struct Held {
    std::uint32_t to;
    SharedBytes bytes;
  };
  struct Receive {
    MPI_Request request = MPI_REQUEST_NULL;
    std::vector<std::byte> bytes;
    int tag = 0;
  };
  struct Other {
    std::deque<Send> posted;
    std::size_t sending = 0;                    // messages of MPI, kWindow at most
    bool has_to_look = false;                   // it waits for what was received here
    std::deque<Receive> receives;               // in order of matching, which is that of sending
    std::map<int, std::vector<std::byte>> cut;  // by tag: the chunks so far
  };

  /// Each call looks at all requests, so they are few: whatever is posted, and to however few.
  static constexpr std::size_t kWindow = 16;

  /// Who has something to take, or waits for this process to have taken it. As long as anything is
  /// on its way at each look, since not all of it need have gone at once.
  void ring() {
    for (std::uint32_t p = 0; p < others_.size(); ++p) {
      if (others_[p].has_to_look || others_[p].sending > 0) bells_->ring(p);
      others_[p].has_to_look = false;
    }
  }

  bool begin_sends() {
    if (unsent_ == 0) return false;
    bool begun = false;
    for (Other& other : others_) {
      while (!other.posted.empty() && other.sending < kWindow) {
        begin_send(other);
        begun = true;
      }
    }
    return begun;
  }

  void begin_send(Other& other) {
    Send& first = other.posted.front();
    const Posted next = first.posted;
    const std::size_t at = first.at;
    const std::size_t part = std::min(chunk_, next.bytes->size() - at);
    first.at += part;
    if (part < chunk_) {
      other.posted.pop_front();
      --unsent_;
    }
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Isend(next.bytes->data() + at, static_cast<int>(part), MPI_BYTE,
                    static_cast<int>(next.to), next.tag, comm_, &request),
          "MPI_Isend");
    requests_.push_back(request);
    held_.push_back({next.to, next.bytes});
    ++other.sending;
  }

  bool finish_sends() {
    if (requests_.empty()) return false;
    int finished = 0;
    indices_.resize(requests_.size());
    check(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &finished,
                       indices_.data(), MPI_STATUSES_IGNORE),
          "MPI_Testsome");
    if (finished == 0 || finished == MPI_UNDEFINED) return false;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (requests_[i] == MPI_REQUEST_NULL) {
        --others_[held_[i].to].sending;
        continue;
      }
      if (kept < i) {
        requests_[kept] = requests_[i];
        held_[kept] = std::move(held_[i]);
      }
      ++kept;
    }
    requests_.resize(kept);
    held_.resize(kept);
    return true;
  }

  // Each call that finds nothing makes progress, and where a host has more processes than slots
  // Open MPI gives the core away in it: hence any source, not one after another. The order of
  // messages from several is no matter: each queue of the hub has one sender.
  bool begin_receives() {
    bool begun = false;
    while (begin_receive()) begun = true;
    return begun;
  }

  bool begin_receive() {
    int is_there = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    // Open MPI first looks at what it has, then fetches what has come: for the second look.
    for (int look = 0; look < 2 && is_there == 0; ++look) {
      check(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &is_there, &message, &status),
            "MPI_Improbe");
    }
    if (is_there == 0) return false;
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    if (!bells_->reaches(static_cast<std::uint32_t>(status.MPI_SOURCE))) from_far_ = true;
    auto& receives = others_[static_cast<std::size_t>(status.MPI_SOURCE)].receives;
    Receive& receive = receives.emplace_back();
    ++receiving_;
    receive.tag = status.MPI_TAG;
    receive.bytes = memory_for(receive.tag, static_cast<std::size_t>(size));
    check(MPI_Imrecv(receive.bytes.data(), size, MPI_BYTE, &message, &receive.request),
          "MPI_Imrecv");
    return true;
  }

  bool finish_receives() {
    bool finished = false;
    for (std::size_t from = 0; from < others_.size(); ++from) {
      Other& other = others_[from];
      while (!other.receives.empty()) {
        Receive& first = other.receives.front();
        int is_whole = 0;
        check(MPI_Test(&first.request, &is_whole, MPI_STATUS_IGNORE), "MPI_Test");
        if (is_whole == 0) {
          other.has_to_look = true;  // its calls, too, move what this process awaits
          break;
        }
        Receive received = std::move(first);
        other.receives.pop_front();
        --receiving_;
        finished = true;
        if (received.bytes.size() > kAwaited) other.has_to_look = true;
        take(static_cast<std::uint32_t>(from), other, std::move(received));
      }
    }
    return finished;
  }

  // What does not come again would be kept for nothing, as all workers' parts of a pause.
  [[nodiscard]] Buffers::Bytes memory_for(int tag, std::size_t size) {
    return callbacks_->comes_again(tag) ? buffers_->take(size) : Buffers::Bytes(size);
  }
  void give_back(Receive& received) {
    if (callbacks_->comes_again(received.tag)) buffers_->put(std::move(received.bytes));
  }
  [[nodiscard]] SharedBytes share(Receive& received) {
    if (callbacks_->comes_again(received.tag)) return buffers_->share(std::move(received.bytes));
    return std::make_shared<const Buffers::Bytes>(std::move(received.bytes));
  }

  void take(std::uint32_t from, Other& other, Receive received) {
    const auto cut = other.cut.find(received.tag);
    if (received.bytes.size() == chunk_) {
      auto& bytes = other.cut[received.tag];
      bytes.insert(bytes.end(), received.bytes.begin(), received.bytes.end());
      give_back(received);
      return;
    }
    if (cut != other.cut.end()) {
      cut->second.insert(cut->second.end(), received.bytes.begin(), received.bytes.end());
      give_back(received);
      const auto whole = std::make_shared<const std::vector<std::byte>>(std::move(cut->second));
      other.cut.erase(cut);
      callbacks_->on_bytes(from, received.tag, whole);
      return;
    }
    callbacks_->on_bytes(from, received.tag, share(received));
  }

  std::size_t chunk_;
  const Callbacks* callbacks_;
  const Bells* bells_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  std::vector<Other> others_;
  std::shared_ptr<Buffers> buffers_ = std::make_shared<Buffers>();
  std::vector<MPI_Request> requests_;  // of sends
  std::vector<Held> held_;             // what each of them sends
  std::vector<int> indices_;
  std::size_t unsent_ = 0;     // posted, and not all in messages yet
  std::size_t receiving_ = 0;  // messages
  bool from_far_ = false;
};

/// When traffic is looked at, and the sleep between: until this process's bell is rung, which those
/// of its host do, and sockets for the others.
class Engine::Lookout {
 public:
  /// Without sockets where all ring.
  Lookout(Traffic& traffic, const Bells& bells, Sockets* sockets, Clock::time_point now)
      : traffic_(&traffic), bells_(&bells), sockets_(sockets), pace_(bells.reach_all(), now) {
    find_sockets(now);
  }

  /// If it is time, with the bell at `heard`. Whether anything has moved.
  bool look(std::uint32_t heard) {
    if (!pace_.looks(Clock::now(), heard, traffic_->load())) return false;
    const Sockets::News news = sockets_ == nullptr ? Sockets::News() : sockets_->news();
    const bool has_moved = traffic_->move();
    const Clock::time_point now = Clock::now();
    pace_.learn(now, {.told = news.bytes, .from_far = traffic_->take_from_far()});
    if (news.connection) pace_.doubt(now);
    return has_moved;
  }

  /// Again and again: MPI connects when there is something to send.
  void find_sockets(Clock::time_point now) {
    if (sockets_ != nullptr && sockets_->find()) pace_.doubt(now);
  }

  void sleep(Clock::time_point now, std::uint32_t heard, bool has_moved) {
    const Pace::Microseconds pause = pace_.sleep(now, has_moved, traffic_->load());
    if (sockets_ != nullptr && pause >= Pace::kLongest) sockets_->arm();
    if (!has_moved) pace_.wake(bells_->wait(heard, pause));
  }

 private:
  Traffic* traffic_;
  const Bells* bells_;
  Sockets* sockets_;
  Pace pace_;
};

Engine::Engine(std::size_t chunk) : chunk_(chunk) {
  std::future<World> world = started_.get_future();
  thread_ = std::thread([this] { run(); });
  try {
    world_ = world.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

Engine::~Engine() {
  if (thread_.joinable()) (void)end(End::at_once, 0, 2 * kHaste);
}

void Engine::begin(Callbacks callbacks) {
  const std::lock_guard lock(mutex_);
  callbacks_ = std::move(callbacks);
  begun_ = true;
  changed_.notify_one();
}

void Engine::post(std::uint32_t to, int tag, SharedBytes bytes) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  outbox_.push_back({to, tag, std::move(bytes)});
  bells_->ring_own();
}

bool Engine::end(End how, int code, std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return true;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    how_ = how;
    code_ = code;
    changed_.notify_one();
    bells_->ring_own();
  }
  if (has_left_.wait_for(patience) == std::future_status::ready) {
    thread_.join();
    return true;
  }
  thread_.detach();
  return false;
}

void Engine::run() {
  World world;
  std::optional<Sockets> sockets;
  try {
    world = start_mpi();
    bells_ = std::make_unique<Bells>();
    if (!bells_->reach_all()) sockets.emplace([this] { bells_->ring_own(); });
  } catch (...) {
    started_.set_exception(std::current_exception());
    left_.set_value();
    return;
  }
  const std::size_t peers = world.peers.size();
  started_.set_value(std::move(world));
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return begun_ || ended_; });
  }
  Traffic traffic(chunk_, peers, callbacks_, *bells_);
  move_until_the_end(traffic, sockets ? &*sockets : nullptr);
  sockets.reset();
  if (how_ == End::in_order || (how_ == End::at_once && is_mpich())) {
    bells_->close();
    MPI_Finalize();
  }
  if (how_ == End::of_all) MPI_Abort(MPI_COMM_WORLD, code_);
  left_.set_value();
}

void Engine::move_until_the_end(Traffic& traffic, Sockets* sockets) {
  Clock::time_point tick = Clock::now();
  Lookout lookout(traffic, *bells_, sockets, tick);
  std::optional<Clock::time_point> end;
  std::deque<Posted> posted;
  while (true) {
    const std::uint32_t heard = bells_->heard();
    bool has_moved = false;
    {
      const std::lock_guard lock(mutex_);
      std::swap(posted, outbox_);
      if (ended_ && !end) end = Clock::now() + kHaste;
    }
    try {
      for (Posted& one : posted) traffic.add(std::move(one));
      has_moved = lookout.look(heard);
    } catch (const TransportError& e) {
      callbacks_.on_error(e.what());
    }
    posted.clear();
    const Clock::time_point now = Clock::now();
    if (end && (!traffic.load().is_sending || (how_ != End::in_order && now > *end))) return;
    if (now - tick > Pace::kTick) {
      if (callbacks_.on_tick) callbacks_.on_tick();
      traffic.tick(now);
      lookout.find_sockets(now);
      tick = now;
    }
    lookout.sleep(now, heard, has_moved);
  }
}

std::string describe_mpi() {
  int version = 0;
  int subversion = 0;
  MPI_Get_version(&version, &subversion);
  return library() + ", MPI " + std::to_string(version) + "." + std::to_string(subversion) +
         ", one thread a process calls it (MPI_THREAD_FUNNELED)";
}

std::uint32_t launched_processes() {
  // Under an mpirun within a job of SLURM the last one is how many daemons that has started.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (const std::uint32_t count = number_in_environment(name); count > 0) return count;
  }
  return 1;
}

}  // namespace mvsgd::comm
