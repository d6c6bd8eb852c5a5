// The messages of a round: one end reads what the other writes, and nothing else.
#include "sim/round/protocol.hpp"
#include "sim/plan/scheme.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <ostream>
#include <string>
#include <utility>

#include "comm/inproc/inproc.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/values/fractional_quantizer.hpp"
#include "compress/values/scaled_sign.hpp"
#include "compress/vote/vote_tally.hpp"
#include "sim/law/law.hpp"
#include "sim/plan/presets.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;
using comm::Kind;
using compress::Index;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::size_t kD = 5'000;  // K = 50, K_ad = 5
constexpr std::uint32_t kRound = 7;

/// A server and three workers. The last worker sends.
struct Star {
  static constexpr std::uint32_t kWorker = 2;
  static constexpr std::uint32_t kServer = 3;

  comm::InprocGroup group{3};
  comm::Transport& worker = group.end(kWorker);
  comm::Transport& server = group.end(kServer);
};

Settings settings_of(std::string_view scheme) {
  Settings settings;
  settings.scheme = &scheme_named(scheme);
  settings.workers = 3;
  return settings;
}

Settings quantised(std::uint32_t q, std::uint32_t block = 0) {
  Settings settings = settings_of("mv");
  settings.value_bits = q;
  settings.quantizer = q == 1 ? "scaled-sign" : "fractional";
  settings.quantizer_block = block;
  return settings;
}

/// `count` positions that reach from 0 to d - 1.
std::vector<Index> spread(std::size_t count) {
  std::vector<Index> positions;
  for (std::size_t j = 0; j < count; ++j) {
    positions.push_back(static_cast<Index>(count == 1 ? 0 : j * (kD - 1) / (count - 1)));
  }
  return positions;
}

/// Magnitudes from 2^-6 to 2^6 of both signs, and zeros.
std::vector<float> uneven(std::size_t count) {
  std::vector<float> values;
  for (std::size_t j = 0; j < count; ++j) {
    const auto power = static_cast<int>(j * 5 % 13) - 6;
    const float magnitude = std::bit_cast<float>(static_cast<std::uint32_t>(127 + power) << 23);
    const float sign = j % 3 == 0 ? -1.0F : 1.0F;
    values.push_back(j % 11 == 10 ? 0.0F
                                  : sign * magnitude * (1.0F + 0x1p-8F * static_cast<float>(j)));
  }
  return values;
}

std::vector<std::uint32_t> bits_of(std::span<const float> values) {
  std::vector<std::uint32_t> bits;
  for (const float x : values) bits.push_back(std::bit_cast<std::uint32_t>(x));
  return bits;
}

/// `message` with some of its bytes replaced. Byte numbers are those of comm/README.md.
comm::Message altered(const comm::Message& message, std::size_t at,
                      const std::vector<std::uint8_t>& replacement) {
  std::vector<std::byte> bytes = *message.bytes;
  for (std::size_t i = 0; i < replacement.size(); ++i) bytes.at(at + i) = std::byte(replacement[i]);
  comm::Message result = message;
  result.bytes = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return result;
}

std::uint8_t byte_of(const comm::Message& message, std::size_t at) {
  return std::to_integer<std::uint8_t>(message.bytes->at(at));
}

/// The positions that arrive: masks at the worker, other lists at the server.
std::vector<Index> received(const Protocol& protocol, Kind kind, const comm::Message& message) {
  Star star;
  if (kind == Kind::mask) {
    star.server.send(Star::kWorker, message);
    return receive_positions(protocol, star.worker, Star::kServer, {kind, kRound});
  }
  star.worker.send(Star::kServer, message);
  return receive_positions(protocol, star.server, Star::kWorker, {kind, kRound});
}

std::uint32_t sender_of(Kind kind) { return kind == Kind::mask ? Star::kServer : Star::kWorker; }

comm::Message positions_message(const Protocol& protocol, Kind kind, std::size_t count) {
  return encode_positions(protocol, sender_of(kind), {kind, kRound}, spread(count));
}

/// The text of the DecodeError that `work` throws; "accepted" if it throws none.
std::string refusal_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const comm::DecodeError& e) {
    return e.what();
  }
  return "accepted";
}

std::string refusal(const Protocol& protocol, Kind kind, const comm::Message& message) {
  return refusal_of([&] { (void)received(protocol, kind, message); });
}

std::string update_refusal(const Protocol& protocol, const comm::Message& message) {
  return refusal_of([&] {
    Star star;
    star.worker.send(Star::kServer, message);
    std::vector<float> values(protocol.k);
    receive_sparse_values(protocol, star.server, Star::kWorker, {Kind::update, kRound}, values);
  });
}

TEST(Protocol, CountsAndBlocksAreThePapersAtItsSize) {
  const Protocol mv = make_protocol(preset("ssgd-mv-ad").settings, 11'173'962);
  EXPECT_EQ(mv.k, 111'740U);
  EXPECT_EQ(mv.k_ad, 11'174U);
  EXPECT_EQ(mv.positions(Kind::vote).codec({})->parameter(), 100U);
  EXPECT_EQ(mv.positions(Kind::mask).codec({})->parameter(), 100U);
  EXPECT_EQ(mv.positions(Kind::add).codec({})->parameter(), 1000U);
  const Protocol top_k = make_protocol(preset("top-k").settings, 11'173'962);
  EXPECT_EQ(top_k.positions(Kind::vote).codec({})->parameter(), 100U);
  EXPECT_EQ(top_k.positions(Kind::mask).codec({})->parameter(), 10U);
  EXPECT_EQ(top_k.positions(Kind::mask).least, 111'740U);
  EXPECT_EQ(top_k.positions(Kind::mask).most, 1'117'400U);
}

TEST(Protocol, ChangesAreNoMoreThanAVoteAndAUnionNoMoreThanD) {
  Settings settings = settings_of("mv-ad");
  settings.phi_ad = Decimal(5, 2);
  EXPECT_EQ(make_protocol(settings, kD).k_ad, 50U);
  settings = settings_of("top-k");
  settings.phi = Decimal(5, 1);
  EXPECT_EQ(make_protocol(settings, kD).positions(Kind::mask).most, kD);
}

TEST(Protocol, VotesAndMasksOfKPositionsArrive) {
  for (const char* const scheme : {"mv", "mv-rs", "mv-ad", "top-k"}) {
    const Protocol protocol = make_protocol(settings_of(scheme), kD);
    for (const Kind kind : {Kind::vote, Kind::mask}) {
      EXPECT_EQ(received(protocol, kind, positions_message(protocol, kind, 50)), spread(50))
          << comm::name(kind) << " of scheme " << scheme;
    }
  }
}

TEST(Protocol, AddAndDropListsOf0ToKadPositionsArrive) {
  const Protocol protocol = make_protocol(settings_of("mv-ad"), kD);
  for (const Kind kind : {Kind::add, Kind::drop}) {
    for (std::size_t count = 0; count <= 5; ++count) {
      const comm::Message message = positions_message(protocol, kind, count);
      EXPECT_EQ(received(protocol, kind, message), spread(count)) << comm::name(kind);
      EXPECT_EQ(message.fields[Field::positions], position_law({}, kD, count, 1000));
    }
  }
}

// K_ad = 2,500 of the 2,000 coordinates outside a vote.
TEST(Protocol, AddsOfAllThatIsOutsideAVoteArriveAsRanksInEveryCode) {
  std::vector<Index> vote(3'000);
  std::iota(vote.begin(), vote.end(), Index{0});
  std::vector<Index> others(2'000);
  std::iota(others.begin(), others.end(), Index{3'000});
  for (const compress::PositionCodecKind& code : compress::position_codecs()) {
    Settings settings = settings_of("mv-ad");
    settings.phi = Decimal(6, 1);
    settings.phi_ad = Decimal(5, 1);
    settings.add_codec = AddCoding::rank;
    settings.position_codec = code.name;
    const Protocol protocol = make_protocol(settings, kD);
    const Envelope envelope{.kind = Kind::add, .round = kRound};
    Star star;
    star.worker.send(Star::kServer,
                     encode_positions(protocol, Star::kWorker, envelope, others, vote));
    EXPECT_EQ(receive_positions(protocol, star.server, Star::kWorker, envelope, vote), others)
        << code.name;
  }
}

TEST(Protocol, UnionsOfKToNKPositionsArrive) {
  const Protocol protocol = make_protocol(settings_of("top-k"), kD);
  for (const std::size_t count : {50U, 51U, 99U, 149U, 150U}) {
    const comm::Message message = positions_message(protocol, Kind::mask, count);
    EXPECT_EQ(received(protocol, Kind::mask, message), spread(count));
    EXPECT_EQ(message.fields[Field::positions], position_law({}, kD, count, 33));  // 1 / (3 phi)
  }
}

TEST(Protocol, ValuesArriveBitForBitUnderTheirField) {
  const Protocol protocol = make_protocol(settings_of("mv"), kD);
  std::vector<float> values = uneven(kD);
  values[3] = -0.0F;
  values[4] = std::bit_cast<float>(1U);  // the smallest denormal
  for (const auto& [kind, field] : {std::pair{Kind::dense, Field::values},
                                    {Kind::aggregate, Field::values},
                                    {Kind::model, Field::initial_model},
                                    {Kind::buffers, Field::bn_buffers}}) {
    Star star;
    const bool up = kind == Kind::dense || kind == Kind::buffers;
    comm::Transport& from = up ? star.worker : star.server;
    comm::Transport& to = up ? star.server : star.worker;
    const comm::Message message = encode_values(protocol, from.rank(), {kind, kRound}, values);
    EXPECT_EQ(message.fields[field], value_law(kD, 32)) << comm::name(kind);
    from.send(to.rank(), message);
    std::vector<float> got(kD);
    receive_values(protocol, to, from.rank(), {kind, kRound}, got);
    EXPECT_EQ(bits_of(got), bits_of(values)) << comm::name(kind);
  }
}

/// A worker's update of `values`. They become the values that the receiver will recover.
comm::Message update_of(const Protocol& protocol, std::span<float> values) {
  if (!protocol.update.quantizer) {
    return encode_values(protocol, Star::kWorker, {Kind::update, kRound}, values);
  }
  const compress::Quantized quantized = protocol.update.quantizer->quantize(values);
  protocol.update.quantizer->recover(quantized, values);
  return encode_quantized(protocol, Star::kWorker, {Kind::update, kRound}, quantized);
}

struct Quantisation {
  std::uint32_t q;
  std::uint32_t block = 0;
};

std::ostream& operator<<(std::ostream& out, const Quantisation& quantisation) {
  return out << "q " << quantisation.q << ", block " << quantisation.block;
}

class ProtocolUpdate : public testing::TestWithParam<Quantisation> {
 protected:
  Settings settings_ = quantised(GetParam().q, GetParam().block);
  Protocol protocol_ = make_protocol(settings_, kD);

  /// `values` quantised as their equation defines it.
  [[nodiscard]] std::vector<float> by_definition(const std::vector<float>& values) const {
    if (GetParam().q == 32) return values;
    std::vector<float> recovered(values.size());
    if (GetParam().q == 1) {
      const compress::ScaledSign sign(GetParam().block);
      sign.recover(sign.quantize(values), recovered);
    } else {
      const compress::FractionalQuantizer fractional(GetParam().q);
      fractional.recover(fractional.quantize_by_definition(values), recovered);
    }
    return recovered;
  }
};

TEST_P(ProtocolUpdate, BothEndsRecoverTheSameBits) {
  for (const std::vector<float>& values :
       {uneven(50), std::vector<float>(50), std::vector<float>(50, -3.0F)}) {
    Star star;
    std::vector<float> sent = values;
    const comm::Message message = update_of(protocol_, sent);
    EXPECT_EQ(bits_of(sent), bits_of(by_definition(values)));
    EXPECT_EQ(message.fields[Field::values], value_law(50, GetParam().q));
    EXPECT_EQ(message.fields[Field::level_means],
              level_mean_law({}, 50, GetParam().q, GetParam().block));
    star.worker.send(Star::kServer, message);
    std::vector<float> got(50);
    receive_sparse_values(protocol_, star.server, Star::kWorker, {Kind::update, kRound}, got);
    EXPECT_EQ(bits_of(got), bits_of(sent));
    for (std::uint32_t n = 0; n < 3; ++n) star.group.end(n).report_round(kRound, {});
    EXPECT_NO_THROW((void)star.server.close_round(kRound));  // sent, moved and decoded agree
  }
}

TEST_P(ProtocolUpdate, AnotherHeaderIsRefusedWithItsSender) {
  std::vector<float> values = uneven(50);
  const comm::Message message = update_of(protocol_, values);
  // The bytes of q, position codec, d, count and B.
  for (const std::size_t at : {2U, 3U, 12U, 16U, 20U}) {
    for (const int step : {-1, 1}) {
      const auto other = static_cast<std::uint8_t>(byte_of(message, at) + step);
      EXPECT_THAT(update_refusal(protocol_, altered(message, at, {other})),
                  AllOf(HasSubstr("update of round 7 from worker 2"), HasSubstr("header says")))
          << "byte " << at;
    }
  }
}

std::string quantisation_name(const testing::TestParamInfo<Quantisation>& info) {
  const auto& [q, block] = info.param;
  return "q" + std::to_string(q) + (q == 1 ? "b" + std::to_string(block) : "");
}

INSTANTIATE_TEST_SUITE_P(Each, ProtocolUpdate,
                         testing::Values(Quantisation{32}, Quantisation{2}, Quantisation{3},
                                         Quantisation{4}, Quantisation{5}, Quantisation{6},
                                         Quantisation{7}, Quantisation{8}, Quantisation{1, 0},
                                         Quantisation{1, 1}, Quantisation{1, 7},
                                         Quantisation{1, 50}, Quantisation{1, 1000}),
                         quantisation_name);

TEST(Protocol, APositionTooManyOrTooFewIsRefusedWithItsSender) {
  const Protocol mv = make_protocol(settings_of("mv"), kD);
  const Protocol ad = make_protocol(settings_of("mv-ad"), kD);
  const Protocol top_k = make_protocol(settings_of("top-k"), kD);
  const struct {
    const Protocol& protocol;
    Kind kind;
    std::size_t count;
  } bad[] = {{mv, Kind::vote, 49},    {mv, Kind::vote, 51},     {mv, Kind::mask, 49},
             {mv, Kind::mask, 51},    {ad, Kind::add, 6},       {ad, Kind::drop, 6},
             {top_k, Kind::mask, 49}, {top_k, Kind::mask, 151}, {top_k, Kind::vote, 51}};
  for (const auto& [protocol, kind, count] : bad) {
    EXPECT_THAT(refusal(protocol, kind, positions_message(protocol, kind, count)),
                AllOf(HasSubstr(std::string(comm::name(kind)) + " of round 7 from " +
                                comm::rank_name(sender_of(kind), Star::kServer)),
                      HasSubstr("count " + std::to_string(count))));
  }
}

TEST(Protocol, AHeaderThatCountsOtherPositionsThanItsBodyHasIsRefusedWithItsSender) {
  const Protocol protocol = make_protocol(settings_of("mv-ad"), kD);
  const auto says = [&](Kind kind, std::size_t count, std::uint8_t header_count) {
    return refusal(protocol, kind,
                   altered(positions_message(protocol, kind, count), 16, {header_count}));
  };
  EXPECT_THAT(says(Kind::vote, 49, 50),
              AllOf(HasSubstr("from worker 2"), HasSubstr("49 positions, not 50")));
  EXPECT_THAT(says(Kind::vote, 51, 50),
              AllOf(HasSubstr("from worker 2"), HasSubstr("51 positions, not 50")));
  EXPECT_THAT(says(Kind::add, 6, 5), HasSubstr("6 positions, not 5"));
  EXPECT_THAT(says(Kind::drop, 2, 3), HasSubstr("2 positions, not 3"));
}

TEST(Protocol, PositionsOfAnotherHeaderAreRefusedWithTheirSender) {
  const Protocol protocol = make_protocol(settings_of("mv-ad"), kD);
  for (const Kind kind : {Kind::vote, Kind::add, Kind::drop, Kind::mask}) {
    const bool whole = kind == Kind::vote || kind == Kind::mask;
    const comm::Message message = positions_message(protocol, kind, whole ? 50 : 5);
    // The bytes of q, position codec, d and B.
    for (const std::size_t at : {2U, 3U, 12U, 20U}) {
      const auto other = static_cast<std::uint8_t>(byte_of(message, at) + 1);
      EXPECT_THAT(refusal(protocol, kind, altered(message, at, {other})),
                  AllOf(HasSubstr("from " + comm::rank_name(sender_of(kind), Star::kServer)),
                        HasSubstr("header says")))
          << comm::name(kind) << ", byte " << at;
    }
  }
}

TEST(Protocol, ABodyThatIsNoCodeIsRefusedWithItsSender) {
  const Protocol protocol = make_protocol(settings_of("mv"), kD);
  const comm::Message message = positions_message(protocol, Kind::vote, 50);
  // An offset of 127 in a block of 100.
  EXPECT_THAT(refusal(protocol, Kind::vote, altered(message, 24, {0xff})),
              HasSubstr("vote of round 7 from worker 2: "));
  comm::Message cut = message;
  cut.bytes = std::make_shared<const std::vector<std::byte>>(message.bytes->begin(),
                                                             message.bytes->end() - 1);
  EXPECT_THAT(refusal(protocol, Kind::vote, cut), HasSubstr("vote of round 7 from worker 2: "));
}

TEST(Protocol, ALevelMeanThatIsNoMagnitudeIsRefusedWithItsSender) {
  const Protocol protocol = make_protocol(quantised(4), kD);
  std::vector<float> values = uneven(50);
  const comm::Message message = update_of(protocol, values);
  const std::size_t means = 24 + 25;                             // header and 50 codes of 4 bits
  const std::vector<std::uint8_t> bad[] = {{0, 0, 0xc0, 0x7f},   // NaN
                                           {0, 0, 0x80, 0x7f},   // infinity
                                           {0, 0, 0x80, 0xbf},   // -1
                                           {0, 0, 0x00, 0x80}};  // -0
  for (const auto& mean : bad) {
    for (const std::size_t level : {0U, 7U}) {
      EXPECT_THAT(update_refusal(protocol, altered(message, means + 4 * level, mean)),
                  HasSubstr("update of round 7 from worker 2: "));
    }
  }
}

TEST(Protocol, AnUpdateOfFloatsCutShortIsRefusedWithItsSender) {
  const Protocol protocol = make_protocol(settings_of("mv"), kD);
  std::vector<float> values = uneven(50);
  comm::Message cut = update_of(protocol, values);
  cut.bytes =
      std::make_shared<const std::vector<std::byte>>(cut.bytes->begin(), cut.bytes->end() - 4);
  EXPECT_THAT(update_refusal(protocol, cut), HasSubstr("update of round 7 from worker 2: "));
}

TEST(Protocol, DisjointSupportsReachTable1sBoundOfTopKDownExactly) {
  constexpr std::size_t kPaperD = 11'173'962;
  const Settings& settings = preset("top-k").settings;
  const Protocol protocol = make_protocol(settings, kPaperD);
  std::vector<std::vector<Index>> supports(10);
  for (Index n = 0; n < 10; ++n) {
    for (Index j = 0; j < 111'740; ++j) supports[n].push_back(100 * j + 6 * n);
  }
  compress::VoteTally votes(kPaperD);
  votes.count(supports);
  const std::vector<Index> all(votes.voted().begin(), votes.voted().end());
  ASSERT_EQ(all.size(), 1'117'400U);

  const comm::Message mask = encode_positions(protocol, 10, {Kind::mask, 1}, all);
  EXPECT_EQ(mask.header.block_size, 10U);
  EXPECT_EQ(mask.fields[Field::positions], comm::Bits(6'704'397));
  const std::vector<float> values(all.size(), 0.5F);
  const comm::Message aggregate = encode_values(protocol, 10, {Kind::aggregate, 1}, values);
  EXPECT_EQ(aggregate.fields[Field::values], comm::Bits(35'756'800));
}

}  // namespace
}  // namespace mvsgd::sim
