#include "comm/transport.hpp"

#include <limits>
#include <string>
#include <utility>

namespace mvsgd::comm {
namespace {

constexpr std::string_view kReport = "report of a round";

}  // namespace

std::string rank_name(std::uint32_t rank, std::uint32_t workers) {
  return rank == workers ? "the server" : "worker " + std::to_string(rank);
}

Incoming::Incoming(std::shared_ptr<const std::vector<std::byte>> bytes, std::uint32_t worker,
                   Direction direction, Ledger& ledger)
    : bytes_(std::move(bytes)),
      reader_(*bytes_),
      worker_(worker),
      direction_(direction),
      ledger_(&ledger) {}

MessageId Incoming::id() const {
  return {
      .round = header().round, .worker = worker_, .direction = direction_, .kind = header().kind};
}

std::string Incoming::sender() const {
  return direction_ == Direction::down ? "the server" : rank_name(worker_, worker_ + 1);
}

void Incoming::close() { ledger_->decoded(id(), reader_.finish()); }

Transport::Transport(std::uint32_t rank, std::uint32_t workers, Ledger& ledger,
                     WireObserver observer)
    : rank_(rank), workers_(workers), ledger_(&ledger), observer_(std::move(observer)) {
  if (workers == 0 || rank > workers) {
    throw std::invalid_argument("Transport: rank " + std::to_string(rank) + " among " +
                                std::to_string(workers) + " workers and a server");
  }
}

void Transport::send(std::uint32_t to, const Message& message) {
  check_peer(to, message.header.kind);
  if (message.header.sender != rank_ || message.bytes == nullptr) {
    throw std::invalid_argument(
        "Transport::send: rank " + std::to_string(rank_) + " was given a message of sender " +
        std::to_string(message.header.sender) + (message.bytes == nullptr ? " without bytes" : ""));
  }
  const Direction direction = direction_to(to);
  ledger_->sent({.round = message.header.round,
                 .worker = direction == Direction::down ? to : rank_,
                 .direction = direction,
                 .kind = message.header.kind},
                message.fields);
  if (observer_) observer_(to, message);
  send_bytes(Channel::messages, to, message.bytes);
}

Incoming Transport::receive(std::uint32_t from, Kind kind, std::uint32_t round) {
  check_peer(from, kind);
  const std::string awaited = std::string(name(kind)) + " of round " + std::to_string(round);
  const Direction direction = goes_across(kind)   ? Direction::across
                              : rank_ == server() ? Direction::up
                                                  : Direction::down;
  Incoming message(receive_bytes(Channel::messages, from, awaited),
                   direction == Direction::down ? rank_ : from, direction, *ledger_);
  const Header& header = message.header();
  if (header.sender != from || header.kind != kind || header.round != round) {
    throw DecodeError(name_of(rank_) + " awaited " + awaited + " from " + name_of(from) + ", got " +
                      std::string(name(header.kind)) + " of round " + std::to_string(header.round) +
                      " of sender " + std::to_string(header.sender));
  }
  ledger_->moved(message.id(), message.bytes_->size());
  return message;
}

// A control message is a byte with the length of its name, the name, and the bytes.

void Transport::send_control(std::uint32_t to, std::string_view what,
                             std::span<const std::byte> bytes) {
  check_peer(to);
  if (what.size() > std::numeric_limits<std::uint8_t>::max()) {
    throw std::invalid_argument("Transport::send_control: a name of " +
                                std::to_string(what.size()) + " characters");
  }
  const auto name = std::as_bytes(std::span(what));
  std::vector<std::byte> all{static_cast<std::byte>(name.size())};
  all.insert(all.end(), name.begin(), name.end());
  all.insert(all.end(), bytes.begin(), bytes.end());
  control_bits_[direction_to(to)] += Bits::of_bytes(all.size());
  send_bytes(Channel::control, to, std::make_shared<const std::vector<std::byte>>(std::move(all)));
}

std::vector<std::byte> Transport::receive_control(std::uint32_t from, std::string_view what) {
  check_peer(from);
  const auto all = receive_bytes(Channel::control, from, std::string(what));
  const std::span<const std::byte> bytes(*all);
  if (bytes.empty() || std::to_integer<std::size_t>(bytes[0]) >= bytes.size()) {
    throw DecodeError(name_of(rank_) + " awaited " + std::string(what) + " from " + name_of(from) +
                      ", got no control message");
  }
  const auto name = bytes.subspan(1, std::to_integer<std::size_t>(bytes[0]));
  const std::string_view got(reinterpret_cast<const char*>(name.data()), name.size());
  if (got != what) {
    throw DecodeError(name_of(rank_) + " awaited " + std::string(what) + " from " + name_of(from) +
                      ", got " + std::string(got));
  }
  control_bits_[rank_ == server() ? Direction::up : Direction::down] +=
      Bits::of_bytes(bytes.size());
  const auto rest = bytes.subspan(1 + name.size());
  return {rest.begin(), rest.end()};
}

void Transport::report_round(std::uint32_t round, std::span<const std::byte> report) {
  BitWriter out;
  out.put(round, 32);
  ledger_->hand_over(round, out);
  std::vector<std::byte> bytes = out.take();
  bytes.insert(bytes.end(), report.begin(), report.end());
  send_control(server(), kReport, bytes);
}

ClosedRound Transport::close_round(std::uint32_t round) {
  ClosedRound closed;
  for (std::uint32_t n = 0; n < workers_; ++n) {
    const std::vector<std::byte> bytes = receive_control(n, kReport);
    BitReader in(bytes, Bits::of_bytes(bytes.size()));
    if (const std::uint64_t reported = in.get(32); reported != round) {
      throw DecodeError(name_of(rank_) + " awaited a report of round " + std::to_string(round) +
                        " from " + name_of(n) + ", got one of round " + std::to_string(reported));
    }
    ledger_->take_over(round, n, in);
    const auto report = std::span(bytes).subspan(in.position().bytes_ceil());
    closed.reports.emplace_back(report.begin(), report.end());
  }
  closed.rows = ledger_->close_round(round);
  return closed;
}

Direction Transport::direction_to(std::uint32_t peer) const {
  if (peer == server()) return Direction::up;
  return rank_ == server() ? Direction::down : Direction::across;
}

void Transport::check_peer(std::uint32_t peer, Kind kind) const {
  if (!goes_across(kind)) return check_peer(peer);
  if (rank_ != server() && peer < workers_ && peer != rank_) return;
  throw std::invalid_argument("Transport: " + std::string(name(kind)) +
                              " goes from worker to worker, not from rank " +
                              std::to_string(rank_) + " to rank " + std::to_string(peer) + " of " +
                              std::to_string(workers_) + " workers and a server");
}

void Transport::check_peer(std::uint32_t peer) const {
  const bool is_peer = rank_ == server() ? peer < workers_ : peer == server();
  if (!is_peer) {
    throw std::invalid_argument("Transport: rank " + std::to_string(peer) + " is no peer of rank " +
                                std::to_string(rank_) + " in a star of " +
                                std::to_string(workers_) + " workers");
  }
}

}  // namespace mvsgd::comm
