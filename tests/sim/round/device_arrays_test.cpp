// Tier cuda_emulated: a worker's arrays on the emulated device. With the same model differences, a
// whole run gives the same bits as on the host.
#include "sim/round/device_arrays.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "comm/inproc/inproc.hpp"
#include "compress/cuda/make_cuda_operators.hpp"
#include "nn/cuda/make_cuda.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/round/group.hpp"
#include "sim/verify/drawn_update.hpp"
#include "tests/cuda_emulation/device.hpp"
#include "tests/sim/round/scheme_case.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::size_t kD = 5'003;
constexpr std::uint32_t kRounds = 6;

/// DrawnUpdate's differences, in a tensor of the slot's backend.
class DrawnOnDevices final : public LocalUpdate {
 public:
  DrawnOnDevices(std::size_t slots, std::size_t devices) : drawn_(kD, slots, 5), devices_(devices) {
    for (std::size_t slot = 0; slot < slots; ++slot) {
      backends_.push_back(nn::make_cuda_backend({.device = static_cast<int>(slot % devices)}));
      theta_h_.push_back(backends_.back()->allocate({kD}));
    }
  }

  LocalResult run(std::size_t slot, const Round& round, std::uint32_t worker, const FlatView& theta,
                  LocalMemory memory) override {
    compress::DeviceOperators& operators = *theta.device().operators;
    std::vector<float> here(kD);
    operators.read(theta.device().array, here);
    const LocalResult drawn = drawn_.run(slot, round, worker, here, memory);
    backends_[slot]->enter(1);
    backends_[slot]->write(theta_h_[slot], drawn.theta.host());
    return {.theta = FlatView::OnDevice{.operators = &operators,
                                        .array = compress::cuda_array(theta_h_[slot])}};
  }

  /// Makes arrays on the devices, in turn.
  [[nodiscard]] MakeArrays make_arrays() const {
    return [devices = devices_](std::uint32_t worker) {
      return std::make_unique<DeviceArrays>(
          compress::make_cuda_operators(static_cast<int>(worker % devices)));
    };
  }

 private:
  DrawnUpdate drawn_;
  std::size_t devices_;
  std::vector<std::unique_ptr<nn::Backend>> backends_;
  std::vector<nn::Tensor> theta_h_;
};

/// A dense round, then sparse ones if the scheme has them. The learning rate decays before one of
/// them.
std::vector<Round> plan_of(const Scheme& scheme) {
  const bool sparse = scheme.sparse() != nullptr;
  std::vector<Round> rounds = sparse ? plain_rounds(1, kRounds - 1) : plain_rounds(kRounds, 0);
  rounds[3].decay = 0.1F;
  return rounds;
}

struct Outcome {
  GroupState state;
  std::vector<comm::LedgerRow> ledger;
};

Outcome run(const Settings& settings, LocalUpdate& update, const MakeArrays& make_arrays,
            std::size_t slot_count, std::size_t devices) {
  Outcome outcome{initial_state(settings.workers, std::vector<float>(kD, 1.0F), {}), {}};
  const std::vector<Round> rounds = plan_of(*settings.scheme);
  Slots slots(slot_count, devices);
  comm::InprocGroup group(settings.workers);
  // A pause on the way moves the arrays to the host and back.
  while (outcome.state.t < kRounds) {
    outcome.state =
        run_group({.group = group,
                   .settings = settings,
                   .rounds = rounds,
                   .update = update,
                   .make_arrays = make_arrays,
                   .slots = slots,
                   .on_closed =
                       [&](const RoundRecord& record) {
                         outcome.ledger.insert(outcome.ledger.end(), record.ledger.begin(),
                                               record.ledger.end());
                       },
                   .pause_after = [](const Round& round) { return round.t == 4; }},
                  std::move(outcome.state));
  }
  return outcome;
}

bool same_rows(const std::vector<comm::LedgerRow>& a, const std::vector<comm::LedgerRow>& b) {
  return std::ranges::equal(a, b, [](const comm::LedgerRow& x, const comm::LedgerRow& y) {
    return x.id == y.id && x.field == y.field && x.bits == y.bits;
  });
}

class ArraysOnDevices : public testing::TestWithParam<SchemeCase> {
 protected:
  void TearDown() override { cuda_emulation::set_devices(1); }
};

TEST_P(ArraysOnDevices, GiveTheBitsOfTheHost) {
  const SchemeCase& c = GetParam();
  Settings settings = preset("ssgd-mv").settings;
  settings.workers = 3;
  settings.phi = Decimal(2, 2);
  settings.tie_break = TieBreaking::index;
  settings.scheme = &scheme_named(c.scheme);
  settings.value_bits = c.q;
  if (c.q == 1) settings.quantizer = "scaled-sign";
  settings.quantization_error = c.quantization_error;
  settings.overrides.error_rescale_on_decay = true;
  validate(settings);
  DrawnUpdate on_host(kD, 2, 5);
  const Outcome want = run(settings, on_host, {}, 2, 1);
  for (const std::size_t devices : {1U, 2U}) {
    cuda_emulation::set_devices(static_cast<int>(devices));
    DrawnOnDevices on_devices(2, devices);
    const Outcome got = run(settings, on_devices, on_devices.make_arrays(), 2, devices);
    EXPECT_TRUE(same_rows(got.ledger, want.ledger));
    EXPECT_TRUE(same_bits(got.state.server.theta, want.state.server.theta));
    EXPECT_EQ(got.state.server.mask, want.state.server.mask);
    for (std::uint32_t n = 0; n < settings.workers; ++n) {
      const WorkerState& worker = got.state.workers[n];
      EXPECT_TRUE(same_bits(worker.theta, want.state.workers[n].theta)) << "worker " << n;
      EXPECT_TRUE(same_bits(worker.e, want.state.workers[n].e)) << "worker " << n;
      EXPECT_EQ(worker.vote, want.state.workers[n].vote) << "worker " << n;
      EXPECT_EQ(worker.threshold, want.state.workers[n].threshold) << "worker " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, ArraysOnDevices,
                         testing::Values(SchemeCase{"Dense", "dense"}, SchemeCase{"TopK", "top-k"},
                                         SchemeCase{"Mv", "mv"}, SchemeCase{"MvQ4", "mv", 4},
                                         SchemeCase{"MvQ4Lost", "mv", 4, false},
                                         SchemeCase{"MvSign", "mv", 1}, SchemeCase{"MvRs", "mv-rs"},
                                         SchemeCase{"MvAd", "mv-ad"},
                                         SchemeCase{"MvAdQ4", "mv-ad", 4}),
                         [](const auto& given) { return std::string(given.param.name); });

TEST(ArraysOnADevice, MoveToTheLocalThetaWhereThereIsNobodyToTalkTo) {
  DrawnOnDevices update(1, 1);
  const auto arrays = update.make_arrays()(0);
  arrays->put({.theta = std::vector<float>(kD, 1.0F), .e = {}});
  Round round;
  round.t = 1;
  arrays->move_to(update.run(0, round, 0, arrays->theta(), {}).theta);
  DrawnUpdate drawn(kD, 1, 5);
  const std::vector<float> one(kD, 1.0F);
  EXPECT_TRUE(same_bits(arrays->read_theta(), drawn.run(0, round, 0, one, {}).theta.host()));
  EXPECT_TRUE(arrays->take().e.empty());
}

}  // namespace
}  // namespace mvsgd::sim
