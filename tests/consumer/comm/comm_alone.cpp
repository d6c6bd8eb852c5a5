// A message from a worker to the server, through an installed library.
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "comm/inproc/inproc.hpp"

using namespace mvsgd::comm;

int main() {
  constexpr std::uint32_t kServer = 1;
  constexpr std::uint32_t kRound = 1;
  constexpr std::uint64_t kValue = 0b1011001;
  constexpr unsigned kWidth = 7;
  InprocGroup group(1);

  MessageWriter writer(
      {.kind = Kind::vote, .sender = 0, .round = kRound, .dimension = 9, .count = 1});
  writer.field(Field::positions).put(kValue, kWidth);
  group.end(0).send(kServer, std::move(writer).finish());

  Incoming message = group.end(kServer).receive(0, Kind::vote, kRound);
  const bool same = message.field(Field::positions).get(kWidth) == kValue;
  message.close();
  return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
