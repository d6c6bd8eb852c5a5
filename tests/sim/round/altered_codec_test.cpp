// A codec that both ends of a run have altered alike: they understand each other, the ledger's
// three counts agree, and the law alone knows better.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/give_up.hpp"
#include "sim/round/server.hpp"
#include "sim/round/telemetry.hpp"

namespace mvsgd::sim {
namespace {

using comm::Kind;
using compress::Index;
using testing::HasSubstr;
using Codec = std::shared_ptr<const compress::PositionCodec>;

/// The bits of another codec and a zero. Its promises hold: it reads what it writes, and its size
/// is that of what it writes.
class OneBitMore final : public compress::PositionCodec {
 public:
  explicit OneBitMore(Codec codec) : codec_(std::move(codec)) {}

  [[nodiscard]] std::uint8_t id() const override { return codec_->id(); }
  [[nodiscard]] std::uint32_t parameter() const override { return codec_->parameter(); }
  [[nodiscard]] bool is_data_dependent() const override { return codec_->is_data_dependent(); }
  [[nodiscard]] comm::Bits size(std::span<const Index> positions) const override {
    return codec_->size(positions) + comm::Bits(1);
  }
  void encode(std::span<const Index> positions, comm::BitWriter& out) const override {
    codec_->encode(positions, out);
    out.put(0, 1);
  }
  [[nodiscard]] std::vector<Index> decode(comm::BitReader& in, std::uint64_t count) const override {
    std::vector<Index> positions = codec_->decode(in, count);
    (void)in.get(1);
    return positions;
  }

 private:
  Codec codec_;
};

/// Two sparse rounds of a real server with two handmade workers: d = 400, K = 40, K_ad = 4.
class AlteredCodec : public testing::Test {
 protected:
  AlteredCodec() {
    settings_.workers = 2;
    settings_.phi = Decimal(1, 1);
    settings_.phi_ad = Decimal(1, 2);
  }

  /// What the audit says of a run in which both ends have altered the codec of `kind`, or none.
  std::string verdict(std::optional<Kind> kind) {
    Protocol protocol = make_protocol(settings_, 400);
    if (kind) {
      CodecGiven& codec = protocol.lists.at(*kind).codec;
      codec = [honest = codec](std::span<const Index> previous) {
        return std::make_shared<OneBitMore>(honest(previous));
      };
    }
    comm::InprocGroup group(2);
    const std::vector<Round> rounds = plain_rounds(0, 2);
    const Audit audit({}, settings_, 400, 0);
    GiveUp never({}, 3);
    const Protocols protocols(protocol);
    Server server({.protocols = protocols,
                   .settings = settings_,
                   .leader = {.rounds = rounds,
                              .pause_after = {},
                              .evaluate = {},
                              .on_closed =
                                  [&](const RoundRecord& record) {
                                    audit.check(record.round, record.ledger, record.sizes);
                                  },
                              .give_up = never},
                   .on_counts = {}},
                  group.end(2), {.theta = std::vector<float>(400), .mask = {}}, {}, 0);
    std::jthread first([&] { play(protocol, group.end(0)); });
    std::jthread second([&] { play(protocol, group.end(1)); });
    try {
      (void)server.run();
    } catch (const CheckFailed& e) {
      group.fail(2, e.what());
      return e.what();
    }
    return "as the law has it";
  }

  Settings settings_;

 private:
  void play(const Protocol& protocol, comm::Transport& end) const {
    const bool changes = settings_.scheme == &scheme_named("mv-ad");
    const bool adds_ranked = settings_.add_codec == AddCoding::rank;
    const bool drops_ranked = settings_.drop_codec == DropCoding::rank;
    const std::span<const Index> none;
    try {
      std::vector<float> theta(400);
      receive_values(protocol, end, end.server(), {Kind::model, 0}, theta);
      end.report_round(0, encode_report({}));
      std::vector<Index> vote;
      std::vector<Index> mask;
      for (std::uint32_t t = 1; t <= 2; ++t) {
        const auto send = [&](Kind kind, std::span<const Index> list,
                              std::span<const Index> previous) {
          end.send(end.server(), encode_positions(protocol, end.rank(), {kind, t}, list, previous));
        };
        const std::vector<Index> last = vote;
        vote.clear();
        for (Index i = 0; i < 40; ++i) vote.push_back(9 * i + 3 * end.rank());
        if (t == 2) vote.back() += 7;
        if (changes && t == 2) {
          send(Kind::add, std::vector<Index>{vote.back()}, adds_ranked ? last : none);
          send(Kind::drop, std::vector<Index>{last.back()}, drops_ranked ? last : none);
        } else {
          send(Kind::vote, vote, last);
        }
        mask = receive_positions(protocol, end, end.server(), {Kind::mask, t}, mask);
        std::vector<float> values;
        for (Index i = 0; i < 40; ++i) values.push_back(i == 7 ? 100.0F : 1.0F);
        const auto own = own_marks(protocol, mask, vote);
        const auto quantized = protocol.update.quantizer->quantize(values);
        end.send(end.server(),
                 encode_quantized(protocol, end.rank(), {Kind::update, t}, quantized, own));
        receive_values(protocol, end, end.server(), {Kind::aggregate, t}, values);
        end.report_round(t, encode_report({}));
      }
    } catch (const comm::TransportError&) {
      return;  // the server's audit failed
    }
  }
};

TEST_F(AlteredCodec, IsFoundInEachListOfEachCodeWhoseLengthDependsOnIt) {
  set(settings_, {{"scheme", "mv"}, {"value_bits", "4"}, {"value_codec", "entropy"}});
  for (const char* const code : {"block", "elias-fano", "rice", "radix", "entropy", "rans"}) {
    for (const bool by_changes : {false, true}) {
      SCOPED_TRACE(code + std::string(by_changes ? ", changes" : ""));
      settings_.position_codec = code;
      settings_.vote_codec = by_changes ? VoteCoding::delta : VoteCoding::positions;
      settings_.mask_codec = by_changes ? MaskCoding::delta : MaskCoding::positions;
      EXPECT_EQ(verdict({}), "as the law has it");
      EXPECT_THAT(verdict(Kind::vote), HasSubstr("round 1, worker 0, up vote positions"));
      EXPECT_THAT(verdict(Kind::mask), HasSubstr("round 1, worker 0, down mask positions"));
    }
  }
}

TEST_F(AlteredCodec, IsFoundInListsOfRanks) {
  set(settings_, {{"scheme", "mv-ad"}, {"value_bits", "4"}, {"value_codec", "entropy"}});
  for (const char* const code : {"block", "elias-fano", "rice", "radix", "entropy", "rans"}) {
    for (const bool ranked : {false, true}) {
      SCOPED_TRACE(code + std::string(ranked ? ", ranks" : ""));
      settings_.position_codec = code;
      settings_.add_codec = ranked ? AddCoding::rank : AddCoding::positions;
      settings_.drop_codec = ranked ? DropCoding::rank : DropCoding::positions;
      EXPECT_EQ(verdict({}), "as the law has it");
      EXPECT_THAT(verdict(Kind::add), HasSubstr("round 2"));
      EXPECT_THAT(verdict(Kind::drop), HasSubstr("round 2, worker 0, up drop positions"));
    }
  }
}

TEST_F(AlteredCodec, IsFoundInListsByLayer) {
  set(settings_, {{"value_bits", "4"}, {"value_codec", "entropy"}, {"selection", "layer"}});
  for (const char* const code : {"block", "elias-fano", "rice", "radix", "entropy", "rans"}) {
    SCOPED_TRACE(code);
    settings_.position_codec = code;
    settings_.scheme = &scheme_named("mv");
    settings_.vote_codec = VoteCoding::delta;
    EXPECT_EQ(verdict({}), "as the law has it");
    EXPECT_THAT(verdict(Kind::vote), HasSubstr("round 1, worker 0, up vote positions"));
    EXPECT_THAT(verdict(Kind::mask), HasSubstr("round 1, worker 0, down mask positions"));
    settings_.scheme = &scheme_named("mv-ad");
    settings_.vote_codec = VoteCoding::positions;
    EXPECT_EQ(verdict({}), "as the law has it");
    EXPECT_THAT(verdict(Kind::add), HasSubstr("round 2"));
    EXPECT_THAT(verdict(Kind::drop), HasSubstr("round 2, worker 0, up drop positions"));
  }
}

}  // namespace
}  // namespace mvsgd::sim
