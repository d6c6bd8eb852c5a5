// What crosses in a short run, decoded. Private to verify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/message.hpp"
#include "compress/select/index.hpp"
#include "sim/round/protocol.hpp"

namespace mvsgd::sim {

/// Decodes each message by its header and by the worker's earlier messages, and encodes it again.
class RecordedWire {
 public:
  /// `by_layer`: the protocol of a run whose lists are by layer, else none.
  explicit RecordedWire(std::optional<Protocol> by_layer) : by_layer_(std::move(by_layer)) {}

  /// May be called by several threads. Throws comm::MessageError if a message cannot be decoded.
  void add(std::uint32_t to, const comm::Message& message);

  /// The list of a message, or its values; throws std::out_of_range if there was no such message.
  [[nodiscard]] const std::vector<compress::Index>& positions(std::uint32_t round, comm::Kind kind,
                                                              std::uint32_t worker) const {
    return positions_.at({round, kind, worker});
  }
  [[nodiscard]] const std::vector<float>& values(std::uint32_t round, comm::Kind kind,
                                                 std::uint32_t worker) const {
    return values_.at({round, kind, worker});
  }
  [[nodiscard]] bool has(std::uint32_t round, comm::Kind kind, std::uint32_t worker) const {
    return positions_.contains({round, kind, worker});
  }

  [[nodiscard]] std::size_t messages() const { return messages_; }
  [[nodiscard]] bool identical() const { return identical_; }  ///< encoding again gives the same
  [[nodiscard]] bool counted() const { return counted_; }      ///< sent = decoded = moved, by field

 private:
  using Key = std::tuple<std::uint32_t, comm::Kind, std::uint32_t>;

  std::vector<compress::Index> copy_list(comm::MessageReader& reader, comm::MessageWriter& writer,
                                         std::uint32_t worker);
  std::vector<float> copy_values(comm::MessageReader& reader, comm::MessageWriter& writer,
                                 std::uint32_t worker);
  void follow_vote(comm::Kind kind, std::uint32_t worker,
                   const std::vector<compress::Index>& positions);

  std::optional<Protocol> by_layer_;
  std::mutex mutex_;
  std::size_t messages_ = 0;
  bool identical_ = true;
  bool counted_ = true;
  std::map<Key, std::vector<compress::Index>> positions_;
  std::map<Key, std::vector<float>> values_;
  std::map<std::uint32_t, std::vector<compress::Index>> votes_;  ///< each worker's last vote
  std::map<std::uint32_t, std::vector<compress::Index>> masks_;  ///< the last mask each has got
  std::map<std::uint32_t, std::vector<compress::Index>> added_;
};

}  // namespace mvsgd::sim
