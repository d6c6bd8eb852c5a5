// Fuzzes the receivers of a round's messages: header, positions by any code, drops as ranks of the
// last vote, masks as their difference from the last one, values, and updates quantised or not. Any
// bytes are refused, or are what a sender of the decoded content would send.
//
// Input, a byte each: the position code, plus 8 for ranks and deltas; q; the scheme; the kind of
// message; phi and phi_ad in hundredths. Then d in two bytes, and the message.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/ledger.hpp"
#include "comm/transport.hpp"
#include "compress/positions/position_codecs.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/protocol.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::comm::Channel;
using mvsgd::comm::DecodeError;
using mvsgd::comm::Kind;
using mvsgd::comm::Ledger;
using mvsgd::comm::Message;
using mvsgd::comm::Transport;
using mvsgd::compress::Index;
using mvsgd::compress::position_codecs;
using mvsgd::fuzz::check;
using mvsgd::sim::Decimal;
using mvsgd::sim::DropCoding;
using mvsgd::sim::encode_positions;
using mvsgd::sim::encode_values;
using mvsgd::sim::Envelope;
using mvsgd::sim::MaskCoding;
using mvsgd::sim::Protocol;
using mvsgd::sim::receive_positions;
using mvsgd::sim::receive_sparse_values;
using mvsgd::sim::receive_values;
using mvsgd::sim::scheme_named;
using mvsgd::sim::Settings;
using mvsgd::sim::ValueCoding;
using mvsgd::sim::VoteCoding;

using Bytes = std::shared_ptr<const std::vector<std::byte>>;

constexpr std::size_t kPrefix = 8;
constexpr std::uint32_t kWorkers = 2;
constexpr std::uint32_t kRound = 7;
constexpr std::size_t kBuffers = 5;

/// An end at which one message has arrived.
class Arrived final : public Transport {
 public:
  Arrived(std::uint32_t rank, Ledger& ledger, Bytes bytes)
      : Transport(rank, kWorkers, ledger, {}), bytes_(std::move(bytes)) {}

 private:
  void send_bytes(Channel, std::uint32_t, Bytes) override {
    check(false, "a receiver sends nothing");
  }
  Bytes receive_bytes(Channel, std::uint32_t, const std::string&) override { return bytes_; }

  Bytes bytes_;
};

Settings settings_of(BitReader& prefix) {
  Settings settings;
  settings.workers = kWorkers;
  const auto codec = static_cast<unsigned>(prefix.get(8));
  const auto q = static_cast<std::uint32_t>(prefix.get(8)) % 9;
  settings.scheme = prefix.get(8) % 2 == 0 ? &scheme_named("mv-ad") : &scheme_named("top-k");
  settings.position_codec = position_codecs()[codec % 8 % position_codecs().size()].name;
  if (codec / 8 % 2 != 0 && settings.scheme->name() == "mv-ad") {
    settings.drop_codec = DropCoding::rank;
    settings.mask_codec = MaskCoding::delta;
  }
  if (codec / 16 % 2 != 0) {
    if (settings.scheme->name() == "top-k") settings.vote_codec = VoteCoding::delta;
    if (q > 0) settings.value_codec = ValueCoding::entropy;
  }
  settings.value_bits = q == 0 ? 32 : q;
  if (q == 1) settings.quantizer = "scaled-sign";
  return settings;
}

/// The first coordinate of each of `count` equal parts of [0, d).
std::vector<Index> spread(std::uint32_t count, std::uint32_t d) {
  std::vector<Index> set;
  for (std::uint32_t i = 0; i < count; ++i) set.push_back(i * (d / count));
  return set;
}

void read_positions(const Protocol& protocol, Transport& end, std::uint32_t from,
                    const Envelope& envelope, const std::vector<std::byte>& bytes) {
  const auto previous = spread(protocol.k, protocol.d);
  const auto positions = receive_positions(protocol, end, from, envelope, previous);
  const Message again = encode_positions(protocol, from, envelope, positions, previous);
  check(*again.bytes == bytes, "positions that are read are those that are written");
}

void read_values(const Protocol& protocol, Transport& end, std::uint32_t from,
                 const Envelope& envelope, const std::vector<std::byte>& bytes) {
  std::vector<float> values(envelope.kind == Kind::buffers  ? kBuffers
                            : envelope.kind == Kind::update ? protocol.k
                                                            : protocol.d);
  if (envelope.kind == Kind::update && protocol.update.quantizer) {
    std::vector<std::uint8_t> own(protocol.update.by_entropy ? values.size() : 0);
    for (std::size_t i = 0; i < own.size(); i += 3) own[i] = 1;
    receive_sparse_values(protocol, end, from, envelope, values, own);
    for (const float value : values) check(std::isfinite(value), "what is recovered is finite");
    return;
  }
  receive_values(protocol, end, from, envelope, values);
  const Message again = encode_values(protocol, from, envelope, values);
  check(*again.bytes == bytes, "values that are read are those that are written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix) return 0;
  const auto input = std::as_bytes(std::span(data, size));
  BitReader prefix(input, Bits::of_bytes(kPrefix));
  Settings settings = settings_of(prefix);
  const auto kind = static_cast<Kind>(1 + prefix.get(8) % 9);
  settings.phi = Decimal(1 + prefix.get(8) % 100, 2);
  settings.phi_ad = Decimal(1 + prefix.get(8) % 100, 2);
  const std::uint64_t d = 1 + prefix.get(16);
  const Protocol protocol = make_protocol(settings, d);

  const bool down = kind == Kind::mask || kind == Kind::aggregate || kind == Kind::model;
  const std::uint32_t from = down ? kWorkers : 0;
  const std::span message = input.subspan(kPrefix);
  const std::vector<std::byte> bytes(message.begin(), message.end());
  Ledger ledger;
  Arrived end(down ? 0 : kWorkers, ledger, std::make_shared<const std::vector<std::byte>>(bytes));
  const bool positions =
      kind == Kind::vote || kind == Kind::add || kind == Kind::drop || kind == Kind::mask;
  if (positions && !protocol.lists.contains(kind)) return 0;  // no such message
  try {
    (positions ? read_positions : read_values)(protocol, end, from, {kind, kRound}, bytes);
  } catch (const DecodeError&) {
  }
  return 0;
}
