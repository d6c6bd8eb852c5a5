// Fuzzes MessageReader: any bytes are refused, or are what MessageWriter makes of what was read.
//
// Input: byte 0 is the number of bits of the message's body that are read; the rest is the message.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "comm/message.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::BitWriter;
using mvsgd::comm::DecodeError;
using mvsgd::comm::Field;
using mvsgd::comm::FieldBits;
using mvsgd::comm::kHeaderBits;
using mvsgd::comm::Message;
using mvsgd::comm::MessageReader;
using mvsgd::comm::MessageWriter;
using mvsgd::fuzz::check;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size).subspan(1));
  std::optional<Message> again;
  FieldBits fields;
  try {
    MessageReader reader(bytes);
    MessageWriter writer(reader.header());
    BitReader& in = reader.field(Field::positions);
    BitWriter& out = writer.field(Field::positions);
    for (unsigned i = 0; i < data[0]; ++i) out.put(in.get(1), 1);
    fields = reader.finish();
    again = std::move(writer).finish();
  } catch (const DecodeError&) {
    return 0;
  }
  check(std::equal(bytes.begin(), bytes.end(), again->bytes->begin(), again->bytes->end()),
        "a message that is read is the one that is written");
  check(fields == again->fields, "reader and writer count the same bits");
  check(fields.total().count() == 8 * bytes.size(), "every bit is counted");
  check(fields[Field::header] == kHeaderBits, "a header has kHeaderBits");
  return 0;
}
