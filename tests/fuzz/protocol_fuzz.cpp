// Fuzzes the receivers of a round's messages: header, positions by any code, in all coordinates or
// by layer, changes as ranks in and outside the last vote, masks as their difference from the last
// one, values, updates and aggregates quantised or not, and sums between workers. Any bytes are
// refused, or are what a sender of the decoded content would send, and have the bits of their law.
//
// Input, a byte each: the position code, plus 8 for ranks and deltas, 16 for votes as changes and
// values by their entropy, 32 for selection by layer, 64 for aggregates quantised as updates, 128
// for small layers that are sent whole; q, from 128 on 16 bits; the scheme, plus 4 for adds as
// ranks; the kind of message; phi and phi_ad in hundredths. Then d in two bytes, and the message.
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
using mvsgd::comm::Field;
using mvsgd::comm::goes_across;
using mvsgd::comm::Kind;
using mvsgd::comm::Ledger;
using mvsgd::comm::Message;
using mvsgd::comm::Transport;
using mvsgd::compress::Index;
using mvsgd::compress::position_codecs;
using mvsgd::fuzz::check;
using mvsgd::sim::AddCoding;
using mvsgd::sim::Decimal;
using mvsgd::sim::DropCoding;
using mvsgd::sim::encode_positions;
using mvsgd::sim::encode_quantized;
using mvsgd::sim::encode_values;
using mvsgd::sim::Envelope;
using mvsgd::sim::Layers;
using mvsgd::sim::MaskCoding;
using mvsgd::sim::Protocol;
using mvsgd::sim::receive_positions;
using mvsgd::sim::receive_sparse_values;
using mvsgd::sim::receive_values;
using mvsgd::sim::scheme_named;
using mvsgd::sim::Selection;
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
  const auto quantized = static_cast<std::uint32_t>(prefix.get(8));
  const auto scheme = static_cast<unsigned>(prefix.get(8));
  const std::uint32_t q = quantized < 128 ? quantized % 9 : 16;
  settings.scheme = &scheme_named(scheme % 2 != 0 ? "top-k" : scheme % 4 != 0 ? "mv" : "mv-ad");
  const bool adds = settings.scheme->name() == "mv-ad";
  settings.position_codec = position_codecs()[codec % 8 % position_codecs().size()].name;
  if (codec / 8 % 2 != 0 && settings.scheme->name() != "top-k") {
    if (adds) settings.drop_codec = DropCoding::rank;
    settings.mask_codec = MaskCoding::delta;
  }
  if (adds && scheme / 4 % 2 != 0) settings.add_codec = AddCoding::rank;
  if (codec / 16 % 2 != 0) {
    if (!adds) settings.vote_codec = VoteCoding::delta;
    if (q > 0 && q < 16) settings.value_codec = ValueCoding::entropy;
  }
  if (codec / 32 % 2 != 0) settings.selection = Selection::layer;
  if (codec / 64 % 2 != 0 && q > 0) settings.aggregate_bits = q;
  if (codec / 128 % 2 != 0) settings.dense_below = 3;
  settings.value_bits = q == 0 ? 32 : q;
  if (q == 1) settings.quantizer = "scaled-sign";
  if (q == 16) settings.quantizer = quantized % 2 == 0 ? "float16" : "bfloat16";
  return settings;
}

/// Layers of d coordinates, among them small ones.
Layers layers_of(const Settings& settings, std::uint64_t d) {
  if (settings.selection != Selection::layer) return d;
  std::vector<std::uint64_t> sizes{d / 2, d / 16, d / 8};
  sizes.push_back(d - sizes[0] - sizes[1] - sizes[2]);
  std::erase(sizes, 0);
  return Layers(sizes);
}

/// The first coordinate of each of `count` equal parts of [0, d).
std::vector<Index> spread(std::uint32_t count, std::uint32_t d) {
  std::vector<Index> set;
  for (std::uint32_t i = 0; i < count; ++i) set.push_back(i * (d / count));
  return set;
}

/// What both ends have: K coordinates, K_l of each layer.
std::vector<Index> last_set(const Protocol& protocol) {
  if (protocol.layers.empty()) return spread(protocol.k, protocol.d);
  std::vector<Index> set;
  std::size_t begin = 0;
  for (const auto& [size, k] : protocol.layers) {
    for (const Index i : spread(static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(size))) {
      set.push_back(static_cast<Index>(begin) + i);
    }
    begin += size;
  }
  return set;
}

void read_positions(const Protocol& protocol, Transport& end, std::uint32_t from,
                    const Envelope& envelope, const std::vector<std::byte>& bytes) {
  const auto previous = last_set(protocol);
  const auto positions = receive_positions(protocol, end, from, envelope, previous);
  const Message again = encode_positions(protocol, from, envelope, positions, previous);
  check(*again.bytes == bytes, "positions that are read are those that are written");
  const auto law = protocol.positions(envelope.kind).law(positions, previous);
  check(!law || again.fields[Field::positions] == *law, "a list has the bits of its law");
}

/// Values of the kind's quantiser.
void read_quantized(const Protocol& protocol, Transport& end, std::uint32_t from,
                    const Envelope& envelope, const std::vector<std::byte>& bytes) {
  const Protocol::Values& code = protocol.values(envelope.kind);
  std::vector<float> values(protocol.k);
  std::vector<std::uint8_t> own(code.by_entropy ? values.size() : 0);
  for (std::size_t i = 0; i < own.size(); i += 3) own[i] = 1;
  receive_sparse_values(protocol, end, from, envelope, values, own);
  for (const float value : values) check(std::isfinite(value), "what is recovered is finite");
  if (code.quantizer->value_bits() < 16) return;
  const Message again =
      encode_quantized(protocol, from, envelope, code.quantizer->quantize(values));
  check(*again.bytes == bytes, "values of 16 bits that are read are those that are written");
}

void read_values(const Protocol& protocol, Transport& end, std::uint32_t from,
                 const Envelope& envelope, const std::vector<std::byte>& bytes) {
  const bool sparse = envelope.kind == Kind::update || envelope.kind == Kind::aggregate;
  if (sparse && protocol.values(envelope.kind).quantizer) {
    return read_quantized(protocol, end, from, envelope, bytes);
  }
  std::vector<float> values(envelope.kind == Kind::buffers  ? kBuffers
                            : envelope.kind == Kind::update ? protocol.k
                            : goes_across(envelope.kind)    ? protocol.k / kWorkers
                                                            : protocol.d);
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
  const auto kind = static_cast<Kind>(1 + prefix.get(8) % 11);
  settings.phi = Decimal(1 + prefix.get(8) % 100, 2);
  settings.phi_ad = Decimal(1 + prefix.get(8) % 100, 2);
  const std::uint64_t d = 1 + prefix.get(16);
  const Protocol protocol = make_protocol(settings, layers_of(settings, d));

  const bool down = kind == Kind::mask || kind == Kind::aggregate || kind == Kind::model;
  const std::uint32_t from = down ? kWorkers : 0;
  const std::span message = input.subspan(kPrefix);
  const std::vector<std::byte> bytes(message.begin(), message.end());
  Ledger ledger;
  Arrived end(down                ? 0
              : goes_across(kind) ? 1
                                  : kWorkers,
              ledger, std::make_shared<const std::vector<std::byte>>(bytes));
  const bool positions =
      kind == Kind::vote || kind == Kind::add || kind == Kind::drop || kind == Kind::mask;
  if (positions && !protocol.lists.contains(kind)) return 0;  // no such message
  const std::uint32_t block = goes_across(kind) ? 1 : 0;
  try {
    (positions ? read_positions : read_values)(protocol, end, from, {kind, kRound, block}, bytes);
  } catch (const DecodeError&) {
  }
  return 0;
}
