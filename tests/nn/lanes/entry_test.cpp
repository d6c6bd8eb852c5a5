// What the backend's entry makes of a run's options, and what it says of this processor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "nn/lanes/bf16_convolution.hpp"
#include "nn/lanes/lanes_backend.hpp"
#include "nn/lanes/make_lanes.hpp"

namespace mvsgd::nn {
namespace {

using lanes::Isa;
using ::testing::EndsWith;

Isa made_with(InstructionSet wanted) {
  const std::unique_ptr<Backend> made = lanes_entry().make({.instruction_set = wanted}, 0);
  return dynamic_cast<const lanes::LanesBackend&>(*made).isa();
}

// All of them compute the same bits, so no result tells which loops ran.
TEST(LanesEntry, MakesTheLoopsThatAreAskedFor) {
  for (const auto& [wanted, isa] : {std::pair{InstructionSet::portable, Isa::portable},
                                    std::pair{InstructionSet::avx2, Isa::avx2},
                                    std::pair{InstructionSet::avx512, Isa::avx512}}) {
    if (lanes::supports(isa)) {
      EXPECT_EQ(made_with(wanted), isa) << name(isa);
    }
  }
}

TEST(LanesEntry, TakesTheLastSupportedSetWhereTheBestIsAskedFor) {
  Isa last = Isa::portable;
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (lanes::supports(isa)) last = isa;
  }
  EXPECT_EQ(lanes::best_isa(), last);
  EXPECT_EQ(made_with(InstructionSet::best), last);
}

TEST(LanesEntry, TakesTheFirstEngineForTilesThatCanBeUsed) {
  using lanes::Bf16Engine;
  const bool amx = lanes::objection(Bf16Engine::amx).empty();
  const bool fma = lanes::objection(Bf16Engine::fma).empty();
  EXPECT_EQ(fma, lanes::supports(Isa::avx2));
  EXPECT_EQ(lanes::fastest_bf16_engine(), amx   ? Bf16Engine::amx
                                          : fma ? Bf16Engine::fma
                                                : Bf16Engine::model);
}

TEST(LanesEntry, SaysWhichBf16IsFasterAndWhyTheTileUnitCannotBeUsed) {
  const std::string why = lanes::objection(lanes::Bf16Engine::amx);
  const bool has_tiles = why.empty();
  EXPECT_EQ(fastest_bf16_convolution(),
            has_tiles ? ConvolutionChoice::direct : ConvolutionChoice::winograd);
  EXPECT_THAT(lanes_entry().convolutions(),
              EndsWith(has_tiles ? "conv_algorithm = direct, by AMX's tiles"
                                 : "conv_algorithm = winograd: " + why));
}

}  // namespace
}  // namespace mvsgd::nn
