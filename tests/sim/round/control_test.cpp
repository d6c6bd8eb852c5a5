// What ranks tell each other besides the protocol arrives unchanged or is refused.
#include "sim/round/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/round/telemetry.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class Control : public testing::Test {
 protected:
  comm::InprocGroup group_{3};
  comm::Transport& server_ = group_.end(3);
};

TEST_F(Control, APauseReachesEveryWorker) {
  send_pause(server_, 7, false);
  send_pause(server_, 8, true);
  for (std::uint32_t n = 0; n < 3; ++n) {
    EXPECT_FALSE(receive_pause(group_.end(n), 7)) << n;
    EXPECT_TRUE(receive_pause(group_.end(n), 8)) << n;
  }
}

TEST_F(Control, APauseOfAnotherRoundIsRefused) {
  send_pause(server_, 7, true);
  EXPECT_THAT(
      [&] { (void)receive_pause(group_.end(1), 8); },
      ThrowsMessage<comm::DecodeError>("worker 1 awaited pause or not after round 8, got round 7"));
}

TEST_F(Control, ABegunRoundIsToldOrRefused) {
  send_begun(group_.end(1), 7);
  send_begun(group_.end(2), 7);
  EXPECT_NO_THROW(receive_begun(server_, 1, 7));
  EXPECT_THAT(
      [&] { receive_begun(server_, 2, 8); },
      ThrowsMessage<comm::DecodeError>("the server awaited begun after round 8, got round 7"));
}

constexpr float kTheta[] = {1.0F, -2.0F, 0.5F};

TEST_F(Control, EqualModelsHaveEqualDigests) {
  for (std::uint32_t n = 0; n < 3; ++n) {
    send_digest(group_.end(n), digest_of(kTheta, std::vector<compress::Index>{0, 2}));
  }
  EXPECT_NO_THROW(check_digests(server_, digest_of(kTheta, std::vector<compress::Index>{0, 2})));
}

TEST_F(Control, AWorkerOfOtherParametersIsNamedWithBothDigests) {
  const ModelDigest own = digest_of(kTheta, {});
  std::vector<float> other(std::begin(kTheta), std::end(kTheta));
  other[2] = 0.50000006F;  // the next larger float
  const ModelDigest theirs = digest_of(other, {});
  for (std::uint32_t n = 0; n < 3; ++n) send_digest(group_.end(n), n == 1 ? theirs : own);
  EXPECT_THAT([&] { check_digests(server_, own); },
              ThrowsMessage<CheckFailed>("worker 1's parameters are not the server's: SHA-256 " +
                                         theirs.theta + " there, " + own.theta + " here"));
}

TEST_F(Control, AWorkerOfAnotherMaskIsNamed) {
  const ModelDigest own = digest_of(kTheta, std::vector<compress::Index>{0, 2});
  const ModelDigest theirs = digest_of(kTheta, std::vector<compress::Index>{0, 1});
  for (std::uint32_t n = 0; n < 3; ++n) send_digest(group_.end(n), n == 2 ? theirs : own);
  EXPECT_THAT([&] { check_digests(server_, own); },
              ThrowsMessage<CheckFailed>(HasSubstr("worker 2's mask is not the server's")));
}

TEST_F(Control, APartArrivesWithoutThetaAndMask) {
  WorkerState state;
  state.theta = {1, 2, 3};
  state.mask = {1};
  state.e = {0.5F, -0.0F, 1e-30F};
  state.velocity = {-0.0F, 7, 1e-30F};
  state.buffers = {4, 5};
  state.vote = {0, 2};
  state.threshold = 0.125F;
  send_part(group_.end(0), state);
  const WorkerState part = receive_part(server_, 0, 3);
  EXPECT_EQ(part.theta, std::vector<float>());
  EXPECT_EQ(part.mask, std::vector<compress::Index>());
  EXPECT_EQ(digest_of(part.e, {}).theta, digest_of(state.e, {}).theta);
  EXPECT_EQ(digest_of(part.velocity, {}).theta, digest_of(state.velocity, {}).theta);
  EXPECT_EQ(part.buffers, state.buffers);
  EXPECT_EQ(part.vote, state.vote);
  EXPECT_EQ(part.threshold, state.threshold);
}

TEST_F(Control, APartOfAnotherModelIsRefused) {
  const auto refused = [&](const WorkerState& state) {
    send_part(group_.end(0), state);
    EXPECT_THROW((void)receive_part(server_, 0, 3), comm::DecodeError);
  };
  refused({.theta = {}, .e = {1, 2}, .buffers = {}, .vote = {}, .mask = {}});
  refused({.theta = {}, .e = {1, 2, 3}, .velocity = {1, 2}, .buffers = {}, .vote = {}, .mask = {}});
  refused({.theta = {}, .e = {1, 2, 3}, .buffers = {}, .vote = {0, 3}, .mask = {}});
  refused({.theta = {}, .e = {1, 2, 3}, .buffers = {}, .vote = {1, 1}, .mask = {}});
}

TEST(PartOfACheckpoint, HasNeitherErrorsNorVelocityBeforeRoundOne) {
  const auto taken = [](const WorkerState& state, std::size_t errors) {
    const std::vector<std::byte> bytes = encode_part(state);
    try {
      return decode_part(bytes, 0, 3, errors).buffers == state.buffers;
    } catch (const comm::DecodeError&) {
      return false;
    }
  };
  const WorkerState first{.theta = {}, .e = {}, .buffers = {4}, .vote = {}, .mask = {}};
  EXPECT_TRUE(taken(first, 0));
  EXPECT_FALSE(taken(first, 3));
  WorkerState later = first;
  later.e = {1, 2, 3};
  EXPECT_TRUE(taken(later, 3));
  EXPECT_FALSE(taken(later, 0));
  later.velocity = {1, 2, 3};
  EXPECT_TRUE(taken(later, 3));
  later.e.clear();
  EXPECT_FALSE(taken(later, 0));
}

TEST_F(Control, APartIsRefusedWhereverItIsCutOrLonger) {
  const WorkerState state{.theta = {}, .e = {1, 2, 3}, .buffers = {4}, .vote = {2}, .mask = {}};
  send_part(group_.end(0), state);
  const std::vector<std::byte> whole = server_.receive_control(0, "part of a checkpoint");
  for (std::size_t size = 0; size <= whole.size() + 1; ++size) {
    std::vector<std::byte> bytes = whole;
    bytes.resize(size);
    group_.end(0).send_control(3, "part of a checkpoint", bytes);
    if (size == whole.size()) {
      EXPECT_NO_THROW((void)receive_part(server_, 0, 3));
    } else {
      EXPECT_THROW((void)receive_part(server_, 0, 3), comm::DecodeError) << size;
    }
  }
}

TEST(WorkerReport, ArrivesAsItWasAndAddsUp) {
  const WorkerReport report{.loss = 2.302,
                            .steps = 4,
                            .images = 256,
                            .vote_overlap = 0.75,
                            .overlaps = 1,
                            .phases = {.local_steps = 1, .vote = 2, .exchange = 3, .server = 4}};
  WorkerReport sum = report;
  sum += decode_report(encode_report(report));
  EXPECT_EQ(sum.loss, 4.604);
  EXPECT_EQ(sum.steps, 8U);
  EXPECT_EQ(sum.images, 512U);
  EXPECT_EQ(sum.vote_overlap, 1.5);
  EXPECT_EQ(sum.overlaps, 2U);
  EXPECT_EQ(sum.phases.local_steps, 2);
  EXPECT_EQ(sum.phases.vote, 4);
  EXPECT_EQ(sum.phases.exchange, 6);
  EXPECT_EQ(sum.phases.server, 8);
}

TEST(WorkerReport, IsRefusedWhereItIsCutOrLonger) {
  std::vector<std::byte> bytes = encode_report({});
  const std::size_t size = bytes.size();
  for (const std::size_t other : {std::size_t{0}, size - 1, size + 1}) {
    bytes.resize(other);
    EXPECT_THROW((void)decode_report(bytes), comm::DecodeError) << other;
  }
}

}  // namespace
}  // namespace mvsgd::sim
