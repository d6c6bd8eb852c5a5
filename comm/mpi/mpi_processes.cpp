#include "comm/mpi/mpi_processes.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <utility>

#include "comm/bit_stream.hpp"
#include "comm/mpi/make_mpi.hpp"

namespace mvsgd::comm {
namespace {

/// How long a process that has failed waits for the others, which may be computing.
constexpr std::chrono::seconds kPatienceOfTheFailed{3};
constexpr std::chrono::seconds kPatienceForZero{4};  // which waits for others as long as it does
constexpr std::chrono::seconds kPatienceForTheEnd{10};
// MPICH is closed in haste, too, by all together: a busy machine gives the last one its turn late,
// and who is not there any more when others are costs the run its exit code.
constexpr std::chrono::seconds kPatienceInHaste{5};

constexpr int kOwnTag = 0;
constexpr std::uint32_t kChannels = 2;

int tag_of(std::uint32_t worker, Channel channel) {
  return static_cast<int>(1 + kChannels * worker + static_cast<std::uint32_t>(channel));
}

/// Behind those of the star: of what goes across to a worker.
int tag_across(std::uint32_t to, std::uint32_t workers) {
  return tag_of(workers + to, Channel::messages);
}

bool is_of_messages(int tag) {
  return tag != kOwnTag &&
         tag == tag_of(static_cast<std::uint32_t>(tag - 1) / kChannels, Channel::messages);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::byte> numbers(std::uint32_t a, std::uint32_t b, std::string_view text = {}) {
  BitWriter out;
  out.put(a, 32);
  out.put(b, 32);
  std::vector<std::byte> bytes = out.take();
  const auto rest = bytes_of(text);
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

std::uint32_t number_at(std::span<const std::byte> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(
      BitReader(bytes.subspan(at), Bits::of_bytes(bytes.size() - at)).get(32));
}

// A parting: code, flags, place, text.
constexpr std::uint32_t kOwn = 1;
constexpr std::uint32_t kInHaste = 2;
constexpr std::uint32_t kHasPlace = 4;

// The flags of `ended`.
constexpr std::byte kIsLost{1};
constexpr std::byte kHasBrothers{2};

std::vector<std::byte> bytes_of(const Processes::Parting& parting) {
  const auto place = parting.place.value_or(Processes::Place());
  const std::uint32_t flags = (parting.is_own ? kOwn : 0) | (parting.in_haste ? kInHaste : 0) |
                              (parting.place ? kHasPlace : 0);
  std::vector<std::byte> bytes = numbers(static_cast<std::uint32_t>(parting.code), flags);
  for (const std::byte b : numbers(place.first, place.second, parting.text)) bytes.push_back(b);
  return bytes;
}

Processes::Parting parting_of(std::span<const std::byte> bytes) {
  const std::uint32_t flags = number_at(bytes, 4);
  const Processes::Place place(number_at(bytes, 8), number_at(bytes, 12));
  return {.code = static_cast<int>(number_at(bytes, 0)),
          .is_own = (flags & kOwn) != 0,
          .in_haste = (flags & kInHaste) != 0,
          .place = (flags & kHasPlace) != 0 ? std::optional(place) : std::nullopt,
          .text = text_of(bytes.subspan(16))};
}

/// Who leaves in haste does what process 0 has decided.
bool has_failed_itself(const Processes::Parting& parting) {
  return parting.code != 0 && parting.is_own && !parting.in_haste;
}

/// See Processes::Farewell.
std::vector<std::string> texts_of(std::span<const Processes::Parting> failed) {
  const Processes::Parting* first = nullptr;
  for (const Processes::Parting& one : failed) {
    if (one.place && (first == nullptr || *one.place < *first->place)) first = &one;
  }
  std::vector<std::string> texts;
  for (const Processes::Parting& one : failed) {
    if (!one.text.empty() && (!one.place || &one == first)) texts.push_back(one.text);
  }
  return texts;
}

}  // namespace

/// The ranks that are here, and what of their messages is for others.
class MpiProcesses::MpiGroup final : public Group {
 public:
  MpiGroup(MpiProcesses& processes, std::uint32_t number, std::uint32_t workers,
           std::chrono::milliseconds deadline, const WireObserver& observer)
      : Group(workers),
        processes_(&processes),
        number_(number),
        hub_(workers, deadline, [this](const std::string& failure) {
          if (!is_told_) processes_->group_failed(*this, failure);
        }) {
    const Share share = processes.share(workers);
    for (std::uint32_t n = 0; n < share.count; ++n) ranks_.push_back(share.first + n);
    if (processes.leads()) ranks_.push_back(server());
    for (const std::uint32_t rank : ranks_) {
      ends_.push_back(std::make_unique<End>(*this, rank, observer));
    }
  }
  ~MpiGroup() override {
    const std::lock_guard lock(processes_->mutex_);
    processes_->group_ = nullptr;
  }

  [[nodiscard]] std::span<const std::uint32_t> here() const override { return ranks_; }
  [[nodiscard]] Transport& end(std::uint32_t rank) override {
    const auto found = std::ranges::lower_bound(ranks_, rank);
    if (found == ranks_.end() || *found != rank) {
      throw std::invalid_argument("MpiGroup::end: rank " + std::to_string(rank) + " is not here");
    }
    return *ends_[static_cast<std::size_t>(found - ranks_.begin())];
  }
  void fail(std::uint32_t rank, const std::string& reason) override { hub_.fail(rank, reason); }

  [[nodiscard]] std::uint32_t number() const { return number_; }

  // From the engine's thread.
  void take(int tag, const SharedBytes& bytes) {
    const auto line = static_cast<std::uint32_t>(tag - 1);
    const std::uint32_t worker = line / kChannels;
    if (worker >= workers()) return take_across(worker - workers(), bytes);
    const auto channel = static_cast<Channel>(line % kChannels);
    const bool up = processes_->leads();
    hub_.deliver(channel, up ? worker : server(), up ? server() : worker, bytes);
  }
  void fail_as_told(const std::string& failure) {
    is_told_ = true;
    hub_.fail(failure);
  }

 private:
  class End final : public Transport {
   public:
    End(MpiGroup& group, std::uint32_t rank, WireObserver observer)
        : Transport(rank, group.workers(), ledger_, std::move(observer)), group_(&group) {}

   private:
    void send_bytes(Channel channel, std::uint32_t to, SharedBytes bytes) override {
      group_->send(channel, rank(), to, std::move(bytes));
    }
    SharedBytes receive_bytes(Channel channel, std::uint32_t from,
                              const std::string& awaited) override {
      return group_->hub_.receive(channel, from, rank(), awaited);
    }

    Ledger ledger_;
    MpiGroup* group_;
  };

  /// Which worker of its process has sent it, its header says.
  void take_across(std::uint32_t to, const SharedBytes& bytes) {
    try {
      hub_.deliver(Channel::messages, MessageReader(*bytes).header().sender, to, bytes);
    } catch (const DecodeError& e) {
      fail_as_told(e.what());  // this process's run then ends, and with it all
    }
  }

  /// Before the first message to a process with which this one has made no group: process 0 has let
  /// this one begin, so the other has the same group, but does not know yet that this one has it.
  void greet(std::uint32_t process) {
    if (processes_->leads() || process == 0) return;
    const std::lock_guard lock(greeting_);
    if (!greeted_.insert(process).second) return;
    processes_->post(process, Type::ready, numbers(number_, workers()));
  }

  void send(Channel channel, std::uint32_t from, std::uint32_t to, SharedBytes bytes) {
    hub_.check_that_it_can_send(from);
    if (is_here(to)) {
      hub_.deliver(channel, from, to, std::move(bytes));
      return;
    }
    if (from != server() && to != server()) {
      const std::uint32_t process = process_of(to, processes_->count(), workers());
      greet(process);
      processes_->engine_->post(process, tag_across(to, workers()), std::move(bytes));
      return;
    }
    const bool down = from == server();
    const std::uint32_t worker = down ? to : from;
    processes_->engine_->post(down ? process_of(worker, processes_->count(), workers()) : 0,
                              tag_of(worker, channel), std::move(bytes));
  }

  MpiProcesses* processes_;
  std::uint32_t number_;
  std::vector<std::uint32_t> ranks_;
  std::atomic<bool> is_told_ = false;  ///< a failure comes from elsewhere
  std::mutex greeting_;
  std::set<std::uint32_t> greeted_;  ///< processes, not the first, that know of this group
  Hub hub_;
  std::vector<std::unique_ptr<End>> ends_;
};

MpiProcesses::MpiProcesses(std::size_t chunk) : engine_(std::make_unique<Engine>(chunk)) {
  const World& world = engine_->world();
  others_.resize(world.peers.size());
  for (std::uint32_t p = 0; p < world.peers.size(); ++p) {
    // A process that is not the first has to do with the first alone.
    if (p == world.index || (p != 0 && world.index != 0)) continue;
    if (world.peers[p].host != world.peers[world.index].host) continue;
    // Another with that name may have other numbers.
    if (Watch watch(world.peers[p]); watch.sees_it()) others_[p].watch = std::move(watch);
  }
  engine_->begin({.on_bytes = [this](std::uint32_t from, int tag,
                                     const SharedBytes& bytes) { take(from, tag, bytes); },
                  .comes_again = is_of_messages,
                  .on_error =
                      [this](const std::string& what) {
                        const std::lock_guard lock(mutex_);
                        run_ended(name_of(index()) + ": " + what);
                      },
                  .on_tick =
                      [this] {
                        look_after_others();
                        const std::lock_guard lock(listening_);
                        if (listener_.poll) listener_.poll();
                      }});
}

MpiProcesses::~MpiProcesses() {
  const bool in_order = how_ == Engine::End::in_order;
  const bool has_ended =
      engine_->end(how_, code_, in_order ? kPatienceForTheEnd : kPatienceInHaste);
  // A thread that hangs in the library still uses it: it stays until the program ends.
  if (!has_ended) (void)engine_.release();
}

std::uint32_t MpiProcesses::count() const {
  return static_cast<std::uint32_t>(engine_->world().peers.size());
}

std::string MpiProcesses::name_of(std::uint32_t p) const {
  return "process " + std::to_string(p) + " of " + std::to_string(count()) + " on " +
         engine_->world().peers.at(p).host;
}

std::uint32_t MpiProcesses::on_this_host() const {
  const World& world = engine_->world();
  return static_cast<std::uint32_t>(
      std::ranges::count(world.peers, world.peers[world.index].host, &Peer::host));
}

// A message with tag 0.

void MpiProcesses::post(std::uint32_t to, Type type, std::span<const std::byte> bytes) {
  std::vector<std::byte> all;
  all.reserve(1 + bytes.size());
  all.push_back(static_cast<std::byte>(type));
  all.insert(all.end(), bytes.begin(), bytes.end());
  engine_->post(to, kOwnTag, std::make_shared<const std::vector<std::byte>>(std::move(all)));
}

void MpiProcesses::post_to_others(Type type, std::span<const std::byte> bytes, std::uint32_t but) {
  if (!leads()) return post(0, type, bytes);
  for (std::uint32_t p = 1; p < count(); ++p) {
    if (p != but) post(p, type, bytes);
  }
}

void MpiProcesses::take(std::uint32_t from, int tag, const SharedBytes& bytes) {
  if (tag == kOwnTag) return take_own(from, *bytes);
  const std::lock_guard lock(mutex_);
  // What an earlier group has left is older than its sender's last word.
  if (group_ != nullptr && others_[from].ready == group_->number()) group_->take(tag, bytes);
}

void MpiProcesses::take_own(std::uint32_t from, std::span<const std::byte> bytes) {
  const auto type = static_cast<Type>(bytes[0]);
  const auto rest = bytes.subspan(1);
  if (type == Type::note) return take_note(from, std::to_integer<std::uint8_t>(rest[0]));
  const std::lock_guard lock(mutex_);
  Other& other = others_[from];
  switch (type) {
    case Type::blob:
      other.blobs.emplace_back(rest.begin(), rest.end());
      break;
    case Type::ready:
      other.ready = number_at(rest, 0);
      other.ready_workers = number_at(rest, 4);
      break;
    case Type::failed:
      if (group_ != nullptr && group_->number() == number_at(rest, 0)) {
        note_failure(false);
        group_->fail_as_told(text_of(rest.subspan(4)));
        if (leads()) post_to_others(type, rest, from);
      }
      break;
    case Type::ended:
      if ((rest[0] & kIsLost) != std::byte{0}) is_lost_ = true;
      if ((rest[0] & kHasBrothers) != std::byte{0}) has_brothers_ = true;
      run_ended(text_of(rest.subspan(1)));
      break;
    case Type::farewell:
      other.farewell = parting_of(rest);
      if (other.farewell->place && !has_brothers_) {
        has_brothers_ = true;
        if (end_) tell_of_end();
      }
      if (leads() && has_failed_itself(*other.farewell)) {
        run_ended(name_of(from) + " has ended: " + other.farewell->text);
      }
      break;
    case Type::stop:
      is_asked_to_stop_ = true;
      break;
    case Type::note:
      break;
  }
  changed_.notify_all();
}

void MpiProcesses::take_note(std::uint32_t from, std::uint8_t note) {
  const std::lock_guard lock(listening_);
  if (listener_.on_note) {
    listener_.on_note(from, note);
  } else {
    untold_.emplace_back(from, note);
  }
}

void MpiProcesses::look_after_others() {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t p = 0; p < count(); ++p) {
    Other& other = others_[p];
    if (!other.watch || other.is_gone || other.farewell) continue;
    if (other.watch->sees_it()) continue;
    other.is_gone = true;
    is_lost_ = true;
    std::string what = name_of(p);
    if (workers_ > 0) {
      const Share share = share_of(p, count(), workers_);
      if (share.count > 0) what += share.count > 1 ? " with workers " : " with worker ";
      if (share.count > 0) what += std::to_string(share.first);
      if (share.count > 1) what += " to " + std::to_string(share.first + share.count - 1);
      if (p == 0) what += share.count > 0 ? " and the server" : " with the server";
    }
    run_ended(what + " is gone");
  }
}

void MpiProcesses::run_ended(const std::string& why) {
  changed_.notify_all();
  if (end_) return;
  end_ = why;
  note_failure(false);
  if (group_ != nullptr) group_->fail_as_told(why);
  tell_of_end();
}

void MpiProcesses::tell_of_end() {
  if (!leads()) return;
  std::vector<std::byte> word(1);
  if (is_lost_) word[0] |= kIsLost;
  if (has_brothers_) word[0] |= kHasBrothers;
  const auto text = bytes_of(*end_);
  word.insert(word.end(), text.begin(), text.end());
  post_to_others(Type::ended, word, 0);
}

void MpiProcesses::note_failure(bool is_here) {
  if (!failed_here_) failed_here_ = is_here;
}

void MpiProcesses::group_failed(MpiGroup& group, const std::string& failure) {
  {
    const std::lock_guard lock(mutex_);
    note_failure(true);
  }
  BitWriter out;
  out.put(group.number(), 32);
  std::vector<std::byte> bytes = out.take();
  const auto text = bytes_of(failure);
  bytes.insert(bytes.end(), text.begin(), text.end());
  post_to_others(Type::failed, bytes, 0);
}

template <typename Predicate>
void MpiProcesses::wait_for(std::unique_lock<std::mutex>& lock, std::uint32_t from,
                            std::string_view awaited, std::chrono::milliseconds deadline,
                            const Predicate& is_there) {
  const Other& other = others_.at(from);
  const bool in_time = changed_.wait_for(
      lock, deadline, [&] { return is_there() || end_ || other.farewell || other.is_gone; });
  if (is_there()) return;
  const std::string waited =
      name_of(index()) + " awaited " + std::string(awaited) + " from " + name_of(from) + ": ";
  if (other.farewell) {
    note_failure(false);
    throw TransportError(waited + "it has ended: " + other.farewell->text);
  }
  if (end_) throw TransportError(waited + *end_);
  if (!in_time) {
    throw TransportError(waited + "nothing within " + std::to_string(deadline.count()) + " ms");
  }
}

std::unique_ptr<Group> MpiProcesses::make_group(std::uint32_t workers,
                                                std::chrono::milliseconds deadline,
                                                const WireObserver& observer) {
  if (std::uint64_t{count()} > std::uint64_t{workers} + 1) {
    throw std::invalid_argument("MpiProcesses: " + std::to_string(count()) + " processes for " +
                                std::to_string(workers) + " workers and a server");
  }
  auto group = std::make_unique<MpiGroup>(*this, groups_ + 1, workers, deadline, observer);
  std::unique_lock lock(mutex_);
  const std::uint32_t number = ++groups_;
  group_ = group.get();
  workers_ = workers;
  const auto ready = numbers(number, workers);
  // Unlocked where the group dies: its destructor locks.
  const auto await = [&](std::uint32_t p) {
    try {
      wait_for(lock, p, "a group", deadline, [&] { return others_[p].ready == number; });
    } catch (...) {
      lock.unlock();
      throw;
    }
    if (others_[p].ready_workers == workers) return;
    const std::string theirs = std::to_string(others_[p].ready_workers);
    lock.unlock();
    throw TransportError(name_of(p) + " has a group of " + theirs + " workers, " +
                         name_of(index()) + " one of " + std::to_string(workers));
  };
  if (leads()) {
    for (std::uint32_t p = 1; p < count(); ++p) await(p);
    for (std::uint32_t p = 1; p < count(); ++p) post(p, Type::ready, ready);
  } else {
    post(0, Type::ready, ready);
    await(0);
  }
  return group;
}

void MpiProcesses::send(std::uint32_t to, Blob bytes) {
  check();
  {
    const std::lock_guard lock(mutex_);
    sent_ += Bits::of_bytes(bytes.size());
  }
  post(to, Type::blob, bytes);
}

Processes::Blob MpiProcesses::receive(std::uint32_t from, std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  auto& blobs = others_.at(from).blobs;
  wait_for(lock, from, "bytes", deadline, [&] { return !blobs.empty(); });
  Blob bytes = std::move(blobs.front());
  blobs.pop_front();
  return bytes;
}

void MpiProcesses::check() const {
  const std::lock_guard lock(mutex_);
  if (end_) throw TransportError(*end_);
}

void MpiProcesses::ask_to_stop() {
  if (leads()) {
    is_asked_to_stop_ = true;
  } else {
    post(0, Type::stop, {});
  }
}

void MpiProcesses::tell(std::uint32_t to, std::uint8_t note) {
  const auto byte = static_cast<std::byte>(note);
  post(to, Type::note, {&byte, 1});
}

void MpiProcesses::listen(Listener listener) {
  const std::lock_guard lock(listening_);
  listener_ = std::move(listener);
  if (!listener_.on_note) return;
  for (const auto& [from, note] : std::exchange(untold_, {})) listener_.on_note(from, note);
}

bool MpiProcesses::failed_elsewhere() const {
  const std::lock_guard lock(mutex_);
  return failed_here_ == false;
}

Bits MpiProcesses::bits_sent() const {
  const std::lock_guard lock(mutex_);
  return sent_;
}

bool MpiProcesses::await_farewells(std::unique_lock<std::mutex>& lock,
                                   std::chrono::milliseconds patience,
                                   std::chrono::milliseconds with_brothers) {
  const auto those = leads() ? std::span(others_).subspan(1) : std::span(others_).first(1);
  const auto are_settled = [&] {
    return std::ranges::all_of(those,
                               [](const Other& other) { return other.farewell || other.is_gone; });
  };
  const auto begun = std::chrono::steady_clock::now();
  const auto end = [&] { return begun + (has_brothers_ ? with_brothers : patience); };
  while (!are_settled() && std::chrono::steady_clock::now() < end()) {
    (void)changed_.wait_until(lock, end());
  }
  return std::ranges::all_of(those, [](const Other& other) { return other.farewell.has_value(); });
}

Processes::Farewell MpiProcesses::leave(const Parting& parting,
                                        std::chrono::milliseconds patience) {
  listen({});
  Farewell farewell{.code = parting.code, .texts = {}};
  bool answered = true;
  bool in_haste = parting.in_haste;
  {
    std::unique_lock lock(mutex_);
    if (parting.place) has_brothers_ = true;
    const auto whole = patience;
    if (parting.code != 0) patience = leads() ? kPatienceOfTheFailed : kPatienceForZero;
    if (leads()) {
      // Who waits for this process must know; who has failed says so itself.
      if (parting.code != 0) {
        const std::string why = parting.in_haste ? "the run is interrupted" : parting.text;
        run_ended(name_of(0) + " has ended: " + why);
      }
      answered = await_farewells(lock, patience, whole);
      std::vector<Parting> failed;
      if (has_failed_itself(parting)) failed.push_back(parting);
      for (const Other& other : others_) {
        if (other.farewell && has_failed_itself(*other.farewell)) failed.push_back(*other.farewell);
      }
      if (!failed.empty()) farewell.code = failed.front().code;
      farewell.texts = texts_of(failed);
      const Parting word{
          .code = farewell.code, .is_own = false, .in_haste = parting.in_haste, .text = {}};
      for (std::uint32_t p = 1; p < count(); ++p) post(p, Type::farewell, bytes_of(word));
    } else {
      post(0, Type::farewell, bytes_of(parting));
      answered = await_farewells(lock, patience, whole);
      farewell.reached_zero = others_[0].farewell.has_value();
      if (farewell.reached_zero) {
        farewell.code = others_[0].farewell->code;
        in_haste = in_haste || others_[0].farewell->in_haste;
      }
    }
  }
  how_ = answered ? Engine::End::in_order : Engine::End::of_all;
  if (in_haste) how_ = Engine::End::at_once;
  if (farewell.code != 0) code_ = farewell.code;
  return farewell;
}

TransportEntry mpi_entry() {
  return {.name = "mpi",
          .describe = describe_mpi,
          .open = []() -> std::unique_ptr<Processes> { return std::make_unique<MpiProcesses>(); },
          .launched = launched_processes};
}

}  // namespace mvsgd::comm
