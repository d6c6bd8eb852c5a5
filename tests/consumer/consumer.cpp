// Ten workers vote on what they send: one round of SSGD-MV (Algorithm 1 with 4-bit values) on drawn
// vectors, by the installed libraries alone. Every message is really encoded, moved and decoded. At
// the end the ledger's bits are compared with the paper's equations; exit code 0 if they agree.
#include <cstdint>
#include <iostream>
#include <map>
#include <random>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "compress/positions/block_position_codec.hpp"
#include "compress/select/error_memory.hpp"
#include "compress/select/top_k.hpp"
#include "compress/values/aggregate.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "compress/vote/majority_vote.hpp"
#include "nn/resnet18.hpp"
#include "sim/law/law.hpp"

using namespace mvsgd;
using comm::Field;
using comm::Kind;
using compress::Index;

namespace {

constexpr std::uint32_t kWorkers = 10;
constexpr std::uint32_t kServer = kWorkers;  // its rank
constexpr std::uint32_t kRound = 1;
constexpr std::uint32_t kBlock = 100;    // B = 1 / phi
constexpr std::uint32_t kValueBits = 4;  // q
constexpr std::uint32_t kFloatBits = 32;

/// Model differences that share a part, so that votes overlap, and have heavy tails.
std::vector<std::vector<float>> drawn_differences(std::size_t d) {
  std::mt19937 bits(1);
  const auto draw = [&] {
    const float x = static_cast<float>(bits()) / 2147483648.0F - 1.0F;
    return x * x * x;
  };
  std::vector<float> common(d);
  for (float& x : common) x = draw();
  std::vector<std::vector<float>> differences(kWorkers, common);
  for (auto& difference : differences) {
    for (float& x : difference) x += draw();
  }
  return differences;
}

}  // namespace

int main() {
  const auto d = static_cast<std::uint32_t>(nn::resnet18_parameters({.width = 16}).size());
  if (d != 701'466) return 1;                         // for width 16
  const std::uint32_t k = (d + kBlock - 1) / kBlock;  // phi = 1 / 100
  const compress::BlockPositionCodec codec(d, kBlock);
  const compress::FractionalQuantizer quantizer(kValueBits);
  comm::InprocGroup group(kWorkers);
  comm::Transport& server = group.end(kServer);

  const auto positions = [&](Kind kind, std::uint32_t sender, std::span<const Index> support) {
    comm::MessageWriter writer({.kind = kind,
                                .position_codec = codec.id(),
                                .sender = sender,
                                .round = kRound,
                                .dimension = d,
                                .count = static_cast<std::uint32_t>(support.size()),
                                .block_size = codec.parameter()});
    codec.encode(support, writer.field(Field::positions));
    return std::move(writer).finish();
  };
  const auto received_positions = [&](comm::Transport& end, std::uint32_t from, Kind kind) {
    comm::Incoming message = end.receive(from, kind, kRound);
    std::vector<Index> support = codec.decode(message.field(Field::positions), k);
    message.close();
    return support;
  };

  // Lines 9 and 10: each worker votes for the K largest coordinates of its difference. The memory e
  // begins with zeros, so here D is the difference itself.
  std::vector<std::vector<float>> memory = drawn_differences(d);
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    group.end(n).send(kServer, positions(Kind::vote, n, compress::top_k_support(memory[n], k)));
  }

  // Lines 14 and 16: the server counts the votes and sends the K coordinates with the most to all.
  std::vector<std::vector<Index>> votes;
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    votes.push_back(received_positions(server, n, Kind::vote));
    if (votes.back() != compress::top_k_support(memory[n], k)) return 1;
  }
  compress::VoteTally tally(d);
  tally.count(votes);
  const std::vector<Index> mask = compress::majority_mask(tally, k, {.seed = 1, .round = kRound});
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    server.send(n, positions(Kind::mask, kServer, mask));
  }

  // Lines 20-22: each worker sends its values under the mask, quantised, and keeps what that loses.
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    const std::vector<Index> told = received_positions(group.end(n), kServer, Kind::mask);
    std::vector<float> values(told.size());
    compress::gather(memory[n], told, values);
    const compress::Quantized quantized = quantizer.quantize(values);
    comm::MessageWriter writer({.kind = Kind::update,
                                .value_bits = kValueBits,
                                .sender = n,
                                .round = kRound,
                                .dimension = d,
                                .count = k});
    compress::encode_codes(quantized.codes, kValueBits, writer.field(Field::values));
    compress::encode_magnitudes(quantized.magnitudes, writer.field(Field::level_means));
    group.end(n).send(kServer, std::move(writer).finish());
    quantizer.recover(quantized, values);
    compress::subtract_sent(told, values, memory[n]);
  }

  // Line 26: the server adds in the order of the workers and divides by N.
  std::vector<float> sum(k);
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    comm::Incoming message = server.receive(n, Kind::update, kRound);
    compress::Quantized quantized;
    quantized.codes = compress::decode_codes(message.field(Field::values), k, kValueBits);
    quantized.magnitudes =
        compress::decode_magnitudes(message.field(Field::level_means), quantizer.magnitudes(k));
    message.close();
    std::vector<float> values(k);
    quantizer.recover(quantized, values);
    compress::add_values(values, sum);
  }
  compress::divide_by_workers(kWorkers, sum);

  // Line 27: the aggregate goes to all, as float32.
  for (std::uint32_t n = 0; n < kWorkers; ++n) {
    comm::MessageWriter writer({.kind = Kind::aggregate,
                                .value_bits = kFloatBits,
                                .sender = kServer,
                                .round = kRound,
                                .dimension = d,
                                .count = k});
    writer.field(Field::values).put_floats(sum);
    server.send(n, std::move(writer).finish());
    comm::Incoming message = group.end(n).receive(kServer, Kind::aggregate, kRound);
    std::vector<float> aggregate(k);
    message.field(Field::values).get_floats(aggregate);
    message.close();
    if (aggregate != sum) return 1;
  }

  // Each worker reports its counts. If the bits sent, moved and decoded disagree, this throws; then
  // they are compared with eqs 13, 14 and 18.
  for (std::uint32_t n = 0; n < kWorkers; ++n) group.end(n).report_round(kRound, {});
  const comm::ClosedRound closed = server.close_round(kRound);
  std::map<std::pair<Kind, Field>, comm::Bits> on_wire;
  for (const comm::LedgerRow& row : closed.rows) {
    on_wire[{row.id.kind, row.field}] += row.bits;
  }
  const sim::LawConstants law;
  const comm::Bits list = sim::position_law(law, d, k, kBlock);
  const comm::Bits means = sim::level_mean_law(law, k, kValueBits, 0);
  bool agree = true;
  for (const auto& [kind, field, bits_each] :
       {std::tuple{Kind::vote, Field::positions, list},
        {Kind::mask, Field::positions, list},
        {Kind::update, Field::values, sim::value_law(k, kValueBits)},
        {Kind::update, Field::level_means, means},
        {Kind::aggregate, Field::values, sim::value_law(k, kFloatBits)}}) {
    const std::uint64_t wire = on_wire[{kind, field}].count();
    const std::uint64_t foreseen = kWorkers * bits_each.count();
    agree = agree && wire == foreseen;
    std::cout << comm::name(kind) << ", " << comm::name(field) << ": " << wire
              << " bits, by the equations " << foreseen << '\n';
  }
  std::cout << "votes for a coordinate of the mask: "
            << static_cast<double>(tally.votes_for(mask)) / k << " of " << kWorkers << '\n';
  return agree ? 0 : 1;
}
