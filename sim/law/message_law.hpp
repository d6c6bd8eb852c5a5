// What the law says of the messages of a round.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comm/ledger.hpp"
#include "sim/law/law.hpp"
#include "sim/law/round_sizes.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// A worker, and its place among those that take part, at which RoundSizes has its changes.
struct Peer {
  std::uint32_t worker = 0;
  std::size_t place = 0;
};

/// The worker's place among those that take part, in increasing order; none if it does not.
[[nodiscard]] std::optional<std::size_t> place_among(std::span<const std::uint32_t> taking,
                                                     std::uint32_t worker);

/// Whether a worker sends or receives the message.
[[nodiscard]] bool has(const MessageShape& shape, bool takes_part);

/// Whether all workers receive the same message.
[[nodiscard]] bool is_for_all(comm::Kind kind);

/// Whether one worker's message has another length than the next one's.
[[nodiscard]] bool differs_by_worker(const MessageShape& shape);

/// The field of the positions or values that a message is about.
[[nodiscard]] comm::Field content_field(const MessageShape& shape);

/// The key of a message's size. One entry holds that of a message for all workers.
[[nodiscard]] std::pair<comm::Kind, std::uint32_t> known_under(comm::Kind kind,
                                                               std::uint32_t worker);

/// The bits of each message of a round. A function throws CheckFailed, naming round and message, if
/// what it is given is nothing that a run of these settings has.
class MessageLaw {
 public:
  /// As Audit.
  MessageLaw(const LawConstants& law, const Settings& settings, const Layers& layers,
             std::uint64_t buffers);

  [[nodiscard]] const Settings& settings() const { return settings_; }

  /// The messages of a round; with each K held against the law's.
  [[nodiscard]] RoundShape shape_of(const Round& round) const;
  /// The workers that take part in a round, as many as the law has.
  [[nodiscard]] std::vector<std::uint32_t> participants_of(const Round& round) const;
  /// The workers that send or receive the message.
  [[nodiscard]] std::vector<Peer> peers_of(const MessageShape& shape, const Round& round) const;
  /// Compares the sizes that the run has decided with their ends.
  void check_sizes(const Round& round, const RoundSizes& sizes) const;

  /// All fields of one message.
  [[nodiscard]] comm::FieldBits message(const MessageShape& shape, const Round& round, Peer peer,
                                        const RoundSizes& sizes) const;
  /// The bits of a value that is not coded by entropy.
  [[nodiscard]] std::uint64_t bits_of_value(const MessageShape& shape) const;
  /// How many positions a list of so many bits has: the largest number whose law does not exceed
  /// them. If no number has exactly these bits, the list is compared with the next lower number,
  /// and the difference is reported.
  [[nodiscard]] std::uint32_t count_of(const MessageShape& shape, comm::Bits bits) const;

  /// Whether no number that is known without the message's content gives its length.
  [[nodiscard]] bool depends_on_content(const MessageShape& shape) const;
  /// Of such a message: all that does not depend on the content. Beside header and level means, of
  /// a list the counts of its layers, if they are counted.
  [[nodiscard]] comm::FieldBits least(const MessageShape& shape) const;
  /// The most bits that its positions or values can have, if the settings alone tell them.
  [[nodiscard]] std::optional<comm::Bits> most_coded(const MessageShape& shape) const;
  /// Compares with these the bits of the positions or values of `messages` of them.
  void check_most(const MessageShape& shape, const Round& round, comm::Bits bits,
                  std::uint64_t messages) const;

 private:
  void check_layers(const Round& round, const Dimensions& of_round) const;
  [[nodiscard]] std::uint64_t senders_of(const Round& round) const;
  [[nodiscard]] comm::Bits positions(const MessageShape& shape, const Round& round, Peer peer,
                                     const RoundSizes& sizes) const;
  /// The bits that a decoded message had, in a code whose length depends on what it codes.
  [[nodiscard]] comm::Bits coded(const MessageShape& shape, const Round& round,
                                 std::uint32_t worker, const RoundSizes& sizes) const;
  /// The law of k positions; none where the length depends on the set.
  [[nodiscard]] std::optional<comm::Bits> position_law_of(const MessageShape& shape,
                                                          std::uint64_t k) const;
  /// The same for a list that is sent whole.
  [[nodiscard]] std::optional<comm::Bits> whole_law_of(const MessageShape& shape,
                                                       std::uint64_t k) const;

  LawConstants law_;
  Settings settings_;
  Layers layers_;
  Dimensions dimensions_;
};

}  // namespace mvsgd::sim
