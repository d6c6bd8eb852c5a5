#include "comm/transport.hpp"

#include <string>
#include <utility>

namespace mvsgd::comm {

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
  check_peer(to);
  if (message.header.sender != rank_ || message.bytes == nullptr) {
    throw std::invalid_argument(
        "Transport::send: rank " + std::to_string(rank_) + " was given a message of sender " +
        std::to_string(message.header.sender) + (message.bytes == nullptr ? " without bytes" : ""));
  }
  const bool up = to == server();
  ledger_->sent({.round = message.header.round,
                 .worker = up ? rank_ : to,
                 .direction = up ? Direction::up : Direction::down,
                 .kind = message.header.kind},
                message.fields);
  if (observer_) observer_(to, message);
  send_bytes(to, message.bytes);
}

Incoming Transport::receive(std::uint32_t from, Kind kind, std::uint32_t round) {
  check_peer(from);
  const std::string awaited = std::string(name(kind)) + " of round " + std::to_string(round);
  const bool up = rank_ == server();
  Incoming message(receive_bytes(from, awaited), up ? from : rank_,
                   up ? Direction::up : Direction::down, *ledger_);
  const Header& header = message.header();
  if (header.sender != from || header.kind != kind || header.round != round) {
    throw DecodeError("rank " + std::to_string(rank_) + " awaited " + awaited + " from rank " +
                      std::to_string(from) + ", got " + std::string(name(header.kind)) +
                      " of round " + std::to_string(header.round) + " of sender " +
                      std::to_string(header.sender));
  }
  ledger_->moved(message.id(), message.bytes_->size());
  return message;
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
