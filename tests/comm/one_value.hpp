// Messages of one value, with which transports and groups are tried.
#pragma once

#include <cstdint>
#include <utility>

#include "comm/message.hpp"
#include "comm/transport.hpp"

namespace mvsgd::comm {

inline Message message(Kind kind, std::uint32_t sender, std::uint32_t round, std::uint64_t value) {
  MessageWriter writer({.kind = kind, .sender = sender, .round = round});
  writer.field(Field::values).put(value, 61);
  return std::move(writer).finish();
}

inline std::uint64_t receive_value(Transport& end, std::uint32_t from, Kind kind,
                                   std::uint32_t round) {
  Incoming incoming = end.receive(from, kind, round);
  const std::uint64_t value = incoming.field(Field::values).get(61);
  incoming.close();
  return value;
}

}  // namespace mvsgd::comm
