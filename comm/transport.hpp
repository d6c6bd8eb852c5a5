// Transport: moves messages between the workers and the server, and from worker to worker, and
// counts them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "comm/ledger.hpp"
#include "comm/message.hpp"

namespace mvsgd::comm {

/// A peer has gone, is late or has failed. what() names the ranks, and the deadline or the peer's
/// reason. The group is unusable afterwards.
class TransportError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What an error calls a rank of N workers and a server: "worker 2", "the server".
[[nodiscard]] std::string rank_name(std::uint32_t rank, std::uint32_t workers);

class Transport;

/// A message that has arrived. It keeps its bytes: read its fields, then close() it.
class Incoming {
 public:
  [[nodiscard]] const Header& header() const { return reader_.header(); }
  [[nodiscard]] BitReader& field(Field field) { return reader_.field(field); }
  /// Who has sent it: "worker 2", "the server".
  [[nodiscard]] std::string sender() const;

  /// Ends the decoding and gives the count to the ledger. Throws DecodeError if anything but
  /// padding is left.
  void close();

 private:
  friend class Transport;
  Incoming(std::shared_ptr<const std::vector<std::byte>> bytes, std::uint32_t worker,
           Direction direction, Ledger& ledger);

  [[nodiscard]] MessageId id() const;

  std::shared_ptr<const std::vector<std::byte>> bytes_;
  MessageReader reader_;
  std::uint32_t worker_;
  Direction direction_;
  Ledger* ledger_;
};

/// Sees every message as it is sent, for --dump-wire. Gets the receiver's rank and the message, on
/// the sender's thread.
using WireObserver = std::function<void(std::uint32_t to, const Message& message)>;

/// What the server knows of a round that every worker has reported.
struct ClosedRound {
  std::vector<LedgerRow> rows;                  ///< in order of (worker, direction, kind, field)
  std::vector<std::vector<std::byte>> reports;  ///< by worker
};

/// The two kinds of traffic between two ends. Within one kind, bytes arrive whole and in the order
/// sent. Between the two kinds there is no order.
enum class Channel : std::uint8_t {
  messages,  ///< the protocol, every bit of it in the ledger
  control,   ///< everything else
};

/// One end of a star. The server is rank N, workers are ranks 0..N-1, and messages go between the
/// server and a worker; those of the kinds that go across (goes_across()) from one worker to
/// another instead. Control messages go between the server and a worker alone. Each end counts in a
/// ledger of its own.
///
/// An end is used by one thread at a time.
class Transport {
 public:
  Transport(std::uint32_t rank, std::uint32_t workers, Ledger& ledger, WireObserver observer);
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  [[nodiscard]] std::uint32_t rank() const { return rank_; }
  [[nodiscard]] std::uint32_t workers() const { return workers_; }
  [[nodiscard]] std::uint32_t server() const { return workers_; }
  /// What an error calls a rank.
  [[nodiscard]] std::string name_of(std::uint32_t rank) const { return rank_name(rank, workers_); }

  /// Counts and sends. Throws std::invalid_argument if the header's sender is not this rank or
  /// `to` is no peer for this kind; TransportError if the group has failed.
  void send(std::uint32_t to, const Message& message);

  /// The next message from `from`. Throws TransportError at the deadline or when the group has
  /// failed. Throws DecodeError if its header is not ours, or has another sender, `kind` or
  /// `round`.
  [[nodiscard]] Incoming receive(std::uint32_t from, Kind kind, std::uint32_t round);

  /// Sends bytes that are not part of the protocol and in no ledger. `what` is their name for the
  /// receiver, of at most 255 characters. Throws std::invalid_argument if `to` is not a peer,
  /// TransportError if the group has failed.
  void send_control(std::uint32_t to, std::string_view what, std::span<const std::byte> bytes);

  /// The next control message from `from`. Throws as receive() does, and DecodeError if its name is
  /// not `what`.
  [[nodiscard]] std::vector<std::byte> receive_control(std::uint32_t from, std::string_view what);

  /// For a worker that has sent and decoded every message of `round`. Sends the server this end's
  /// counts of the round, and `report`.
  void report_round(std::uint32_t round, std::span<const std::byte> report);

  /// For the server. Waits until each worker has reported `round`, and closes the round in its
  /// ledger. Throws LedgerError as Ledger does, and as receive_control() does.
  [[nodiscard]] ClosedRound close_round(std::uint32_t round);

  /// The bits of the control messages that this end has sent and received, names included.
  [[nodiscard]] const ByDirection<Bits>& control_bits() const { return control_bits_; }

 private:
  virtual void send_bytes(Channel channel, std::uint32_t to,
                          std::shared_ptr<const std::vector<std::byte>> bytes) = 0;
  /// `awaited` says in words what is awaited, for an error's what().
  virtual std::shared_ptr<const std::vector<std::byte>> receive_bytes(
      Channel channel, std::uint32_t from, const std::string& awaited) = 0;

  void check_peer(std::uint32_t peer) const;
  void check_peer(std::uint32_t peer, Kind kind) const;
  [[nodiscard]] Direction direction_to(std::uint32_t peer) const;

  std::uint32_t rank_;
  std::uint32_t workers_;
  Ledger* ledger_;
  WireObserver observer_;
  ByDirection<Bits> control_bits_;
};

}  // namespace mvsgd::comm
