#include "sim/train/backends.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "sim/plan/keys.hpp"

namespace mvsgd::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;

using Values = std::vector<std::pair<std::string, std::string>>;

std::string refusal(const Values& values) {
  Settings settings;
  set(settings, values);
  try {
    check_backend(settings);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "nothing was thrown";
}

bool is_built(std::string_view name) { return testing::Value(backends_built(), Contains(name)); }

TEST(Backends, TheReferenceIsInEveryBuildAndTheFirst) {
  EXPECT_EQ(backends_built().front(), "reference");
}

TEST(Backends, WhatABackendCannotTakeIsRefusedByName) {
  const std::string none = "nothing was thrown";
  EXPECT_THAT(refusal({{"backend", "reference"}, {"conv_algorithm", "winograd"}}),
              HasSubstr("conv_algorithm = winograd: backend = reference"));
  EXPECT_THAT(refusal({{"backend", "reference"}, {"precision", "bf16"}}),
              HasSubstr("precision = bf16: backend = reference"));
  EXPECT_THAT(refusal({{"backend", "reference"}, {"precision", "tf32"}}),
              HasSubstr("precision = tf32: backend = reference"));
  EXPECT_THAT(refusal({{"backend", "reference"}, {"step_graph", "true"}}),
              HasSubstr("step_graph = true: backend = reference has no graphs"));
  EXPECT_EQ(refusal({{"backend", "reference"}, {"conv_algorithm", "direct"}}), none);
  if (is_built("onednn")) {
    EXPECT_THAT(refusal({{"backend", "onednn"}, {"step_graph", "true"}}),
                HasSubstr("step_graph = true: backend = onednn"));
    EXPECT_THAT(refusal({{"backend", "onednn"}, {"precision", "tf32"}}),
                HasSubstr("precision = tf32: backend = onednn"));
    EXPECT_THAT(refusal({{"precision", "bf16"}, {"conv_algorithm", "winograd"}}),
                HasSubstr("with precision = bf16 convolutions are direct"));
    EXPECT_EQ(refusal({{"backend", "onednn"}, {"precision", "bf16"}}), none);
  }
  if (is_built("cuda")) {
    EXPECT_THAT(refusal({{"backend", "cuda"}, {"conv_algorithm", "direct"}}),
                HasSubstr("conv_algorithm: backend = cuda"));
    EXPECT_EQ(refusal({{"backend", "cuda"}, {"precision", "tf32"}, {"step_graph", "true"}}), none);
  }
}

TEST(Backends, OneThatThisBuildHasNotIsRefusedWithThoseThatItHas) {
  EXPECT_THAT(refusal({{"backend", "abacus"}}),
              HasSubstr("backend = abacus: this build has reference"));
}

TEST(Backends, TheProcessorHasNoOperatorsOfADevice) {
  Settings settings;
  settings.backend = "reference";
  settings.workers = 3;
  EXPECT_EQ(device_count(settings), 1U);
  EXPECT_EQ(make_operators(settings, 0), nullptr);
  EXPECT_EQ(device_array(settings, make_backend(settings)->allocate({2})).memory, nullptr);
  EXPECT_EQ(engines_of(settings), "");
}

}  // namespace
}  // namespace mvsgd::sim
