// Momentum correction: where a worker's velocity is cleared, and what that does to the model.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/definition.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::size_t kD = 5'003;

Settings settings_of(const char* scheme) {
  Settings settings = preset("ssgd-mv").settings;
  settings.scheme = &scheme_named(scheme);
  settings.workers = 4;
  settings.phi = Decimal(2, 2);
  settings.momentum = 0.875;
  settings.momentum_correction = true;
  validate(settings);
  return settings;
}

GroupState run(const Settings& settings, const std::vector<Round>& plan, LocalUpdate& update) {
  Slots slots(2);
  comm::InprocGroup group(settings.workers);
  return run_group(
      {.group = group, .settings = settings, .rounds = plan, .update = update, .slots = slots},
      initial_state(settings.workers, std::vector<float>(kD, 1.0F), {}));
}

class MomentumCorrection : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Of, MomentumCorrection,
                         testing::Values("mv", "mv-rs", "mv-ad", "top-k", "rand-k"),
                         [](const testing::TestParamInfo<const char*>& scheme) {
                           std::string name = scheme.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(MomentumCorrection, ClearsTheVelocityWhereASparseRoundHasSentAndNowhereElse) {
  const Settings settings = settings_of(GetParam());
  for (const std::uint32_t sparse : {0U, 2U}) {
    DrawnUpdate update(kD, 2, 5, settings);
    const auto plan = plain_rounds(1, sparse);
    Definition definition(settings, std::vector<float>(kD, 1.0F));
    DefinedRound last;
    for (const Round& round : plan) last = definition.run(round, update);
    const GroupState state = run(settings, plan, update);
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      std::vector<compress::Index> cleared;
      for (compress::Index i = 0; i < kD; ++i) {
        if (state.workers[n].velocity[i] == 0) cleared.push_back(i);
      }
      // A dense round leaves nothing unsent, and clears nothing.
      EXPECT_EQ(cleared, sparse == 0 ? std::vector<compress::Index>() : last.sent_at[n]);
    }
  }
}

/// Algorithm 4 of Lin et al. (2018) in its own letters, on gradients -g: with H = 1 and a rate of
/// 1, e is V.
TEST_P(MomentumCorrection, IsAlgorithm4OfDeepGradientCompressionWhereHIs1) {
  const Settings settings = settings_of(GetParam());
  const auto plan = plain_rounds(0, 5);
  DrawnUpdate update(kD, 2, 5, settings);
  Settings plain = settings;
  plain.momentum = 0;
  plain.momentum_correction = false;
  DrawnUpdate gradients(kD, 1, 5, plain);
  Definition definition(settings, std::vector<float>(kD));
  std::vector<std::vector<double>> u(settings.workers, std::vector<double>(kD));
  std::vector<std::vector<double>> v = u;
  const std::vector<float> zero(kD);
  for (const Round& round : plan) {
    const DefinedRound defined = definition.run(round, update);
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      const auto g = gradients.run(0, round, n, zero, {}).theta.host();
      for (std::size_t i = 0; i < kD; ++i) {
        u[n][i] = 0.875 * u[n][i] + static_cast<double>(g[i]);
        v[n][i] += u[n][i];
      }
      for (const compress::Index i : defined.sent_at[n]) u[n][i] = v[n][i] = 0;
      for (std::size_t i = 0; i < kD; ++i) {
        // Each of 5 rounds rounds a few numbers below 32 to float32, of theta too.
        EXPECT_NEAR(static_cast<double>(definition.velocity(n)[i]), u[n][i], 5 * 4 * 32 * 0x1p-24);
        EXPECT_NEAR(static_cast<double>(definition.error(n)[i]), v[n][i], 5 * 8 * 32 * 0x1p-24);
      }
    }
  }
}

}  // namespace
}  // namespace mvsgd::sim
